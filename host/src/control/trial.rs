//! A plugin is asked about a job that nobody has, as in a pass, and its answer goes past the guard rails of one.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ExtensionPlugins;
use super::chain::Chain;
use super::judge::judge;
use super::words::describe_targets;
use crate::causes::in_one_text;
use crate::extension::{ExtensionError, Extensions, NoExtensions};
use crate::model::{Applicant, Evaluated, Evaluation, Observation, Proposal, Ruling, Scalar, Verdict};
use crate::policy::{Policy, PolicyError};

/// What a plugin answered on trial, in words for its author.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answered {
    /// What it said.
    pub said: String,
    /// What the host takes, and may not be meant.
    pub doubts: Vec<String>,
}

impl Answered {
    fn plainly(said: impl Into<String>) -> Self {
        Self { said: said.into(), doubts: Vec::new() }
    }

    fn declined(reason: &str) -> Self {
        Self { said: format!("no answer: {reason}"), doubts: vec![format!("it has no answer: {reason}")] }
    }
}

/// Lets a policy decide on a job that has no evaluators, aligners or filters.
///
/// # Errors
/// Why the pass would have failed: it does not answer, or its answer must not be taken.
pub async fn try_policy(policy: &dyn Policy, view: &Arc<Observation>) -> Result<Answered, String> {
    let decision = match policy.decide(Arc::clone(view), Arc::new(NoExtensions)).await {
        Ok(decision) => decision,
        Err(PolicyError::Declined(reason)) => return Ok(Answered::declined(&in_one_text(&reason))),
        Err(error) => return Err(in_one_text(&error)),
    };
    let admitted = judge(policy.name(), view, &decision)?.unwrap_or_default();
    let targets = match &decision.verdict {
        Verdict::Hold { reason } => return Ok(Answered::plainly(format!("hold: {reason}"))),
        Verdict::Scale(targets) => targets,
    };
    let changes = describe_targets(view, &admitted);
    let said = if changes.is_empty() { "scale: to what runs".to_owned() } else { format!("scale: {changes}") };
    let held = targets.iter().filter_map(|target| {
        let (asked, held) = (target.parallelism, *admitted.get(&target.vertex)?);
        let vertex = view.topology.vertices.iter().find(|vertex| vertex.id == target.vertex)?;
        (asked != held).then(|| format!("it asks for parallelism {asked} of {}, the host holds {held}", vertex.name))
    });
    Ok(Answered { said, doubts: held.collect() })
}

/// Lets the evaluator that the job's options choose evaluate every vertex, of which a policy has `evaluated` this.
///
/// # Errors
/// Why it would not be asked again in such a pass.
pub async fn try_evaluator(
    plugins: &ExtensionPlugins,
    view: &Arc<Observation>,
    evaluated: &[Evaluated],
) -> Result<Answered, String> {
    let selection = plugins.select(&view.cluster, &view.job_name, &view.configuration);
    let chosen = selection.map_err(|error| in_one_text(&error))?.evaluator;
    let Some(chosen) = chosen else { return Err("the job's options do not choose it".to_owned()) };
    let shown = chosen.shown(view);
    let vertices = &view.topology.vertices;
    let mut known = Evaluation::of_columns(vertices.len(), evaluated);
    let (mut names, mut doubts) = (BTreeSet::new(), BTreeSet::new());
    for (index, vertex) in vertices.iter().enumerate() {
        match chosen.plugin.evaluate(Arc::clone(&shown), Arc::new(known.clone()), index).await {
            Ok(metrics) => {
                for metric in metrics {
                    if metric.current.is_nan() && metric.average.is_nan() {
                        doubts.insert(format!("`{}` of {} is NaN: that says nothing", metric.metric, vertex.name));
                    }
                    known.merge(index, &metric);
                    names.insert(metric.metric);
                }
            }
            Err(ExtensionError::Declined { reason }) => {
                doubts.insert(format!("it has no answer: {reason}"));
            }
            Err(error) => return Err(in_one_text(&error)),
        }
    }
    let names: Vec<String> = names.into_iter().collect();
    let said = if names.is_empty() { "nothing to say".to_owned() } else { format!("evaluated {}", names.join(", ")) };
    Ok(Answered { said, doubts: doubts.into_iter().collect() })
}

/// Lets the filters that the job's options choose judge changes, about whose vertices a policy has `evaluated` this.
///
/// # Errors
/// Why the pass would have failed.
pub async fn try_filters(
    plugins: &ExtensionPlugins,
    view: &Arc<Observation>,
    changes: Vec<Proposal>,
    evaluated: Vec<Evaluated>,
) -> Result<Answered, String> {
    let ruling = chain(plugins, view)?.filter(changes.clone(), evaluated).await?;
    Ok(Answered::plainly(match ruling {
        Ruling::Accepted(left) if left == changes => "accepted".to_owned(),
        Ruling::Accepted(left) => {
            let target = |change: Proposal| Some((view.topology.vertices.get(change.vertex)?.id, change.parallelism));
            format!("left {}", describe_targets(view, &left.into_iter().filter_map(target).collect()))
        }
        Ruling::Vetoed { reason, .. } => format!("vetoed: {reason}"),
    }))
}

/// Lets the aligner that the job's options choose align one vertex, of which a policy has `evaluated` this.
///
/// # Errors
/// Why the pass would have failed.
pub async fn try_aligner(
    plugins: &ExtensionPlugins,
    view: &Arc<Observation>,
    applicant: Applicant,
    evaluated: &[Evaluated],
) -> Result<Answered, String> {
    let (lowest, highest) = (applicant.lower_limit.max(1), applicant.upper_limit.min(applicant.max_parallelism));
    let value = |values: &[f64]| values.get(applicant.vertex).copied().unwrap_or(f64::NAN);
    let of_vertex = |column: &Evaluated| Scalar {
        metric: column.metric.clone(),
        current: value(&column.current),
        average: value(&column.average),
    };
    let evaluated = evaluated.iter().map(of_vertex).collect();
    let Some(aligned) = chain(plugins, view)?.align(applicant, evaluated).await? else {
        return Ok(Answered::plainly("left as it is"));
    };
    // The bundled policy takes it as it is, and the host refuses what comes of it.
    if !(1..=i32::MAX as u32).contains(&aligned) {
        return Err(format!("it aligns to parallelism {aligned}: it must be from 1 to 2147483647"));
    }
    let is_allowed = (lowest..=highest).contains(&aligned);
    let doubts = (!is_allowed).then(|| format!("it aligns to {aligned}, the options allow {lowest} to {highest}"));
    Ok(Answered { said: format!("aligned to {aligned}"), doubts: doubts.into_iter().collect() })
}

fn chain(plugins: &ExtensionPlugins, view: &Arc<Observation>) -> Result<Chain, String> {
    let selection = plugins.select(&view.cluster, &view.job_name, &view.configuration);
    Ok(Chain::new(selection.map_err(|error| in_one_text(&error))?, view))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tidegate_common::configuration::Configuration;

    use super::*;
    use crate::extension::{Aligner, Evaluator, Filter};
    use crate::made_up::{applicant, steady};
    use crate::model::{Decision, Failure, FilterOutcome, Target, VertexId};

    /// Always the same answer.
    #[derive(Clone)]
    struct Fixed<T>(T);

    #[async_trait]
    impl Policy for Fixed<Result<Decision, Failure>> {
        fn name(&self) -> &str {
            "fixed"
        }

        async fn check_options(&self, _: &str, _: &Configuration) -> Result<Vec<String>, PolicyError> {
            Ok(Vec::new())
        }

        async fn decide(&self, _: Arc<Observation>, _: Arc<dyn Extensions>) -> Result<Decision, PolicyError> {
            self.0.clone().map_err(PolicyError::from)
        }
    }

    #[async_trait]
    impl Filter for Fixed<FilterOutcome> {
        fn name(&self) -> &str {
            "fixed"
        }

        fn priority(&self) -> i32 {
            0
        }

        async fn filter(
            &self,
            _: Arc<Observation>,
            _: Arc<Evaluation>,
            _: Vec<Proposal>,
        ) -> Result<FilterOutcome, ExtensionError> {
            Ok(self.0.clone())
        }
    }

    #[async_trait]
    impl Evaluator for Fixed<Vec<Scalar>> {
        fn name(&self) -> &str {
            "fixed"
        }

        async fn evaluate(
            &self,
            _: Arc<Observation>,
            _: Arc<Evaluation>,
            _: usize,
        ) -> Result<Vec<Scalar>, ExtensionError> {
            Ok(self.0.clone())
        }
    }

    #[async_trait]
    impl Aligner for Fixed<Option<u32>> {
        fn name(&self) -> &str {
            "fixed"
        }

        async fn align(
            &self,
            _: Arc<Observation>,
            _: Applicant,
            _: Vec<Scalar>,
        ) -> Result<Option<u32>, ExtensionError> {
            Ok(self.0)
        }
    }

    /// A job of two vertices with parallelism 4, whose options choose `fixed` for everything.
    fn view() -> Arc<Observation> {
        let mut view = steady(2, 10, 0);
        let own = [
            ("job.autoscaler.metrics.custom-evaluators", "f"),
            ("job.autoscaler.metrics.custom-evaluator.f.class", "fixed"),
            ("job.autoscaler.scaling.parallelism-alignment.mode", "f"),
            ("job.autoscaler.scaling.parallelism-alignment.mode.f.class", "fixed"),
        ];
        let own: Configuration = own.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        view.configuration = Arc::new(view.configuration.overlaid_with(&own));
        for (vertex, name) in view.topology.vertices.iter_mut().zip(["source", "sink"]) {
            name.clone_into(&mut vertex.name);
        }
        Arc::new(view)
    }

    fn answered(said: &str, doubts: &[&str]) -> Result<Answered, String> {
        Ok(Answered { said: said.to_owned(), doubts: doubts.iter().map(|doubt| (*doubt).to_owned()).collect() })
    }

    fn refused(reason: &str) -> Result<Answered, String> {
        Err(reason.to_owned())
    }

    #[tokio::test]
    async fn what_a_policy_says_goes_past_the_guard_rails() {
        let view = view();
        let source = view.topology.vertices[0].id;
        let scale = |vertex, parallelism| {
            Ok(Decision { verdict: Verdict::Scale(vec![Target { vertex, parallelism }]), ..Decision::default() })
        };
        let hold = || Verdict::Hold { reason: "all is well".to_owned() };
        let nan = Evaluated { metric: "LOAD".to_owned(), current: vec![f64::NAN; 2], average: Vec::new() };
        let smuggled = vec![("parallelismOverrides".to_owned(), None)];
        let stranger = VertexId::from_u128(99);
        for (answer, expected) in [
            (Ok(Decision { verdict: hold(), ..Decision::default() }), answered("hold: all is well", &[])),
            // As evaluated metrics of Flink's autoscaler are where nothing is known.
            (
                Ok(Decision { verdict: hold(), evaluated: vec![nan], ..Decision::default() }),
                answered("hold: all is well", &[]),
            ),
            (scale(source, 4), answered("scale: to what runs", &[])),
            (scale(source, 6), answered("scale: source 4->6", &[])),
            (
                scale(source, 900),
                answered("scale: source 4->200", &["it asks for parallelism 900 of source, the host holds 200"]),
            ),
            (
                Err(Failure::Executing("no idea".to_owned())),
                answered("no answer: no idea", &["it has no answer: no idea"]),
            ),
            (scale(stranger, 2), refused(&format!("the policy names vertex {stranger}, which the job does not have"))),
            (
                scale(source, 0),
                refused(&format!(
                    "the policy asks for parallelism 0 of vertex {source}: it must be from 1 to 2147483647"
                )),
            ),
            (
                Ok(Decision { verdict: hold(), state: smuggled, ..Decision::default() }),
                refused("the policy changes `parallelismOverrides` in the job's state, which is the host's own"),
            ),
        ] {
            assert_eq!(try_policy(&Fixed(answer), &view).await, expected);
        }
        let early = Arc::new(Observation {
            window_full_at: view.now.plus(std::time::Duration::from_secs(1)),
            ..(*view).clone()
        });
        let expected = "policy `fixed` wants to scale although the window is not full: nothing is changed";
        assert_eq!(try_policy(&Fixed(scale(source, 6)), &early).await, refused(expected));
    }

    #[tokio::test]
    async fn what_others_say_goes_past_the_checks_of_a_pass() {
        let view = view();
        let change = |vertex, parallelism| Proposal { vertex, parallelism };
        let sink = view.topology.vertices[1].id;
        for (outcome, expected) in [
            (FilterOutcome::Accept, answered("accepted", &[])),
            (FilterOutcome::Veto("not now".to_owned()), answered("vetoed: not now", &[])),
            (FilterOutcome::Modify(vec![change(1, 5)]), answered("left sink 4->5", &[])),
            (
                FilterOutcome::Modify(vec![change(7, 5)]),
                refused("filter `fixed` names vertex 7, which the job does not have"),
            ),
            (
                FilterOutcome::Modify(vec![change(1, 0)]),
                refused(&format!(
                    "filter `fixed` asks for parallelism 0 of vertex {sink}: it must be from 1 to 2147483647"
                )),
            ),
        ] {
            let mut plugins = ExtensionPlugins::default();
            plugins.add_filter(Arc::new(Fixed(outcome)), None, &["*".to_owned()]);
            assert_eq!(try_filters(&plugins, &view, vec![change(0, 6), change(1, 6)], Vec::new()).await, expected);
        }
        for (aligned, expected) in [
            (None, answered("left as it is", &[])),
            (Some(6), answered("aligned to 6", &[])),
            (Some(201), answered("aligned to 201", &["it aligns to 201, the options allow 1 to 200"])),
            (Some(0), refused("it aligns to parallelism 0: it must be from 1 to 2147483647")),
        ] {
            let mut plugins = ExtensionPlugins::default();
            plugins.add_aligner(Arc::new(Fixed(aligned)));
            assert_eq!(try_aligner(&plugins, &view, applicant(), &[]).await, expected);
        }
        let metric = |metric: &str, value| Scalar { metric: metric.to_owned(), current: value, average: value };
        for (metrics, expected) in [
            (Vec::new(), answered("nothing to say", &[])),
            (vec![metric("WIND", 7.0), metric("LOAD", 0.5)], answered("evaluated LOAD, WIND", &[])),
            (
                vec![metric("LOAD", f64::NAN)],
                answered(
                    "evaluated LOAD",
                    &["`LOAD` of sink is NaN: that says nothing", "`LOAD` of source is NaN: that says nothing"],
                ),
            ),
        ] {
            let mut plugins = ExtensionPlugins::default();
            plugins.add_evaluator(Arc::new(Fixed(metrics)));
            assert_eq!(try_evaluator(&plugins, &view, &[]).await, expected);
        }
        let none = try_evaluator(&ExtensionPlugins::default(), &view, &[]).await;
        assert_eq!(none, refused("the job's options do not choose it"));
    }
}
