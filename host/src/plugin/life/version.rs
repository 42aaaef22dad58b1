//! One version of a plugin, and where it stands in its life.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tidegate_common::time::Timestamp;

use super::failure::InARow;
use crate::control::Difference;
use crate::metrics::Metrics;
use crate::model::Digest;

/// A version that is loaded. Calls keep it alive until they are over.
pub(super) struct Version<K> {
    pub(super) plugin: K,
    pub(super) digest: Digest,
    name: String,
    failures: Mutex<InARow>,
    metrics: Arc<Metrics>,
}

impl<K> Version<K> {
    pub(super) fn new(name: &str, plugin: K, digest: Digest, metrics: Arc<Metrics>) -> Arc<Self> {
        metrics.plugins.versions(name, 1);
        Arc::new(Self { plugin, digest, name: name.to_owned(), failures: Mutex::default(), metrics })
    }

    /// Failures in a row, this one included if it counts.
    pub(super) fn failed(&self, back_off: Duration) -> u32 {
        self.in_a_row().failed(Instant::now(), back_off)
    }

    pub(super) fn succeeded(&self) {
        *self.in_a_row() = InARow::default();
    }

    pub(super) fn failures(&self) -> u32 {
        self.in_a_row().failures()
    }

    fn in_a_row(&self) -> MutexGuard<'_, InARow> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Drop for Version<K> {
    fn drop(&mut self) {
        self.metrics.plugins.versions(&self.name, -1);
    }
}

/// Where a version stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionState {
    /// Its bytes were read; now it is compiled.
    Found,
    /// It is compiled and fits its contract; now it is started on trial.
    Fitted,
    /// It starts; now it rehearses.
    Checked,
    /// It answers the calls.
    Active,
    /// It can answer them again at once.
    Ready,
    /// It is out of service, and calls that began before are not over.
    Draining,
    /// It is out of service.
    Gone,
    /// It failed too often, or an operator took it out of service.
    Suspended,
    /// It never came into service.
    Refused,
}

impl VersionState {
    /// A stable word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Fitted => "fitted",
            Self::Checked => "checked",
            Self::Active => "active",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Gone => "gone",
            Self::Suspended => "suspended",
            Self::Refused => "refused",
        }
    }
}

/// What is remembered of a version, loaded or not.
pub(super) struct Entry<K> {
    pub(super) digest: Digest,
    pub(super) source: String,
    pub(super) at: Timestamp,
    pub(super) state: VersionState,
    pub(super) error: Option<String>,
    pub(super) differences: Vec<Difference>,
    /// While it may still be put in service.
    pub(super) kept: Option<Arc<Version<K>>>,
    /// To tell whether calls are under way.
    seen: Weak<Version<K>>,
}

impl<K> Entry<K> {
    pub(super) fn new(digest: Digest, source: String, at: Timestamp) -> Self {
        let (error, differences, kept, seen) = (None, Vec::new(), None, Weak::new());
        Self { digest, source, at, state: VersionState::Found, error, differences, kept, seen }
    }

    pub(super) fn keep(&mut self, version: &Arc<Version<K>>) {
        self.seen = Arc::downgrade(version);
        self.kept = Some(Arc::clone(version));
    }

    /// Where it stands, as far as calls under way matter to that.
    pub(super) fn shown(&self) -> VersionState {
        let held_by_us = usize::from(self.kept.is_some());
        match self.state {
            VersionState::Ready | VersionState::Gone if self.seen.strong_count() > held_by_us => VersionState::Draining,
            state => state,
        }
    }
}
