//! Which evaluators, aligners and filters a job's options and the operator choose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options::{self, FALLBACK_PREFIX, PREFIX};
use wildmatch::WildMatch;

use crate::extension::{Aligner, Evaluator, Filter};
use crate::model::Observation;

/// The evaluators, aligners and filters that are there, by their plugins' names.
#[derive(Clone, Default)]
pub struct ExtensionPlugins {
    evaluators: BTreeMap<String, Arc<dyn Evaluator>>,
    aligners: BTreeMap<String, Arc<dyn Aligner>>,
    filters: BTreeMap<String, OfferedFilter>,
}

/// The same for a host that runs: always as it is now. Clones show the same.
#[derive(Clone, Default)]
pub struct LiveExtensions(Arc<ArcSwap<ExtensionPlugins>>);

impl LiveExtensions {
    /// Those that are there now.
    pub fn now(&self) -> Arc<ExtensionPlugins> {
        self.0.load_full()
    }

    /// From now on these are there. Passes under way go on with what they began with.
    pub fn replace(&self, plugins: ExtensionPlugins) {
        self.0.store(Arc::new(plugins));
    }
}

impl From<ExtensionPlugins> for LiveExtensions {
    fn from(plugins: ExtensionPlugins) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(plugins)))
    }
}

#[derive(Clone)]
struct OfferedFilter {
    filter: Arc<dyn Filter>,
    /// The operator's word on when it is asked.
    priority: Option<i32>,
    /// The jobs before whose changes it stands, as `cluster/job`, whether or not they name it.
    jobs: Vec<WildMatch>,
}

/// The plugins of one job.
#[derive(Default)]
pub(super) struct Selection {
    pub(super) evaluator: Option<Chosen<dyn Evaluator>>,
    pub(super) aligner: Option<Chosen<dyn Aligner>>,
    /// In the order in which they are asked.
    pub(super) filters: Vec<Chosen<dyn Filter>>,
    /// What was asked for in vain, in sentences for the operator.
    pub(super) warnings: Vec<String>,
}

/// One plugin of a job.
pub(super) struct Chosen<T: ?Sized> {
    /// What the job's options call it; the plugin's name where the operator chose it.
    pub(super) name: String,
    pub(super) plugin: Arc<T>,
    /// The job's configuration with the plugin's parameters over it, where the options have a word on them.
    pub(super) configuration: Option<Arc<Configuration>>,
}

/// A filter, and when it is asked.
type Ranked = (i32, Chosen<dyn Filter>);

/// What the keys of one kind of plugin start with, after the prefix of all options; the job's name for it follows.
const EVALUATOR: &str = "metrics.custom-evaluator.";
const ALIGNER: &str = "scaling.parallelism-alignment.mode.";
const FILTER: &str = "scaling.custom-executor.";

/// Alignment modes that need no plugin.
const BUILT_IN: [&str; 3] = ["BALANCED", "EVENLY_SPREAD", "OFF"];

impl ExtensionPlugins {
    /// Offers an evaluator to the jobs that name it.
    pub fn add_evaluator(&mut self, evaluator: Arc<dyn Evaluator>) {
        self.evaluators.insert(evaluator.name().to_owned(), evaluator);
    }

    /// Offers an aligner to the jobs that name it.
    pub fn add_aligner(&mut self, aligner: Arc<dyn Aligner>) {
        self.aligners.insert(aligner.name().to_owned(), aligner);
    }

    /// Offers a filter to the jobs that name it, and puts it before the changes of the jobs that match one of `jobs`
    /// (`cluster/job` with `*` for any text). `priority` goes over its own.
    pub fn add_filter(&mut self, filter: Arc<dyn Filter>, priority: Option<i32>, jobs: &[String]) {
        let jobs = jobs.iter().map(|pattern| WildMatch::new(pattern)).collect();
        self.filters.insert(filter.name().to_owned(), OfferedFilter { filter, priority, jobs });
    }

    /// The plugins of a job with this configuration.
    ///
    /// # Errors
    /// When an option that names plugins cannot be read.
    pub(super) fn select(
        &self,
        cluster: &str,
        job: &str,
        configuration: &Configuration,
    ) -> Result<Selection, InvalidValue> {
        let mut selection = Selection::default();
        let warnings = &mut selection.warnings;
        selection.evaluator = self.evaluator(configuration, warnings)?;
        selection.aligner = self.aligner(configuration, warnings)?;
        let mut filters = self.named_filters(configuration, warnings)?;
        filters.sort_by_key(|(priority, _)| *priority);
        // After those that the job's owner chose: nothing goes past the operator's.
        let mut placed = self.placed_filters(&format!("{cluster}/{job}"));
        placed.sort_by_key(|(priority, _)| *priority);
        selection.filters = filters.into_iter().chain(placed).map(|(_, filter)| filter).collect();
        Ok(selection)
    }

    fn evaluator(
        &self,
        configuration: &Configuration,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Chosen<dyn Evaluator>>, InvalidValue> {
        let names = configuration.read(&options::CUSTOM_EVALUATORS)?;
        let Some(name) = names.first() else { return Ok(None) };
        if names.len() > 1 {
            warnings.push(format!("only the first of {} custom evaluators is asked: {name}", names.len()));
        }
        let chosen = choose(EVALUATOR, name, configuration, |class| self.evaluators.get(class), warnings);
        Ok(chosen
            .map(|(plugin, overlaid)| Chosen::of(name, plugin.pin().unwrap_or_else(|| Arc::clone(plugin)), overlaid)))
    }

    fn aligner(
        &self,
        configuration: &Configuration,
        warnings: &mut Vec<String>,
    ) -> Result<Option<Chosen<dyn Aligner>>, InvalidValue> {
        let mode = configuration.read(&options::PARALLELISM_ALIGNMENT_MODE)?;
        let Some(name) = mode.filter(|mode| !BUILT_IN.contains(&mode.as_str())) else { return Ok(None) };
        let chosen = choose(ALIGNER, &name, configuration, |class| self.aligners.get(class), warnings);
        Ok(chosen
            .map(|(plugin, overlaid)| Chosen::of(&name, plugin.pin().unwrap_or_else(|| Arc::clone(plugin)), overlaid)))
    }

    fn named_filters(
        &self,
        configuration: &Configuration,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<Ranked>, InvalidValue> {
        let mut seen = BTreeSet::new();
        let mut filters = Vec::new();
        for name in configuration.read(&options::CUSTOM_EXECUTORS)? {
            if !seen.insert(name.clone()) {
                warnings.push(format!("custom executor {name} is named twice, and asked once"));
                continue;
            }
            let offered = |class: &str| self.filters.get(class);
            let Some((offered, configuration)) = choose(FILTER, &name, configuration, offered, warnings) else {
                continue;
            };
            let plugin = offered.pinned();
            filters.push((offered.priority(), Chosen { name, plugin, configuration: Some(configuration) }));
        }
        Ok(filters)
    }

    fn placed_filters(&self, job: &str) -> Vec<Ranked> {
        let placed = self.filters.iter().filter(|(_, offered)| offered.jobs.iter().any(|pattern| pattern.matches(job)));
        let chosen = |(name, offered): (&String, &OfferedFilter)| {
            let plugin = offered.pinned();
            (offered.priority(), Chosen { name: name.clone(), plugin, configuration: None })
        };
        placed.map(chosen).collect()
    }
}

impl OfferedFilter {
    /// The version in service now.
    fn pinned(&self) -> Arc<dyn Filter> {
        self.filter.pin().unwrap_or_else(|| Arc::clone(&self.filter))
    }

    fn priority(&self) -> i32 {
        self.priority.unwrap_or_else(|| self.filter.priority())
    }
}

impl<T: ?Sized> Chosen<T> {
    fn of(name: &str, plugin: Arc<T>, configuration: Arc<Configuration>) -> Self {
        Self { name: name.to_owned(), plugin, configuration: Some(configuration) }
    }

    /// What it is shown of a job: the observation with its own parameters over the job's options.
    pub(super) fn shown(&self, observation: &Arc<Observation>) -> Arc<Observation> {
        self.configuration.as_ref().map_or_else(
            || Arc::clone(observation),
            |own| Arc::new(Observation { configuration: Arc::clone(own), ..(**observation).clone() }),
        )
    }
}

/// What the options of a job call `name`: the plugin that the `class` among its parameters stands for, and the job's
/// configuration with those parameters over it. Warns where there is none.
fn choose<'p, T>(
    kind: &str,
    name: &str,
    configuration: &Configuration,
    offered: impl FnOnce(&str) -> Option<&'p T>,
    warnings: &mut Vec<String>,
) -> Option<(&'p T, Arc<Configuration>)> {
    let parameters = parameters(kind, name, configuration);
    let Some(class) = parameters.get("class").filter(|class| !class.trim().is_empty()) else {
        warnings.push(format!("{PREFIX}{kind}{name}.class names no plugin: {name} is left out"));
        return None;
    };
    let Some(plugin) = offered(class) else {
        warnings.push(format!("{PREFIX}{kind}{name}.class: there is no such plugin as {class}: {name} is left out"));
        return None;
    };
    Some((plugin, Arc::new(configuration.overlaid_with(&parameters))))
}

/// The parameters that the options have for `name`, their prefix removed. The canonical prefix goes over the fallback.
fn parameters(kind: &str, name: &str, configuration: &Configuration) -> Configuration {
    let mut parameters = Configuration::default();
    for prefix in [FALLBACK_PREFIX, PREFIX] {
        let prefix = format!("{prefix}{kind}{name}.");
        for (key, value) in configuration.with_prefix(&prefix) {
            if let Some(parameter) = key.strip_prefix(&prefix) {
                parameters.set(parameter, value);
            }
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tidegate_vectors::cases;

    use super::*;
    use crate::extension::ExtensionError;
    use crate::model::{Applicant, Evaluation, FilterOutcome, Observation, Proposal, Scalar};

    struct Named(String, i32);

    #[async_trait]
    impl Evaluator for Named {
        fn name(&self) -> &str {
            &self.0
        }

        async fn evaluate(
            &self,
            _: Arc<Observation>,
            _: Arc<Evaluation>,
            _: usize,
        ) -> Result<Vec<Scalar>, ExtensionError> {
            Ok(Vec::new())
        }
    }

    #[async_trait]
    impl Aligner for Named {
        fn name(&self) -> &str {
            &self.0
        }

        async fn align(
            &self,
            _: Arc<Observation>,
            _: Applicant,
            _: Vec<Scalar>,
        ) -> Result<Option<u32>, ExtensionError> {
            Ok(None)
        }
    }

    #[async_trait]
    impl Filter for Named {
        fn name(&self) -> &str {
            &self.0
        }

        fn priority(&self) -> i32 {
            self.1
        }

        async fn filter(
            &self,
            _: Arc<Observation>,
            _: Arc<Evaluation>,
            _: Vec<Proposal>,
        ) -> Result<FilterOutcome, ExtensionError> {
            Ok(FilterOutcome::Accept)
        }
    }

    fn named(name: &str, priority: i32) -> Arc<Named> {
        Arc::new(Named(name.to_owned(), priority))
    }

    fn options(options: &[(&str, &str)]) -> Configuration {
        options.iter().map(|(key, value)| (format!("job.autoscaler.{key}"), (*value).to_owned())).collect()
    }

    #[test]
    fn evaluators_are_selected_as_upstream_does() {
        for case in cases("upstream_custom_evaluator_selection") {
            let mut plugins = ExtensionPlugins::default();
            for name in case["registered"].as_array().unwrap() {
                plugins.add_evaluator(named(name.as_str().unwrap(), 0));
            }
            let mut configuration = Configuration::default();
            if let Some(names) = case["evaluators"].as_array() {
                let names: Vec<&str> = names.iter().map(|name| name.as_str().unwrap()).collect();
                configuration.set("job.autoscaler.metrics.custom-evaluators", names.join(";"));
            }
            for (name, class) in case["classes"].as_object().unwrap() {
                let key = format!("job.autoscaler.metrics.custom-evaluator.{name}.class");
                configuration.set(key, class.as_str().unwrap());
            }
            let selection = plugins.select("c", "j", &configuration).unwrap();
            let found = selection.evaluator.as_ref().map(|chosen| chosen.plugin.name());
            assert_eq!(found, case["expected"].as_str(), "{case}");
            let several = case["evaluators"].as_array().is_some_and(|names| names.len() > 1);
            let in_vain = case["evaluators"].is_array() && found.is_none();
            assert_eq!(!selection.warnings.is_empty(), several || in_vain, "{case} {:?}", selection.warnings);
        }
    }

    #[test]
    fn a_plugin_sees_its_parameters_over_the_jobs_options() {
        let mut plugins = ExtensionPlugins::default();
        plugins.add_aligner(named("tens", 0));
        let mut configuration = options(&[
            ("scaling.parallelism-alignment.mode", "mine"),
            ("scaling.parallelism-alignment.mode.mine.class", "tens"),
            ("scaling.parallelism-alignment.mode.mine.step", "10"),
            ("scaling.parallelism-alignment.mode.other.step", "11"),
        ]);
        let fallback = "kubernetes.operator.job.autoscaler.scaling.parallelism-alignment.mode.mine.";
        configuration.set(format!("{fallback}step"), "12");
        configuration.set(format!("{fallback}start"), "13");
        configuration.set("step", "of the job");
        configuration.set("pipeline.name", "of the job");
        let selection = plugins.select("c", "j", &configuration).unwrap();
        let aligner = selection.aligner.unwrap();
        let seen = aligner.configuration.unwrap();
        for (key, value) in [("step", "10"), ("start", "13"), ("class", "tens"), ("pipeline.name", "of the job")] {
            assert_eq!(seen.get(key), Some(value), "{key}");
        }
        assert_eq!((aligner.name.as_str(), aligner.plugin.name()), ("mine", "tens"));
    }

    #[test]
    fn filters_are_asked_by_priority_and_the_operators_last() {
        let mut plugins = ExtensionPlugins::default();
        plugins.add_filter(named("late", 7), None, &[]);
        plugins.add_filter(named("early", 7), Some(-1), &[]);
        plugins.add_filter(named("placed-late", 3), None, &["c/*".to_owned()]);
        plugins.add_filter(named("placed", 9), Some(2), &["*/j".to_owned()]);
        plugins.add_filter(named("elsewhere", 0), None, &["d/*".to_owned()]);
        let configuration = options(&[
            ("scaling.custom-executors", "a; b; a; c; d; e"),
            ("scaling.custom-executor.a.class", "late"),
            ("scaling.custom-executor.b.class", "early"),
            ("scaling.custom-executor.c.class", "late"),
            ("scaling.custom-executor.d.class", "gone"),
        ]);
        let selection = plugins.select("c", "j", &configuration).unwrap();
        let names: Vec<&str> = selection.filters.iter().map(|chosen| chosen.name.as_str()).collect();
        assert_eq!(names, ["b", "a", "c", "placed", "placed-late"]);
        let warnings = selection.warnings.join("; ");
        assert_eq!(selection.warnings.len(), 3, "{warnings}");
        for part in ["a is named twice", "no such plugin as gone", "e.class names no plugin"] {
            assert!(warnings.contains(part), "{warnings}");
        }
    }

    #[test]
    fn a_built_in_alignment_mode_needs_no_plugin() {
        for mode in ["BALANCED", "EVENLY_SPREAD", "OFF"] {
            let configuration = options(&[("scaling.parallelism-alignment.mode", mode)]);
            let selection = ExtensionPlugins::default().select("c", "j", &configuration).unwrap();
            assert!(selection.aligner.is_none() && selection.warnings.is_empty(), "{mode}");
        }
    }
}
