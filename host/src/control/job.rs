//! What is remembered of one job from pass to pass.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tracing::{info, warn};

use super::{DecisionRecord, Realization, Situation};
use crate::collect::{Collector, codec};
use crate::event::Notice;
use crate::model::{Digest, JobKey, ResourceRequirements, Topology, VertexId};
use crate::state::{JobState, StateKey};

/// The memory of one job. Owned by its pass while one runs.
pub(super) struct JobMemory {
    pub(super) key: JobKey,
    pub(super) name: String,
    pub(super) collector: Collector,
    pub(super) state_key: StateKey,
    /// Read at the first pass.
    pub(super) state: Option<JobState>,
    /// When the samples were stored last, or are taken to have been.
    samples_kept: Option<Timestamp>,
    /// The configuration that was checked last, and what is wrong with it.
    pub(super) checked: Option<Checked>,
    /// Who decided in the last pass.
    pub(super) served_by: Option<ServedBy>,
    /// The graph as it was last seen.
    pub(super) topology: Option<Topology>,
    /// The vertices that must stay as they are, as of the last pass that knew.
    pub(super) excluded: BTreeSet<VertexId>,
    /// What Flink is to be asked for, and has not taken yet.
    pub(super) announced: Option<Announced>,
    said: Said,
}

/// Bounds that Flink is to be asked for, and what is to be told once it has taken them.
pub(super) struct Announced {
    pub(super) wanted: ResourceRequirements,
    pub(super) notice: Notice,
}

/// A configuration that was checked, and by which version of the policy.
pub(super) struct Checked {
    pub(super) configuration: Arc<Configuration>,
    pub(super) policy_digest: Option<Digest>,
    /// What is wrong with it.
    pub(super) wrong: Option<WrongOptions>,
}

/// Options that a pass cannot begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum WrongOptions {
    /// One is out of its range.
    Invalid(String),
    /// One of those that are looked at first is no value of its type: an error like any other.
    Unreadable(String),
}

/// A version of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServedBy {
    pub(super) policy: String,
    /// None while nothing of it is in service, and for native code.
    pub(super) digest: Option<Digest>,
}

/// What the log last said, so that it says only what has changed.
#[derive(Default)]
struct Said {
    error: Option<String>,
    not_held: Option<String>,
    /// Extensions that were asked for in vain.
    missing: Vec<String>,
    /// Since when the job has not been running with the bounds that Flink has.
    pending_since: Option<Timestamp>,
}

/// How long a rescale may take before the log says that it has not come.
const PATIENCE: Duration = Duration::from_secs(120);

impl JobMemory {
    pub(super) fn new(key: JobKey, name: &str, state_key: StateKey) -> Self {
        Self {
            key,
            name: name.to_owned(),
            collector: Collector::default(),
            state_key,
            state: None,
            samples_kept: None,
            checked: None,
            served_by: None,
            topology: None,
            excluded: BTreeSet::new(),
            announced: None,
            said: Said::default(),
        }
    }

    /// What the next pass starts from.
    pub(super) fn situation(&self) -> Situation {
        let state = self.state.as_ref().map(JobState::entries).unwrap_or_default();
        Situation { state, window: self.collector.window().clone() }
    }

    /// Logs which extensions were asked for in vain, when that has changed.
    pub(super) fn say_missing(&mut self, missing: &[String]) {
        if self.said.missing != missing {
            for warning in missing {
                warn!(job = %self.key, name = self.name, warning, "extension is missing");
            }
            self.said.missing = missing.to_vec();
        }
    }

    /// Goes on with the samples that were stored, unless there are newer ones.
    pub(super) fn restore_samples(&mut self) {
        let Some(state) = &mut self.state else { return };
        let Some(text) = state.take_samples() else { return };
        match codec::decode(&text) {
            Ok(window) if self.collector.window().is_empty() => {
                self.samples_kept = window.latest().map(|sample| sample.at);
                info!(job = %self.key, name = self.name, samples = window.len(), "samples were restored");
                self.collector = Collector::with_window(window);
            }
            Ok(_) => {}
            Err(error) => {
                warn!(job = %self.key, name = self.name, error = &error as &dyn Error, "stored samples are dropped");
                state.drop_samples();
            }
        }
    }

    /// Hands the samples over to be stored, once in a tenth of the window: a daemon that is killed loses at most so much
    /// of them. Jobs do so in turns.
    pub(super) fn keep_samples(&mut self, now: Timestamp, window: Duration) {
        let rhythm = window / 10;
        let turn = rhythm.mul_f64(self.key.id.fraction());
        let kept = *self.samples_kept.get_or_insert_with(|| now.minus(turn));
        if kept.plus(rhythm) <= now {
            self.keep_samples_now(Some(now));
        }
    }

    /// Hands the samples over to be stored, if there are any that are not. They are taken to be stored as of `now`, or of
    /// the latest of them.
    pub(super) fn keep_samples_now(&mut self, now: Option<Timestamp>) {
        let Some(state) = &mut self.state else { return };
        let window = self.collector.window();
        let Some(latest) = window.latest().filter(|latest| self.samples_kept.is_none_or(|kept| latest.at > kept))
        else {
            return;
        };
        match codec::encode(window) {
            Ok(text) => state.keep_samples(text),
            Err(error) => warn!(job = %self.key, error = &error as &dyn Error, "samples cannot be stored"),
        }
        self.samples_kept = Some(now.unwrap_or(latest.at));
    }

    /// Logs what is different from the last pass.
    pub(super) fn say(&mut self, record: &DecisionRecord) {
        let (job, name, policy) = (&self.key, &self.name, &record.policy);
        match (&self.said.error, &record.error) {
            (before, Some(error)) if before.as_ref() != Some(error) => {
                warn!(%job, name, policy, stage = record.stage.name(), error, "pass failed");
            }
            (Some(_), None) => info!(%job, name, policy, "passes succeed again"),
            _ => {}
        }
        let pending = record.realization == Realization::Pending;
        let pending_since = pending.then(|| self.said.pending_since.unwrap_or(record.at));
        let not_held = match &record.realization {
            Realization::Impossible { reason } => Some(reason.clone()),
            Realization::Pending if pending_since.is_some_and(|since| since.plus(PATIENCE) <= record.at) => {
                Some("Flink has the new bounds, but the job does not run with them: are there enough slots?".to_owned())
            }
            // Whatever was said holds until the job runs as it should.
            Realization::Pending | Realization::Failed { .. } => self.said.not_held.clone(),
            Realization::Nothing | Realization::InPlace | Realization::Requested => None,
        };
        if not_held != self.said.not_held {
            match &not_held {
                Some(reason) => warn!(%job, name, policy, reason, "targets are not held"),
                None => info!(%job, name, policy, "targets are held again"),
            }
        }
        let missing = std::mem::take(&mut self.said.missing);
        self.said = Said { error: record.error.clone(), not_held, missing, pending_since };
    }
}
