//! All that one pass saw and decided.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use tidegate_common::time::Timestamp;

use crate::model::{Decision, Digest, Event, JobKey, JobStatus, Topology, VertexId};

/// The record of one pass.
#[derive(Clone, Debug)]
pub struct DecisionRecord {
    /// Which job.
    pub job: JobKey,
    /// The name that it was submitted under.
    pub job_name: String,
    /// Its effective status.
    pub status: JobStatus,
    /// The time of the pass.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// How far it got.
    pub stage: Stage,
    /// The job's graph, where it was seen.
    pub topology: Option<Topology>,
    /// Which vertices must stay as they are, as far as it is known.
    pub excluded: BTreeSet<VertexId>,
    /// Samples that are kept after this pass; none while the autoscaler is switched off.
    pub samples: usize,
    /// Which policy was asked.
    pub policy: String,
    /// Which version of it: the digest of its code, where it is a component in service.
    pub policy_digest: Option<Digest>,
    /// Which plugins it could ask.
    pub extensions: Vec<ExtensionUse>,
    /// What it answered; after the filters, where the host had to ask them.
    pub decision: Option<Decision>,
    /// What is held after this pass.
    pub targets: BTreeMap<VertexId, u32>,
    /// What came of holding it.
    pub realization: Realization,
    /// What there was to tell, in order and before de-duplication.
    pub events: Vec<Event>,
    /// Why the pass failed.
    pub error: Option<String>,
}

/// A plugin that could have a say in a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtensionUse {
    /// `evaluator`, `aligner` or `filter`.
    pub role: &'static str,
    /// What the job's options call it; the plugin's name where the operator chose it.
    pub name: String,
    /// The plugin's name in the configuration.
    pub plugin: String,
    /// Which version of it: the digest of its code, where it is a component in service.
    pub digest: Option<Digest>,
}

/// How far a pass got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The job is not to be scaled: switched off, not running, or with wrong options.
    None,
    /// The metrics could not be collected, or not yet.
    Collecting,
    /// There is one sample only.
    TooFewSamples,
    /// There was nothing to decide on yet.
    WindowNotFull,
    /// The policy could not evaluate.
    Evaluating,
    /// The policy could not decide, or its answer was refused.
    Executing,
    /// The policy decided.
    Executed,
}

impl Stage {
    /// The stage's name in traces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Collecting => "collecting",
            Self::TooFewSamples => "too_few_samples",
            Self::WindowNotFull => "window_not_full",
            Self::Evaluating => "evaluating",
            Self::Executing => "executing",
            Self::Executed => "executed",
        }
    }
}

/// What came of holding the targets in one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Realization {
    /// There are no targets, or there was nobody to ask.
    #[default]
    Nothing,
    /// Flink has these bounds, and the job runs with them.
    InPlace,
    /// Flink has these bounds, but the job does not run with them: slots are missing, or it is about to rescale.
    Pending,
    /// Flink was asked for new bounds, and took them.
    Requested,
    /// The targets cannot be held here, and why.
    Impossible {
        /// What to do about it.
        reason: String,
    },
    /// Flink could not be asked, or refused.
    Failed {
        /// As the client says it.
        reason: String,
    },
}

impl Realization {
    /// A stable word for metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::InPlace => "in_place",
            Self::Pending => "pending",
            Self::Requested => "requested",
            Self::Impossible { .. } => "impossible",
            Self::Failed { .. } => "failed",
        }
    }
}

impl fmt::Display for Realization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible { reason } | Self::Failed { reason } => write!(f, "{}: {reason}", self.name()),
            _ => f.write_str(self.name()),
        }
    }
}
