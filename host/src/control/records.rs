//! The latest decision record of every job, for whoever wants to look.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::broadcast;

use super::DecisionRecord;
use crate::model::JobKey;

/// Records that a slow listener can lag behind before it misses some.
const BACKLOG: usize = 256;

/// Shared by all passes.
pub struct Records {
    latest: RwLock<BTreeMap<JobKey, Arc<DecisionRecord>>>,
    news: broadcast::Sender<Arc<DecisionRecord>>,
}

impl Default for Records {
    fn default() -> Self {
        Self { latest: RwLock::default(), news: broadcast::channel(BACKLOG).0 }
    }
}

impl Records {
    /// Puts a record in the place of the job's last one.
    pub fn put(&self, record: DecisionRecord) {
        let record = Arc::new(record);
        let mut latest = self.latest.write().unwrap_or_else(PoisonError::into_inner);
        latest.insert(record.job.clone(), Arc::clone(&record));
        drop(latest);
        // Nobody listening is no fault.
        let _ = self.news.send(record);
    }

    /// Forgets a job that is gone.
    pub fn forget(&self, job: &JobKey) {
        self.latest.write().unwrap_or_else(PoisonError::into_inner).remove(job);
    }

    /// The latest record of every job, ordered by job.
    pub fn latest(&self) -> Vec<Arc<DecisionRecord>> {
        self.latest.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Every record from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<DecisionRecord>> {
        self.news.subscribe()
    }
}
