//! State that lives as long as the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{StateKey, StateStore, StoreError};

/// Keeps state in memory: a restart of the daemon begins anew.
#[derive(Debug, Default)]
pub struct MemoryStateStore {
    jobs: Mutex<BTreeMap<StateKey, BTreeMap<String, String>>>,
}

#[async_trait]
impl StateStore for MemoryStateStore {
    async fn load(&self, job: &StateKey) -> Result<BTreeMap<String, String>, StoreError> {
        Ok(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).get(job).cloned().unwrap_or_default())
    }

    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = jobs.entry(job.clone()).or_default();
        for (key, text) in changes {
            match text {
                Some(text) => entries.insert(key.clone(), text.clone()),
                None => entries.remove(key),
            };
        }
        if entries.is_empty() {
            jobs.remove(job);
        }
        Ok(())
    }

    async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(job);
        Ok(())
    }

    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
        Ok(self.jobs.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect())
    }
}
