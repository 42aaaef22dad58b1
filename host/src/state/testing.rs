//! A store that fails when a test says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{MemoryStateStore, StateKey, StateStore, StoreError, StoreFailure};

/// Keeps state in memory, unless it is told to fail. Counts how often it was asked.
#[derive(Debug, Default)]
pub(super) struct Failing {
    store: MemoryStateStore,
    next: Mutex<VecDeque<StoreFailure>>,
    asked: Mutex<usize>,
    /// How long each answer takes.
    pub(super) delay: Mutex<Duration>,
}

impl Failing {
    /// The next calls that change something, or read it, fail so.
    pub(super) fn fail_next(&self, failures: impl IntoIterator<Item = StoreFailure>) {
        self.next.lock().unwrap_or_else(PoisonError::into_inner).extend(failures);
    }

    /// How often it was asked so far.
    pub(super) fn asked(&self) -> usize {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fail(&self) -> Result<(), StoreError> {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let delay = *self.delay.lock().unwrap_or_else(PoisonError::into_inner);
        tokio::time::sleep(delay).await;
        match self.next.lock().unwrap_or_else(PoisonError::into_inner).pop_front() {
            Some(kind) => Err(StoreError { kind, source: "as the test says".into() }),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl StateStore for Failing {
    async fn load(&self, job: &StateKey) -> Result<BTreeMap<String, String>, StoreError> {
        self.fail().await?;
        self.store.load(job).await
    }

    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
        self.fail().await?;
        self.store.save(job, changes).await
    }

    async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
        self.fail().await?;
        self.store.forget(job).await
    }

    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
        self.fail().await?;
        self.store.jobs().await
    }
}
