//! What is remembered of one job from pass to pass.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_common::configuration::Configuration;
use tracing::{info, warn};

use super::{DecisionRecord, Realization};
use crate::collect::Collector;
use crate::model::{JobKey, Topology, VertexId};
use crate::state::{JobState, StateKey};

/// The memory of one job. Owned by its pass while one runs.
pub(super) struct JobMemory {
    pub(super) key: JobKey,
    pub(super) name: String,
    pub(super) collector: Collector,
    pub(super) state_key: StateKey,
    /// Read at the first pass.
    pub(super) state: Option<JobState>,
    /// The configuration that was checked last, and what is wrong with it.
    pub(super) checked: Option<(Arc<Configuration>, Option<String>)>,
    /// The graph as it was last seen.
    pub(super) topology: Option<Topology>,
    /// The vertices that must stay as they are, as of the last pass that knew.
    pub(super) excluded: BTreeSet<VertexId>,
    said: Said,
}

/// What the log last said, so that it says only what has changed.
#[derive(Default, PartialEq, Eq)]
struct Said {
    error: Option<String>,
    realization: Option<String>,
}

impl JobMemory {
    pub(super) fn new(key: JobKey, name: &str, state_key: StateKey) -> Self {
        Self {
            key,
            name: name.to_owned(),
            collector: Collector::default(),
            state_key,
            state: None,
            checked: None,
            topology: None,
            excluded: BTreeSet::new(),
            said: Said::default(),
        }
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
        let realization = match &record.realization {
            Realization::Impossible { reason } => Some(reason.clone()),
            Realization::Pending => Some("Flink has the new bounds, but the job does not run with them yet".to_owned()),
            _ => None,
        };
        if realization != self.said.realization {
            match &realization {
                Some(reason) => warn!(%job, name, policy, reason, "targets are not held"),
                None => info!(%job, name, policy, "targets are held"),
            }
        }
        self.said = Said { error: record.error.clone(), realization };
    }
}
