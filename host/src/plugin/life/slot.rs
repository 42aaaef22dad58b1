//! The place of one plugin: its versions, which of them answers, and what happens when that fails.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tidegate_common::time::Timestamp;
use tracing::{error, info, warn};

use super::status::{PluginStatus, VersionStatus};
use super::version::{Entry, Version};
use super::{FailureKind, Fallback, Spec, SteerError, VersionState};
use crate::control::Difference;
use crate::metrics::Metrics;
use crate::model::Digest;
use crate::plugin::kind::Kind;

/// Versions that are remembered of one plugin.
const MOST_VERSIONS: usize = 8;

/// What answers the calls that begin now.
pub(super) enum Service<K> {
    /// This version.
    Version(Arc<Version<K>>),
    /// Nothing, and why.
    Nothing(String),
}

/// One plugin's place. Whoever calls loads what is in service once, and keeps it until the call is over.
pub(super) struct Slot<K> {
    service: ArcSwap<Service<K>>,
    book: Mutex<Book<K>>,
    name: String,
    metrics: Arc<Metrics>,
}

/// What only changes one at a time.
pub(super) struct Book<K> {
    pub(super) spec: Arc<Spec>,
    /// The newest first.
    entries: VecDeque<Entry<K>>,
    /// The content that was offered last: it is not tried again on its own.
    pub(super) offered: Option<Digest>,
    /// What the host carries, where the operator wants it in the place of what fails.
    pub(super) bundled: Option<Arc<Version<K>>>,
    /// What keeps a source that is far away from being read.
    pub(super) source_lacks: Option<String>,
}

impl<K> Slot<K> {
    /// Nothing is in service yet.
    pub(super) fn new(spec: Spec, metrics: Arc<Metrics>) -> Self {
        let name = spec.name.clone();
        let (spec, entries) = (Arc::new(spec), VecDeque::new());
        let book = Book { spec, entries, offered: None, bundled: None, source_lacks: None };
        let service = ArcSwap::from_pointee(Service::Nothing("it was not loaded yet".to_owned()));
        Self { service, book: Mutex::new(book), name, metrics }
    }

    /// The plugin's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What is in service now.
    pub(super) fn service(&self) -> Arc<Service<K>> {
        self.service.load_full()
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book<K>> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a version in service that went through everything before.
    pub(super) fn activate(&self, digest: Digest, version: &Arc<Version<K>>, differences: Vec<Difference>) {
        let mut book = self.book();
        if let Some(entry) = book.entry(digest) {
            entry.keep(version);
            entry.error = None;
            entry.differences = differences;
        }
        self.put(&mut book, version);
        self.metrics.plugins.load(&self.name, "active");
    }

    /// One atomic pointer changes; everything else is book-keeping.
    fn put(&self, book: &mut Book<K>, version: &Arc<Version<K>>) {
        version.succeeded();
        let before = self.service.swap(Arc::new(Service::Version(Arc::clone(version))));
        let before = digest_of(&before);
        book.retire(before, version.digest);
        self.metrics.plugins.swap(&self.name, before, Some(version.digest));
        let before = before.map(|digest| format!("{digest:.12}")).unwrap_or_default();
        info!(plugin = self.name, version = %format_args!("{:.12}", version.digest), before, "plugin is in service");
    }

    fn put_nothing(&self, why: String) {
        let before = self.service.swap(Arc::new(Service::Nothing(why)));
        self.metrics.plugins.swap(&self.name, digest_of(&before), None);
    }

    /// A version in service answered, and the answer was taken.
    pub(super) fn succeeded(&self, version: &Version<K>) {
        version.succeeded();
    }

    /// A version failed. Too many times in a row, and what the operator chose takes its place.
    pub(super) fn failed(&self, version: &Arc<Version<K>>, kind: FailureKind, reason: &str) {
        self.metrics.plugins.failure(&self.name, kind.name());
        let mut book = self.book();
        let failures = version.failed(book.spec.back_off);
        let is_in_service = digest_of(&self.service.load()) == Some(version.digest);
        if !is_in_service || failures < book.spec.max_failures {
            return;
        }
        self.metrics.plugins.suspension(&self.name);
        let why = format!("it failed {failures} time(s) in a row, last: {reason}");
        error!(plugin = self.name, version = %format_args!("{:.12}", version.digest), kind = kind.name(), failures,
            error = reason, "plugin is suspended");
        if let Some(entry) = book.entry(version.digest) {
            entry.state = VersionState::Suspended;
            entry.error = Some(why.clone());
        }
        self.fall_back(&mut book, kind, why, Some(version.digest));
    }

    /// Nothing could be put in service.
    pub(super) fn not_loaded(&self, reason: &str) {
        let mut book = self.book();
        if let Service::Nothing(_) = self.service.load().as_ref() {
            self.fall_back(&mut book, FailureKind::Load, format!("it cannot be loaded: {reason}"), None);
        }
    }

    fn fall_back(&self, book: &mut Book<K>, kind: FailureKind, why: String, failed: Option<Digest>) {
        let choice = book.spec.on_failure.of(kind);
        let next = match choice {
            Fallback::Hold => None,
            Fallback::Previous => book.ready().cloned(),
            Fallback::Bundled => book.bundled.clone().filter(|bundled| failed != Some(bundled.digest)),
        };
        match next {
            Some(next) => self.put(book, &next),
            None => {
                if choice != Fallback::Hold {
                    warn!(plugin = self.name, "there is nothing to fall back to");
                }
                self.put_nothing(why);
            }
        }
    }

    /// Notes how far a version came.
    pub(super) fn reached(&self, digest: Digest, state: VersionState) {
        if let Some(entry) = self.book().entry(digest) {
            entry.state = state;
        }
    }

    /// Notes why a version did not come into service.
    pub(super) fn refused(&self, digest: Digest, reason: &str) {
        if digest_of(&self.service.load()) == Some(digest) {
            return;
        }
        if let Some(entry) = self.book().entry(digest) {
            entry.state = VersionState::Refused;
            entry.error = Some(reason.to_owned());
            entry.kept = None;
        }
    }

    /// Notes that a version was found, unless it was before.
    pub(super) fn found(&self, digest: Digest, source: String, at: Timestamp) {
        let mut book = self.book();
        book.offered = Some(digest);
        let is_active = digest_of(&self.service.load()) == Some(digest);
        let place = book.entries.iter().position(|entry| entry.digest == digest);
        match place.and_then(|place| book.entries.remove(place)) {
            Some(mut entry) => {
                (entry.source, entry.at) = (source, at);
                if !is_active {
                    entry.state = VersionState::Found;
                }
                book.entries.push_front(entry);
            }
            None => book.entries.push_front(Entry::new(digest, source, at)),
        }
        let active = digest_of(&self.service.load());
        while book.entries.len() > MOST_VERSIONS {
            // The oldest that is not in service.
            let place = book.entries.iter().rposition(|entry| Some(entry.digest) != active);
            let Some(place) = place else { break };
            book.entries.remove(place);
        }
    }

    /// The version before is in service again; the one that was can be put back in the same way.
    pub(super) fn roll_back(&self) -> Result<Digest, SteerError> {
        let mut book = self.book();
        let Some(previous) = book.ready().cloned() else {
            return Err(SteerError::NothingBefore { plugin: self.name.clone() });
        };
        self.put(&mut book, &previous);
        Ok(previous.digest)
    }

    /// Takes the version in service out of it: nothing answers any more.
    pub(super) fn suspend(&self) -> Result<(), SteerError> {
        let mut book = self.book();
        let Some(active) = digest_of(&self.service.load()) else {
            return Err(SteerError::NotInService { plugin: self.name.clone() });
        };
        let why = "an operator suspended it".to_owned();
        if let Some(entry) = book.entry(active) {
            entry.state = VersionState::Suspended;
            entry.error = Some(why.clone());
        }
        warn!(plugin = self.name, "plugin is suspended by an operator");
        self.put_nothing(why);
        Ok(())
    }

    /// The version that was suspended last.
    pub(super) fn suspended(&self) -> Option<Arc<Version<K>>> {
        let book = self.book();
        let suspended = book.entries.iter().find(|entry| entry.state == VersionState::Suspended);
        suspended.and_then(|entry| entry.kept.clone())
    }
}

impl<K: Kind> Slot<K> {
    /// How it stands.
    pub(super) fn status(&self) -> PluginStatus {
        let book = self.book();
        let service = self.service.load();
        let (active, out_of_service, failures, asks) = match service.as_ref() {
            Service::Version(version) => {
                (Some(version.digest), None, version.failures(), version.plugin.asks().to_vec())
            }
            Service::Nothing(why) => (None, Some(why.clone()), 0, Vec::new()),
        };
        let used = self.metrics.calls.meter(&self.name).used();
        let versions = book.entries.iter().map(|entry| VersionStatus {
            digest: entry.digest,
            source: entry.source.clone(),
            at: entry.at,
            state: if active == Some(entry.digest) { VersionState::Active } else { entry.shown() },
            error: entry.error.clone(),
            differences: entry.differences.clone(),
        });
        let (spec, versions) = (Spec::clone(&book.spec), versions.collect());
        let source_lacks = book.source_lacks.clone();
        PluginStatus { spec, active, out_of_service, source_lacks, failures, asks, used, versions }
    }
}

impl<K> Drop for Slot<K> {
    fn drop(&mut self) {
        self.metrics.plugins.swap(&self.name, digest_of(&self.service.load()), None);
    }
}

impl<K> Book<K> {
    fn entry(&mut self, digest: Digest) -> Option<&mut Entry<K>> {
        self.entries.iter_mut().find(|entry| entry.digest == digest)
    }

    /// The good version that would be next.
    fn ready(&self) -> Option<&Arc<Version<K>>> {
        let ready = self.entries.iter().find(|entry| entry.state == VersionState::Ready);
        ready.and_then(|entry| entry.kept.as_ref())
    }

    /// A version that is loaded already and can be put in service again.
    pub(super) fn loaded(&self, digest: Digest) -> Option<Arc<Version<K>>> {
        self.entries.iter().find(|entry| entry.digest == digest).and_then(|entry| entry.kept.clone())
    }

    /// `before` makes room for `now`. One good version before it is kept, and one that is suspended; others go.
    fn retire(&mut self, before: Option<Digest>, now: Digest) {
        let mut suspended = false;
        for entry in &mut self.entries {
            let was_suspended = entry.state == VersionState::Suspended;
            if entry.digest == now {
                entry.state = VersionState::Active;
            } else if was_suspended && !suspended {
                suspended = true;
            } else if Some(entry.digest) == before && !was_suspended {
                entry.state = VersionState::Ready;
            } else {
                if matches!(entry.state, VersionState::Ready | VersionState::Active) {
                    entry.state = VersionState::Gone;
                }
                entry.kept = None;
            }
        }
    }
}

pub(super) fn digest_of<K>(service: &Service<K>) -> Option<Digest> {
    match service {
        Service::Version(version) => Some(version.digest),
        Service::Nothing(_) => None,
    }
}
