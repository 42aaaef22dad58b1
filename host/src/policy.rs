//! What decides: in domain words, so that a component, native code and a fake are interchangeable.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_common::configuration::Configuration;

use crate::model::{Decision, Failure, Observation};

/// Decides on the parallelism of a job's vertices.
///
/// A pure function of the observation: what it must remember goes into the decision's state.
#[async_trait]
pub trait Policy: Send + Sync {
    /// The plugin's name in the configuration, for logs and records.
    fn name(&self) -> &str;

    /// One sentence for each option of a job that is wrong.
    async fn check_options(&self, job: &str, configuration: &Configuration) -> Result<Vec<String>, PolicyError>;

    /// Decides on one observation.
    async fn decide(&self, observation: Arc<Observation>) -> Result<Decision, PolicyError>;
}

/// Why there is no decision.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The policy says that it cannot decide.
    #[error(transparent)]
    Declined(#[from] Failure),
    /// The policy did not answer as it should.
    #[error("policy `{policy}` failed: nothing is changed in this pass")]
    Broken {
        /// The policy's name.
        policy: String,
        /// What happened.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
