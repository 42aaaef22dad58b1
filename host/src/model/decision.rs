//! What a policy answers.

use thiserror::Error;

use super::{Event, VertexId};

/// Everything that a policy has to say about one pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// The recommended parallelism of each vertex, 0 for none. Empty, or one entry per vertex.
    pub recommended: Vec<u32>,
    /// Evaluated metrics of the vertices.
    pub evaluated: Vec<Evaluated>,
    /// Evaluated metrics of the whole job.
    pub evaluated_global: Vec<Scalar>,
    /// What to tell, in this order.
    pub events: Vec<Event>,
    /// What to remember (`Some`) or to forget (`None`).
    pub state: Vec<(String, Option<String>)>,
}

/// What to do with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave the targets as they are.
    Hold {
        /// Why, for the operator.
        reason: String,
    },
    /// Replace the targets.
    Scale(Vec<Target>),
}

impl Default for Verdict {
    fn default() -> Self {
        Self::Hold { reason: String::new() }
    }
}

/// The parallelism that one vertex should have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Which vertex.
    pub vertex: VertexId,
    /// As the policy says it; not yet checked.
    pub parallelism: u32,
}

/// One evaluated metric of all vertices. NaN where there is no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// Such as `TRUE_PROCESSING_RATE`.
    pub metric: String,
    /// The latest value. Empty, or one entry per vertex.
    pub current: Vec<f64>,
    /// The average over the window. Empty, or one entry per vertex.
    pub average: Vec<f64>,
}

/// One evaluated metric of the whole job. NaN where there is no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// Such as `GC_PRESSURE`.
    pub metric: String,
    /// The latest value.
    pub current: f64,
    /// The average over the window.
    pub average: f64,
}

/// Why a policy came to no decision.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// What was kept of earlier passes, or how long it is to be kept, could not be made use of.
    #[error("{0}")]
    Collecting(String),
    /// The metrics could not be evaluated.
    #[error("{0}")]
    Evaluating(String),
    /// They were, but no decision could be made of them.
    #[error("{0}")]
    Executing(String),
}
