//! What the policy answers.

use std::borrow::Cow;
use std::time::Duration;

use thiserror::Error;

/// Everything that the policy has to say about one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// The recommended parallelism of each vertex, 0 for none. Empty, or one entry per vertex.
    pub recommended: Vec<u32>,
    /// Evaluated metrics of the vertices.
    pub evaluated: Vec<Column>,
    /// Evaluated metrics of the whole job.
    pub evaluated_global: Vec<Scalar>,
    /// What to tell, in this order.
    pub events: Vec<Event>,
    /// What to remember (`Some`) or to forget (`None`). Only keys whose text changed.
    pub state: Vec<(String, Option<String>)>,
}

/// What to do with the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Leave the targets as they are, and why.
    Hold(String),
    /// Hold every vertex at its target.
    Scale(Vec<Target>),
}

/// The parallelism that one vertex should have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The vertex' id.
    pub vertex: String,
    /// At least 1.
    pub parallelism: u32,
}

/// One evaluated metric of all vertices. NaN where there is no value.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Such as `TRUE_PROCESSING_RATE`, or an evaluator's own name.
    pub metric: Cow<'static, str>,
    /// The latest values. Empty, or one entry per vertex.
    pub current: Vec<f64>,
    /// The averages over the window. Empty, or one entry per vertex.
    pub average: Vec<f64>,
}

/// One evaluated metric of the whole job. NaN where there is no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalar {
    /// Such as `GC_PRESSURE`.
    pub metric: &'static str,
    /// The latest value.
    pub current: f64,
    /// The average over the window.
    pub average: f64,
}

/// How an event is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Normal,
    /// Somebody should look at it.
    Warning,
}

/// Something that the operator should be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How it is to be taken.
    pub severity: Severity,
    /// A stable word for machines.
    pub reason: &'static str,
    /// The text for people.
    pub message: String,
    /// What makes two events the same; the message if absent.
    pub message_key: Option<String>,
    /// One event of a key in this time; absent: every one.
    pub interval: Option<Duration>,
}

/// Why there is no decision.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Failure {
    /// What was kept of earlier passes, or how long it is to be kept, could not be made use of: to the Java autoscaler
    /// a part of collecting.
    #[error("{0}")]
    Collecting(String),
    /// The metrics could not be evaluated.
    #[error("{0}")]
    Evaluating(String),
    /// They were, but no decision could be made of them.
    #[error("{0}")]
    Executing(String),
}
