//! What was last seen of every job that a policy decided for: what a new policy rehearses on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::model::{JobKey, Observation};

/// Shared by all passes. Samples are shared with the jobs' windows, so a view costs little.
#[derive(Default)]
pub struct Views {
    latest: Mutex<BTreeMap<JobKey, Arc<Observation>>>,
}

impl Views {
    /// Puts a view in the place of the job's last one.
    pub(super) fn put(&self, job: &JobKey, view: Arc<Observation>) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).insert(job.clone(), view);
    }

    /// Forgets a job that is gone.
    pub(super) fn forget(&self, job: &JobKey) {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner).remove(job);
    }

    /// The views of the jobs, by cluster and name, that `wanted` chooses.
    pub fn of(&self, wanted: impl Fn(&str, &str) -> bool) -> Vec<Arc<Observation>> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.values().filter(|view| wanted(&view.cluster, &view.job_name)).cloned().collect()
    }
}
