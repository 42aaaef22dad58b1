//! What decides: in domain words, so that a component, native code and a fake are interchangeable.

use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tidegate_common::configuration::Configuration;

use crate::extension::Extensions;
use crate::model::{Decision, Digest, Failure, Observation};

/// Decides on the parallelism of a job's vertices.
///
/// A pure function of the observation and of what the extensions answer: what it must remember goes into the decision's state.
#[async_trait]
pub trait Policy: Send + Sync {
    /// The plugin's name in the configuration, for logs and records.
    fn name(&self) -> &str;

    /// What its code is known by; none for native code.
    fn digest(&self) -> Option<Digest> {
        None
    }

    /// Why no version of it is in service. It then fails every pass, and changes nothing.
    fn out_of_service(&self) -> Option<&str> {
        None
    }

    /// Told whether the host took its last answer, and why not.
    fn judged(&self, _verdict: Result<(), &str>) {}

    /// One sentence for each option of a job that is wrong.
    async fn check_options(&self, job: &str, configuration: &Configuration) -> Result<Vec<String>, PolicyError>;

    /// Decides on one observation, with the help of the extensions that are configured for the job.
    async fn decide(
        &self,
        observation: Arc<Observation>,
        extensions: Arc<dyn Extensions>,
    ) -> Result<Decision, PolicyError>;
}

/// Where a policy is found: the version in service can be another in every pass, and is one during a pass.
pub trait Seat: Send + Sync {
    /// The plugin's name in the configuration.
    fn name(&self) -> &str;

    /// The version in service now.
    fn pin(&self) -> Arc<dyn Policy>;

    /// The same for a rehearsal: what it says there is not held against it.
    fn aside(&self) -> Arc<dyn Policy> {
        self.pin()
    }
}

/// Why there is no decision.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The policy says that it cannot decide.
    #[error(transparent)]
    Declined(#[from] Failure),
    /// No version of the policy is in service.
    #[error("policy `{policy}` is not in service, nothing is changed: {reason}")]
    NotInService {
        /// The policy's name.
        policy: String,
        /// Since what happened.
        reason: String,
    },
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
