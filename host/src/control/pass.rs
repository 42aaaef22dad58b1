//! One look at one job: collect, decide, guard, remember, tell, hold.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;
use tidegate_common::time::Timestamp;
use tracing::{debug, info};

use super::chain::Chain;
use super::context::compose_targets;
use super::filtering::{Filtered, past_filters};
use super::job::JobMemory;
use super::judge::judge;
use super::observe::{excluded_ids, observe, stage_of};
use super::realize::{Step, ask, next_step};
use super::service::version;
use super::telling::undelayed;
use super::words::describe_targets;
use super::wrong_options::wrong_options;
use super::{DecisionRecord, LiveExtensions, Policies, Realization, ShadowTurns, Stage, Views};
use crate::causes::in_one_text;
use crate::event::Events;
use crate::extension::Extensions;
use crate::flink::{FlinkError, JobManager};
use crate::metrics::Metrics;
use crate::model::{Decision, Failure, Job, JobContext, JobKey, JobStatus, Observation, Verdict};
use crate::policy::{Policy, PolicyError};
use crate::state::{JobState, StateStore};
use crate::zone::Zone;

/// Everything that passes share.
pub struct Pass {
    /// Who decides.
    pub policies: Policies,
    /// What they decided on last.
    pub views: Arc<Views>,
    /// Who may rehearse beside them.
    pub shadow_turns: ShadowTurns,
    /// Who can help to decide.
    pub extensions: LiveExtensions,
    /// Where state is kept.
    pub store: Arc<dyn StateStore>,
    /// Where events go.
    pub events: Events,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where local time is taken from.
    pub zone: Zone,
}

/// How a pass failed, and where.
pub(super) struct Failed {
    pub(super) stage: Stage,
    pub(super) error: String,
    /// Whether it is an error, or just not the time yet.
    pub(super) not_ready: bool,
}

impl Pass {
    /// Looks at one job once. Never fails: what went wrong is in the record. `options` are those of all jobs of the cluster.
    pub(super) async fn run(
        &self,
        cluster: &dyn JobManager,
        memory: &mut JobMemory,
        options: &Configuration,
        context: &JobContext,
        now: Timestamp,
    ) -> DecisionRecord {
        let started = Instant::now();
        // One version for the whole pass, whatever is put in service meanwhile.
        let policy = self.policies.pin(&context.key.cluster, &context.name);
        let mut record = self.blank_record(&context.key, &context.name, context.status, now);
        policy.name().clone_into(&mut record.policy);
        record.policy_digest = policy.digest();
        // Before anything is told: it may have been told before the last start.
        let known = self.state(memory).await.map(drop);
        self.tell_change(memory, policy.as_ref(), &mut record);
        record.samples = memory.collector.window().len();
        if let Some(wrong) = wrong_options(policy.as_ref(), memory, context).await {
            record.error = Some(self.tell_wrong_options(&mut record, options, wrong));
        } else {
            let scaled = match known {
                Ok(()) => self.scale(cluster, policy.as_ref(), memory, context, &mut record).await,
                Err(failed) => Err(failed),
            };
            // What earlier passes could not store is tried again in any case.
            let stored = self.store(memory, record.stage).await;
            if let Err(failed) = scaled.and(stored) {
                record.stage = failed.stage;
                if failed.not_ready {
                    debug!(job = %context.key, name = context.name, reason = failed.error, "not ready");
                } else {
                    self.tell_error(&mut record, &failed.error);
                    record.error = Some(failed.error);
                }
            }
            if record.error.is_some() {
                // It may have failed once too often: what is done about it is told at once.
                let next = self.policies.pin(&context.key.cluster, &context.name);
                self.tell_change(memory, next.as_ref(), &mut record);
            }
            self.hold(cluster, memory, context, &mut record).await;
        }
        self.store_told(memory).await;
        record.took = started.elapsed();
        self.metrics.pass(&context.key.cluster, record.stage.name(), record.took);
        memory.say(&record);
        record
    }

    /// Collects, decides and remembers, as far as the job lets it.
    async fn scale(
        &self,
        cluster: &dyn JobManager,
        policy: &dyn Policy,
        memory: &mut JobMemory,
        context: &JobContext,
        record: &mut DecisionRecord,
    ) -> Result<(), Failed> {
        let at = |stage, error: String| Failed { stage, error, not_ready: false };
        let read = |error: &dyn Error| at(Stage::None, in_one_text(error));
        let configuration = &context.configuration;
        let state = self.state(memory).await?;
        if !configuration.read(&options::ENABLED).map_err(|error| read(&error))? {
            state.clear();
            record.samples = 0;
            return Ok(());
        }
        if context.status != JobStatus::Running {
            return Ok(());
        }
        let collected = memory.collector.collect(cluster, context, record.at).await;
        record.samples = memory.collector.window().len();
        let collected = collected.map_err(|error| Failed {
            stage: Stage::Collecting,
            not_ready: error.is_not_ready(),
            error: in_one_text(&error),
        })?;
        memory.topology = Some(collected.topology.clone());
        memory.excluded = excluded_ids(&collected);
        record.topology = Some(collected.topology.clone());
        record.excluded.clone_from(&memory.excluded);

        if let Ok(window) = configuration.read(&options::METRICS_WINDOW) {
            memory.keep_samples(record.at, window);
        }
        let state = self.state(memory).await?;
        let observation = Arc::new(observe(context, collected, record.at, &self.zone, state));
        record.stage = stage_of(&observation);
        self.views.put(&context.key, Arc::clone(&observation));
        let chain =
            self.chain(memory, context, &observation).map_err(|error| at(Stage::Evaluating, in_one_text(&error)))?;
        let chain = Arc::new(chain);
        record.extensions = chain.plugins();
        let extensions = Arc::clone(&chain) as Arc<dyn Extensions>;
        let decision = policy.decide(Arc::clone(&observation), extensions).await.map_err(|error| {
            let stage = match &error {
                PolicyError::Declined(Failure::Collecting(_)) => Stage::Collecting,
                PolicyError::Declined(Failure::Evaluating(_)) => Stage::Evaluating,
                _ => Stage::Executing,
            };
            at(stage, in_one_text(&error))
        })?;
        let filtered = past_filters(decision, &observation, &chain).await;
        let Filtered { decision, event } = filtered.map_err(|error| at(Stage::Executing, error))?;
        let state = self.state(memory).await?;
        let taken = self.take(state, policy, &observation, &decision);
        policy.judged(taken.as_ref().map(|_| ()).map_err(String::as_str));
        self.rehearse_shadows(policy, &observation, &decision);
        let is_news = taken.map_err(|error| at(Stage::Executing, error))?;
        if let Some(event) = event {
            self.tell(record, event);
        }
        for event in &decision.events {
            record.events.push(event.clone());
            let event = if is_news { undelayed(event) } else { event.clone() };
            self.events.tell(&context.key, &context.name, record.at, event);
        }
        record.decision = Some(decision);
        Ok(())
    }

    /// The evaluator, the aligner and the filters of a job, as they are now; logs what was asked for in vain.
    fn chain(
        &self,
        memory: &mut JobMemory,
        context: &JobContext,
        observation: &Arc<Observation>,
    ) -> Result<Chain, InvalidValue> {
        let selection = self.extensions.now().select(&context.key.cluster, &context.name, &context.configuration)?;
        memory.say_missing(&selection.warnings);
        Ok(Chain::new(selection, observation))
    }

    /// Takes a decision into the job's state, if it may be taken. Says whether the job has other targets now: while
    /// slots are missing, a policy may well decide the same in every pass.
    fn take(
        &self,
        state: &mut JobState,
        policy: &dyn Policy,
        observation: &Observation,
        decision: &Decision,
    ) -> Result<bool, String> {
        let word = if matches!(decision.verdict, Verdict::Scale(_)) { "scale" } else { "hold" };
        self.metrics.decision(&observation.cluster, word);
        let mut is_news = false;
        if let Some(admitted) = judge(policy.name(), observation, decision)? {
            is_news = state.overrides() != admitted;
            if is_news {
                let (job, name, policy, version) =
                    (observation.job, &observation.job_name, policy.name(), version(policy));
                let targets = describe_targets(observation, &admitted);
                info!(%job, name, policy, version, targets, "scaling decided");
            }
            state.set_overrides(&admitted);
        }
        state.apply(decision.state.iter().cloned());
        Ok(is_news)
    }

    /// Holds the job at its targets, whatever happened before: at those that are stored, so that a host that is started
    /// again holds the same. In advisory mode they are shown, and not held: they may be from before it was switched on.
    async fn hold(
        &self,
        cluster: &dyn JobManager,
        memory: &mut JobMemory,
        context: &JobContext,
        record: &mut DecisionRecord,
    ) {
        let Some(state) = &memory.state else { return };
        record.targets = compose_targets(state.saved_overrides(), &context.configuration, &memory.excluded);
        let may_scale = context.configuration.read(&options::SCALING_ENABLED).unwrap_or(false);
        if context.status != JobStatus::Running || !may_scale {
            memory.announced = None;
            return;
        }
        let realization = match next_step(cluster, context, &record.targets, memory.topology.as_ref()).await {
            Step::Settled(realization) => {
                memory.announced = None;
                realization
            }
            Step::Ask(wanted) => {
                self.announce(memory, record, &wanted).await;
                let realization = ask(cluster, context, &wanted).await;
                if realization == Realization::Requested {
                    self.tell_announced(memory, record);
                }
                realization
            }
        };
        match &realization {
            Realization::Nothing | Realization::InPlace => {}
            Realization::Failed { reason } => {
                self.tell_error(record, reason);
                record.error.get_or_insert_with(|| reason.clone());
            }
            _ => {}
        }
        self.metrics.rescale(&context.key.cluster, realization.name());
        record.realization = realization;
    }

    /// Takes notice of a job whose configuration could not be read: nothing of it can be done in this pass.
    pub(super) fn unreadable(
        &self,
        memory: &mut JobMemory,
        job: &Job,
        now: Timestamp,
        error: &FlinkError,
    ) -> DecisionRecord {
        let mut record = self.blank_record(&memory.key, &job.name, job.status, now);
        record.samples = memory.collector.window().len();
        record.error = Some(in_one_text(error));
        self.metrics.pass(&memory.key.cluster, record.stage.name(), record.took);
        memory.say(&record);
        record
    }

    fn blank_record(&self, key: &JobKey, name: &str, status: JobStatus, now: Timestamp) -> DecisionRecord {
        DecisionRecord {
            job: key.clone(),
            job_name: name.to_owned(),
            status,
            at: now,
            took: Duration::ZERO,
            stage: Stage::None,
            topology: None,
            excluded: BTreeSet::new(),
            samples: 0,
            policy: self.policies.name(&key.cluster, name),
            policy_digest: None,
            extensions: Vec::new(),
            decision: None,
            targets: BTreeMap::new(),
            realization: Realization::Nothing,
            events: Vec::new(),
            error: None,
        }
    }
}
