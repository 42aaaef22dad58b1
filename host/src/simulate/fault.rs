//! Faults that a test puts into a cluster's answers.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

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
    by_path: RwLock<HashMap<String, Fault>>,
}

impl Faults {
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
