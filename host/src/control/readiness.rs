//! Whether every cluster has been looked at once.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Ready while none of the clusters that the daemon began with is still to be looked at, reachable or not.
#[derive(Debug, Default)]
pub struct Readiness {
    missing: Mutex<BTreeSet<String>>,
}

impl Readiness {
    /// Waits for these clusters.
    pub fn of(clusters: impl IntoIterator<Item = String>) -> Self {
        Self { missing: Mutex::new(clusters.into_iter().collect()) }
    }

    /// A cluster has been looked at, or is none of ours any more.
    pub(super) fn looked(&self, cluster: &str) {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).remove(cluster);
    }

    /// Whether all have.
    pub fn is_ready(&self) -> bool {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}
