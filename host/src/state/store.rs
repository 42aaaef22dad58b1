//! Where state is kept: in domain words, so that a component, native code and a fake are interchangeable.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use thiserror::Error;

/// Whose state it is; survives redeploys of the job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateKey {
    /// The cluster's name in the configuration; empty for what another autoscaler left under a job's id.
    pub cluster: String,
    /// The job's name; with its id where two running jobs of one cluster have the same name.
    pub job: String,
}

impl fmt::Display for StateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.job)
    }
}

/// Keeps texts by key for each job.
#[async_trait]
pub trait StateStore: Send + Sync {
    /// Everything that is kept for a job; empty if nothing is.
    async fn load(&self, job: &StateKey) -> Result<BTreeMap<String, String>, StoreError>;

    /// Keeps (`Some`) and forgets (`None`) texts: all of `changes`, or, with an error, none.
    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError>;

    /// Forgets everything about a job.
    async fn forget(&self, job: &StateKey) -> Result<(), StoreError>;

    /// Whose state is kept, in no particular order.
    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError>;
}

/// Why state could not be read or kept. It is tried again in the next pass.
#[derive(Debug, Error)]
#[error("the state store failed")]
pub struct StoreError {
    /// What can be done about it.
    pub kind: StoreFailure,
    /// What happened.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// What can be done about a failure of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFailure {
    /// Somebody else changed the same entries: try again at once.
    Conflict,
    /// The store is out of reach or out of order: try again later.
    Unavailable,
    /// The entries cannot be kept or read as they are: trying again is of no use.
    Rejected,
}
