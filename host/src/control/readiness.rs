//! Whether every cluster has been looked at once.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Becomes ready when each of its clusters has reported, reachable or not, and stays so.
#[derive(Debug)]
pub struct Readiness {
    missing: AtomicUsize,
}

impl Readiness {
    /// Waits for so many clusters.
    pub fn of(clusters: usize) -> Self {
        Self { missing: AtomicUsize::new(clusters) }
    }

    /// One more cluster has been looked at for the first time.
    pub(super) fn looked(&self) {
        // Saturates: a cluster that reports twice makes nobody unready.
        let _ = self.missing.fetch_update(Ordering::AcqRel, Ordering::Acquire, |missing| missing.checked_sub(1));
    }

    /// Whether all have.
    pub fn is_ready(&self) -> bool {
        self.missing.load(Ordering::Acquire) == 0
    }
}
