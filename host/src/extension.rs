//! What helps a policy to decide: evaluators, aligners and filters, in domain words.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::model::{Applicant, Digest, Evaluated, Evaluation, FilterOutcome, Observation, Proposal, Ruling, Scalar};

/// Adds to what a policy evaluates. A pure function.
#[async_trait]
pub trait Evaluator: Send + Sync {
    /// The plugin's name in the configuration.
    fn name(&self) -> &str;

    /// Which version it is: the digest of its code, where it is a component in service.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// The version in service now, where that can be another one later.
    fn pin(&self) -> Option<Arc<dyn Evaluator>> {
        None
    }

    /// Own metrics of the vertex at index `vertex`, of which, and of all before it, `evaluation` is known.
    async fn evaluate(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        vertex: usize,
    ) -> Result<Vec<Scalar>, ExtensionError>;
}

/// Chooses parallelisms that spread load well. A pure function.
#[async_trait]
pub trait Aligner: Send + Sync {
    /// The plugin's name in the configuration.
    fn name(&self) -> &str;

    /// Which version it is: the digest of its code, where it is a component in service.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// The version in service now, where that can be another one later.
    fn pin(&self) -> Option<Arc<dyn Aligner>> {
        None
    }

    /// A parallelism for a vertex, of which `evaluated` is known; none where alignment does not apply to it.
    async fn align(
        &self,
        observation: Arc<Observation>,
        applicant: Applicant,
        evaluated: Vec<Scalar>,
    ) -> Result<Option<u32>, ExtensionError>;
}

/// Modifies or vetoes what a policy wants to change. A pure function.
#[async_trait]
pub trait Filter: Send + Sync {
    /// The plugin's name in the configuration.
    fn name(&self) -> &str;

    /// Which version it is: the digest of its code, where it is a component in service.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// The version in service now, where that can be another one later.
    fn pin(&self) -> Option<Arc<dyn Filter>> {
        None
    }

    /// When it is asked, unless the operator says otherwise: lower numbers first.
    fn priority(&self) -> i32;

    /// Judges changes; never none, each vertex at most once.
    async fn filter(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        changes: Vec<Proposal>,
    ) -> Result<FilterOutcome, ExtensionError>;
}

/// Why an evaluator, an aligner or a filter has no answer.
#[derive(Debug, Error)]
pub enum ExtensionError {
    /// It says so itself.
    #[error("it has no answer: {reason}")]
    Declined {
        /// Its words.
        reason: String,
    },
    /// It did not answer as it should.
    #[error("it failed")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
}

/// What a policy can ask while it decides about one job in one pass. The same question has the same answer.
#[async_trait]
pub trait Extensions: Send + Sync {
    /// The plugin that evaluates, if there is one.
    fn evaluator(&self) -> Option<String>;
    /// The plugin that aligns, if there is one.
    fn aligner(&self) -> Option<String>;
    /// The plugins that filter, in the order in which they are asked.
    fn filters(&self) -> Vec<String>;

    /// The evaluator's metrics of a vertex; none where it fails.
    async fn evaluate(&self, vertex: usize, evaluated: Vec<Scalar>, situation: Situation) -> Vec<Scalar>;
    /// The aligner's parallelism, or in one sentence why there is none.
    async fn align(&self, applicant: Applicant, evaluated: Vec<Scalar>) -> Result<Option<u32>, String>;
    /// What the filters say, or in one sentence why they do not.
    async fn filter(&self, changes: Vec<Proposal>, evaluated: Vec<Evaluated>) -> Result<Ruling, String>;
}

/// What an evaluator is told about the whole job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Situation {
    /// How long a restart takes.
    pub restart_time: Duration,
    /// Whether the job works off a backlog.
    pub processing_backlog: bool,
}

/// A job for which nothing is configured.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoExtensions;

#[async_trait]
impl Extensions for NoExtensions {
    fn evaluator(&self) -> Option<String> {
        None
    }

    fn aligner(&self) -> Option<String> {
        None
    }

    fn filters(&self) -> Vec<String> {
        Vec::new()
    }

    async fn evaluate(&self, _: usize, _: Vec<Scalar>, _: Situation) -> Vec<Scalar> {
        Vec::new()
    }

    async fn align(&self, _: Applicant, _: Vec<Scalar>) -> Result<Option<u32>, String> {
        Ok(None)
    }

    async fn filter(&self, changes: Vec<Proposal>, _: Vec<Evaluated>) -> Result<Ruling, String> {
        Ok(Ruling::Accepted(changes))
    }
}
