//! Faults that a test puts into a cluster's answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use super::Cluster;

/// What is wrong with a path's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fault {
    /// Answered instead.
    pub(super) status: Option<u16>,
    /// Waited for before the answer, on the machine's clock.
    pub(super) delay: Duration,
}

/// The faults of a cluster, by exact path.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// Spares each request the lock in the common case.
    any: AtomicBool,
    /// Whether the list of jobs is empty.
    jobs_hidden: AtomicBool,
    by_path: RwLock<HashMap<String, Fault>>,
}

impl Cluster {
    /// Answers every request for exactly `path`, such as `/jobs/overview`, with this status instead.
    pub fn fail(&self, path: &str, status: u16) {
        self.faults.change(path, |fault| fault.status = Some(status));
    }

    /// Delays every answer for exactly `path`, on the machine's clock.
    pub fn delay(&self, path: &str, delay: Duration) {
        self.faults.change(path, |fault| fault.delay = delay);
    }

    /// Ends what is wrong with `path`.
    pub fn heal(&self, path: &str) {
        self.faults.change(path, |fault| *fault = Default::default());
    }

    /// Lists no jobs, as a JobManager does that has just become the leader; or lists them again.
    pub fn hide_jobs(&self, hidden: bool) {
        self.faults.jobs_hidden.store(hidden, Ordering::Release);
    }
}

impl Faults {
    /// Whether the list of jobs is to be empty.
    pub(super) fn jobs_hidden(&self) -> bool {
        self.jobs_hidden.load(Ordering::Acquire)
    }

    /// What is wrong with the answers of `path`.
    pub(super) fn at(&self, path: &str) -> Option<Fault> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.by_path.read().unwrap_or_else(PoisonError::into_inner).get(path).copied()
    }

    /// Changes what is wrong with the answers of `path`.
    pub(super) fn change(&self, path: &str, change: impl FnOnce(&mut Fault)) {
        let mut by_path = self.by_path.write().unwrap_or_else(PoisonError::into_inner);
        let fault = by_path.entry(path.to_owned()).or_default();
        change(fault);
        if *fault == Fault::default() {
            by_path.remove(path);
        }
        self.any.store(!by_path.is_empty(), Ordering::Release);
    }
}
