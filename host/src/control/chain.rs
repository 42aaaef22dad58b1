//! The evaluator, the aligner and the filters of one job in one pass, and what they have said.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tracing::{debug, warn};

use super::ExtensionUse;
use super::selection::{Chosen, Selection};
use crate::causes::in_one_text;
use crate::extension::{Aligner, Evaluator, ExtensionError, Extensions, Filter, Situation};
use crate::model::{Applicant, Evaluated, Evaluation, FilterOutcome, Observation, Proposal, Ruling, Scalar};

/// What a job's policy can ask in one pass. Holds on to the plugins that it began with.
pub(super) struct Chain {
    observation: Arc<Observation>,
    evaluator: Option<Link<dyn Evaluator>>,
    aligner: Option<Link<dyn Aligner>>,
    filters: Vec<Link<dyn Filter>>,
    progress: Mutex<Progress>,
}

/// A plugin, and what it is shown: the observation with its own parameters over the job's options.
struct Link<T: ?Sized> {
    name: String,
    plugin: Arc<T>,
    view: Arc<Observation>,
}

#[derive(Default)]
struct Progress {
    evaluation: Arc<Evaluation>,
    /// Whether the evaluator has failed in this pass so that it would again: it is not asked any more.
    evaluator_is_broken: bool,
    /// What the filters were last asked, and said.
    ruled: Option<(Vec<Proposal>, Ruling)>,
}

impl Chain {
    /// The plugins of `selection`, about this observation.
    pub(super) fn new(selection: Selection, observation: &Arc<Observation>) -> Self {
        let Selection { evaluator, aligner, filters, .. } = selection;
        let evaluation = Arc::new(Evaluation::of(observation.topology.vertices.len()));
        Self {
            observation: Arc::clone(observation),
            evaluator: evaluator.map(|chosen| Link::new(chosen, observation)),
            aligner: aligner.map(|chosen| Link::new(chosen, observation)),
            filters: filters.into_iter().map(|chosen| Link::new(chosen, observation)).collect(),
            progress: Mutex::new(Progress { evaluation, ..Progress::default() }),
        }
    }

    /// Whether there are filters.
    pub(super) fn has_filters(&self) -> bool {
        !self.filters.is_empty()
    }

    /// All plugins, for the record.
    pub(super) fn plugins(&self) -> Vec<ExtensionUse> {
        let using = |role, name: &str, plugin: &str, digest| ExtensionUse {
            role,
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            digest,
        };
        let evaluator =
            self.evaluator.iter().map(|link| using("evaluator", &link.name, link.plugin.name(), link.plugin.digest()));
        let aligner =
            self.aligner.iter().map(|link| using("aligner", &link.name, link.plugin.name(), link.plugin.digest()));
        let filters =
            self.filters.iter().map(|link| using("filter", &link.name, link.plugin.name(), link.plugin.digest()));
        evaluator.chain(aligner).chain(filters).collect()
    }

    /// Whether exactly these changes are what the filters left, so that they need not be asked again.
    pub(super) fn has_accepted(&self, changes: &[Proposal]) -> bool {
        let changes: BTreeSet<Proposal> = changes.iter().copied().collect();
        match &self.progress().ruled {
            Some((_, Ruling::Accepted(left))) => left.iter().copied().collect::<BTreeSet<_>>() == changes,
            _ => false,
        }
    }

    /// The filters' answer to changes that are well-formed.
    pub(super) async fn rule(&self, changes: Vec<Proposal>, evaluation: Evaluation) -> Result<Ruling, String> {
        let evaluation = Arc::new(evaluation);
        let mut left = changes.clone();
        for Link { name, plugin, view } in &self.filters {
            let answer = plugin.filter(Arc::clone(view), Arc::clone(&evaluation), left.clone()).await;
            let failed = |error: &ExtensionError| format!("filter `{}`: {}", plugin.name(), in_one_text(error));
            let ruling = match answer.map_err(|error| failed(&error))? {
                FilterOutcome::Accept => continue,
                FilterOutcome::Veto(reason) => Ruling::Vetoed { by: name.clone(), reason },
                FilterOutcome::Modify(instead) => {
                    let instead = self.well_formed(instead);
                    match instead.map_err(|reason| format!("filter `{}` {reason}", plugin.name()))? {
                        instead if instead.is_empty() => Ruling::Vetoed { by: name.clone(), reason: String::new() },
                        instead => Ruling::Accepted(instead),
                    }
                }
            };
            match ruling {
                Ruling::Accepted(instead) => left = instead,
                vetoed @ Ruling::Vetoed { .. } => {
                    self.progress().ruled = Some((changes, vetoed.clone()));
                    return Ok(vetoed);
                }
            }
        }
        let ruling = Ruling::Accepted(left);
        self.progress().ruled = Some((changes, ruling.clone()));
        Ok(ruling)
    }

    /// These changes, ordered by vertex, without those that change nothing; or what is wrong with them.
    fn well_formed(&self, mut changes: Vec<Proposal>) -> Result<Vec<Proposal>, String> {
        changes.sort_unstable();
        let mut before = None;
        for Proposal { vertex, parallelism } in &changes {
            let Some(known) = self.observation.topology.vertices.get(*vertex) else {
                return Err(format!("names vertex {vertex}, which the job does not have"));
            };
            if !(1..=i32::MAX as u32).contains(parallelism) {
                let id = known.id;
                return Err(format!(
                    "asks for parallelism {parallelism} of vertex {id}: it must be from 1 to 2147483647"
                ));
            }
            if before.replace(*vertex) == Some(*vertex) {
                return Err(format!("names vertex {} twice", known.id));
            }
        }
        let now = |vertex: usize| self.observation.topology.vertices.get(vertex).map(|vertex| vertex.parallelism);
        changes.retain(|change| now(change.vertex) != Some(change.parallelism));
        Ok(changes)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the policy knows about a vertex; what is known of all of them.
    fn note(&self, vertex: usize, evaluated: &[Scalar], situation: Situation) -> Option<Arc<Evaluation>> {
        let mut progress = self.progress();
        if progress.evaluator_is_broken {
            return None;
        }
        let evaluation = Arc::make_mut(&mut progress.evaluation);
        evaluation.restart_time = situation.restart_time;
        evaluation.processing_backlog = situation.processing_backlog;
        for scalar in evaluated {
            evaluation.set(vertex, scalar);
        }
        Some(Arc::clone(&progress.evaluation))
    }
}

impl<T: ?Sized> Link<T> {
    fn new(chosen: Chosen<T>, observation: &Arc<Observation>) -> Self {
        let view = chosen.shown(observation);
        let Chosen { name, plugin, .. } = chosen;
        Self { name, plugin, view }
    }
}

#[async_trait]
impl Extensions for Chain {
    fn evaluator(&self) -> Option<String> {
        self.evaluator.as_ref().map(|link| link.plugin.name().to_owned())
    }

    fn aligner(&self) -> Option<String> {
        self.aligner.as_ref().map(|link| link.plugin.name().to_owned())
    }

    fn filters(&self) -> Vec<String> {
        self.filters.iter().map(|link| link.plugin.name().to_owned()).collect()
    }

    async fn evaluate(&self, vertex: usize, evaluated: Vec<Scalar>, situation: Situation) -> Vec<Scalar> {
        let Some(Link { plugin, view, .. }) = &self.evaluator else { return Vec::new() };
        let Some(known) = self.note(vertex, &evaluated, situation) else { return Vec::new() };
        let (job, plugin_name) = (&self.observation.job_name, plugin.name());
        match plugin.evaluate(Arc::clone(view), known, vertex).await {
            Ok(metrics) => {
                let mut progress = self.progress();
                let evaluation = Arc::make_mut(&mut progress.evaluation);
                for scalar in &metrics {
                    evaluation.merge(vertex, scalar);
                }
                metrics
            }
            Err(error @ ExtensionError::Declined { .. }) => {
                let error = in_one_text(&error);
                warn!(job, plugin = plugin_name, vertex, error, "vertex has no custom metrics");
                Vec::new()
            }
            Err(error) => {
                let error = in_one_text(&error);
                warn!(job, plugin = plugin_name, vertex, error, "no more custom metrics in this pass");
                self.progress().evaluator_is_broken = true;
                Vec::new()
            }
        }
    }

    async fn align(&self, applicant: Applicant, evaluated: Vec<Scalar>) -> Result<Option<u32>, String> {
        let Some(Link { plugin, view, .. }) = &self.aligner else { return Ok(None) };
        let answer = plugin.align(Arc::clone(view), applicant, evaluated).await;
        answer.map_err(|error| format!("aligner `{}`: {}", plugin.name(), in_one_text(&error)))
    }

    async fn filter(&self, changes: Vec<Proposal>, evaluated: Vec<Evaluated>) -> Result<Ruling, String> {
        let changes = self.well_formed(changes).map_err(|reason| format!("the policy {reason}"))?;
        if changes.is_empty() {
            return Err("the policy puts no change to the filters".to_owned());
        }
        let evaluation = Evaluation::of_columns(self.observation.topology.vertices.len(), &evaluated);
        let ruling = self.rule(changes, evaluation).await;
        debug!(job = self.observation.job_name, ?ruling, "filters were asked");
        ruling
    }
}
