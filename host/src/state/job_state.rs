//! The host's own copy of one job's state: read once, written when something changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use tracing::{info, warn};

use super::{StateKey, StateStore, StoreError, StoreFailure};
use crate::model::VertexId;

/// The host's key: the targets that are held, as `vertex:parallelism,…` (FLIP-334's encoding).
pub(crate) const PARALLELISM_OVERRIDES: &str = "parallelismOverrides";

/// The host's key: the samples of the window, in the encoding of `collect`. Only stored, never shown to policies.
pub(crate) const COLLECTED_METRICS: &str = "collectedMetrics";

/// The host's key: which events were told, in the encoding of `event`. Never shown to policies, and unknown to the Java
/// autoscaler.
pub(crate) const TOLD_EVENTS: &str = "toldEvents";

/// One job's state.
#[derive(Debug)]
pub struct JobState {
    key: StateKey,
    entries: Arc<BTreeMap<String, String>>,
    /// What the store has not yet taken.
    unsaved: BTreeMap<String, Option<String>>,
    /// The targets as the store has them: what is to be held, since a host that is started again knows no others.
    saved_overrides: BTreeMap<VertexId, u32>,
    /// The samples as they were read, until somebody takes them.
    samples: Option<String>,
    /// Whether the store has samples.
    has_samples: bool,
    /// What is kept of events.
    events: Option<String>,
    /// Where another autoscaler has left its state of the job; to be removed once ours is safe.
    left: Option<StateKey>,
}

impl JobState {
    /// Reads a job's state. Where there is none, what another autoscaler has left under `left` is adopted.
    ///
    /// # Errors
    /// When the store fails; nothing may be decided without knowing what was decided before.
    pub async fn load(key: StateKey, left: Option<StateKey>, store: &dyn StateStore) -> Result<Self, StoreError> {
        let mut entries = store.load(&key).await?;
        let mut unsaved = BTreeMap::new();
        let left = match left {
            Some(left) => {
                let found = store.load(&left).await?;
                let is_left = !found.is_empty();
                if entries.is_empty() && is_left {
                    info!(job = %key, from = left.job, keys = found.len(), "adopting the state that is kept under the job's id");
                    unsaved = found.iter().map(|(key, text)| (key.clone(), Some(text.clone()))).collect();
                    entries = found;
                }
                is_left.then_some(left)
            }
            None => None,
        };
        let samples = entries.remove(COLLECTED_METRICS);
        let events = entries.remove(TOLD_EVENTS);
        let mut state = Self {
            key,
            entries: Arc::new(entries),
            saved_overrides: BTreeMap::new(),
            has_samples: samples.is_some(),
            samples,
            events,
            unsaved,
            left,
        };
        state.saved_overrides = state.overrides();
        Ok(state)
    }

    /// Whose state it is.
    pub fn key(&self) -> &StateKey {
        &self.key
    }

    /// All texts but the samples and what is kept of events, shared.
    pub fn entries(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.entries)
    }

    /// Takes changes: `Some` to keep, `None` to forget.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = (String, Option<String>)>) {
        for (key, text) in changes {
            if self.entries.get(&key) == text.as_ref() {
                continue;
            }
            let entries = Arc::make_mut(&mut self.entries);
            match &text {
                Some(text) => entries.insert(key.clone(), text.clone()),
                None => entries.remove(&key),
            };
            self.unsaved.insert(key, text);
        }
    }

    /// The samples as they were stored, once: whoever goes on with them has them then.
    pub fn take_samples(&mut self) -> Option<String> {
        self.samples.take()
    }

    /// Stores samples with the next flush, in place of those before.
    pub fn keep_samples(&mut self, samples: String) {
        self.unsaved.insert(COLLECTED_METRICS.to_owned(), Some(samples));
        self.has_samples = true;
    }

    /// Forgets the stored samples with the next flush.
    pub fn drop_samples(&mut self) {
        self.samples = None;
        if std::mem::take(&mut self.has_samples) {
            self.unsaved.insert(COLLECTED_METRICS.to_owned(), None);
        }
    }

    /// What is kept of events.
    pub fn events(&self) -> Option<&str> {
        self.events.as_deref()
    }

    /// Stores what is to be kept of events with the next flush, in place of what was before.
    pub fn keep_events(&mut self, events: Option<String>) {
        if self.events != events {
            self.unsaved.insert(TOLD_EVENTS.to_owned(), events.clone());
            self.events = events;
        }
    }

    /// Forgets everything but what was told: a job that is switched off and on again has the same to say.
    pub fn clear(&mut self) {
        let keys: Vec<String> = self.entries.keys().cloned().collect();
        self.apply(keys.into_iter().map(|key| (key, None)));
        self.drop_samples();
    }

    /// Writes what changed since the last time; without changes the store is not asked.
    ///
    /// # Errors
    /// When the store fails. Changes are kept, and written with the next ones; but for samples, of which newer ones come.
    pub async fn flush(&mut self, store: &dyn StateStore) -> Result<(), StoreError> {
        if !self.unsaved.is_empty() {
            let saved = match store.save(&self.key, &self.unsaved).await {
                Err(error) if error.kind == StoreFailure::Conflict => store.save(&self.key, &self.unsaved).await,
                Err(error) if error.kind == StoreFailure::Rejected && self.unsaved.contains_key(COLLECTED_METRICS) => {
                    let cause = error.source.to_string();
                    drop(error);
                    warn!(job = %self.key, cause, "the samples could not be kept: a restart begins without them");
                    self.unsaved.remove(COLLECTED_METRICS);
                    if self.unsaved.is_empty() { Ok(()) } else { store.save(&self.key, &self.unsaved).await }
                }
                saved => saved,
            };
            if let Err(error) = saved {
                // They are large, and soon stale.
                if let Some(Some(_)) = self.unsaved.get(COLLECTED_METRICS) {
                    self.unsaved.remove(COLLECTED_METRICS);
                }
                return Err(error);
            }
            self.unsaved.clear();
            self.saved_overrides = self.overrides();
        }
        if let Some(left) = &self.left {
            store.forget(left).await?;
            self.left = None;
        }
        Ok(())
    }

    /// The targets that were decided on. Entries that are no target are passed over.
    pub fn overrides(&self) -> BTreeMap<VertexId, u32> {
        let text = self.entries.get(PARALLELISM_OVERRIDES).map(String::as_str).unwrap_or_default();
        parse_overrides(text)
    }

    /// The targets that are to be held: those that the store has. One that is not stored yet would be undone by a host
    /// that is started again.
    pub fn saved_overrides(&self) -> &BTreeMap<VertexId, u32> {
        &self.saved_overrides
    }

    /// Replaces the targets.
    pub fn set_overrides(&mut self, overrides: &BTreeMap<VertexId, u32>) {
        let text: Vec<String> = overrides.iter().map(|(vertex, target)| format!("{vertex}:{target}")).collect();
        self.apply([(PARALLELISM_OVERRIDES.to_owned(), Some(text.join(",")))]);
    }
}

/// Reads `vertex:parallelism,…`, Flink's form of a map.
pub(crate) fn parse_overrides(text: &str) -> BTreeMap<VertexId, u32> {
    text.split(',')
        .filter_map(|entry| {
            let (vertex, target) = entry.split_once(':')?;
            let target = target.trim().parse().ok().filter(|target| *target >= 1)?;
            Some((vertex.trim().parse().ok()?, target))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::MemoryStateStore;
    use super::super::testing::Failing;
    use super::*;

    fn key() -> StateKey {
        StateKey { cluster: "c".to_owned(), job: "orders".to_owned() }
    }

    fn targets(targets: &[(u128, u32)]) -> BTreeMap<VertexId, u32> {
        targets.iter().map(|(vertex, target)| (VertexId::from_u128(*vertex), *target)).collect()
    }

    async fn load(store: &dyn StateStore) -> JobState {
        JobState::load(key(), None, store).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_the_next_one_who_asks() {
        let store = MemoryStateStore::default();
        let mut state = load(&store).await;
        let overrides = targets(&[(1, 4), (2, 1)]);
        state.set_overrides(&overrides);
        state.apply([("scalingHistory".to_owned(), Some("{}".to_owned()))]);
        state.keep_samples("samples".to_owned());
        state.keep_events(Some("events".to_owned()));
        state.flush(&store).await.unwrap();

        let mut again = load(&store).await;
        assert_eq!((again.overrides(), again.saved_overrides()), (overrides.clone(), &overrides));
        assert_eq!(again.take_samples().as_deref(), Some("samples"));
        assert_eq!(again.events(), Some("events"));
        assert_eq!(again.entries().len(), 2, "no policy pays for the others");
        again.clear();
        again.flush(&store).await.unwrap();
        assert_eq!(store.load(&key()).await.unwrap().into_keys().collect::<Vec<_>>(), [TOLD_EVENTS]);
        again.keep_events(None);
        again.flush(&store).await.unwrap();
        assert_eq!(store.jobs().await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_failed_flush_loses_nothing_and_holds_nothing_that_is_not_stored() {
        let store = Failing::default();
        let mut state = load(&store).await;
        state.set_overrides(&targets(&[(1, 2)]));
        state.flush(&store).await.unwrap();

        store.fail_next([StoreFailure::Unavailable, StoreFailure::Unavailable]);
        state.set_overrides(&targets(&[(1, 3)]));
        state.keep_samples("large".to_owned());
        state.flush(&store).await.unwrap_err();
        state.apply([("scalingHistory".to_owned(), Some("{}".to_owned()))]);
        state.flush(&store).await.unwrap_err();
        assert_eq!((state.overrides(), state.saved_overrides().clone()), (targets(&[(1, 3)]), targets(&[(1, 2)])));

        state.flush(&store).await.unwrap();
        assert_eq!(state.saved_overrides(), &targets(&[(1, 3)]));
        let stored = load(&store).await;
        assert_eq!(stored.overrides(), targets(&[(1, 3)]));
        assert!(stored.entries().contains_key("scalingHistory") && stored.samples.is_none());
    }

    #[tokio::test]
    async fn a_conflict_is_tried_again_at_once_and_samples_that_do_not_fit_are_let_go() {
        let store = Failing::default();
        let mut state = load(&store).await;
        store.fail_next([StoreFailure::Conflict]);
        state.set_overrides(&targets(&[(1, 2)]));
        state.flush(&store).await.unwrap();
        store.fail_next([StoreFailure::Rejected]);
        state.set_overrides(&targets(&[(1, 5)]));
        state.keep_samples("too large".to_owned());
        state.flush(&store).await.unwrap();
        let mut stored = load(&store).await;
        assert_eq!((stored.overrides(), stored.take_samples()), (targets(&[(1, 5)]), None));
    }

    #[tokio::test]
    async fn state_under_the_jobs_id_is_adopted_once_and_moved() {
        let store = Failing::default();
        let left = StateKey { cluster: String::new(), job: "00000000000000000000000000000007".to_owned() };
        let adopt = async || JobState::load(key(), Some(left.clone()), &store).await.unwrap();
        let vertex = VertexId::from_u128(1);
        let java = BTreeMap::from([
            (PARALLELISM_OVERRIDES.to_owned(), Some(format!("{vertex}:4"))),
            (COLLECTED_METRICS.to_owned(), Some("{}".to_owned())),
        ]);
        store.save(&left, &java).await.unwrap();

        let mut state = adopt().await;
        assert_eq!(state.overrides(), targets(&[(1, 4)]));
        assert_eq!(state.take_samples().as_deref(), Some("{}"));
        store.fail_next([StoreFailure::Unavailable]);
        state.flush(&store).await.unwrap_err();
        assert_eq!(
            store.jobs().await.unwrap(),
            std::slice::from_ref(&left),
            "nothing is removed before it is safe elsewhere"
        );
        state.flush(&store).await.unwrap();
        assert_eq!(store.jobs().await.unwrap(), [key()]);

        // Should its rows come back, or not have been removed, ours count.
        store.save(&left, &java).await.unwrap();
        state.set_overrides(&targets(&[(1, 9)]));
        state.flush(&store).await.unwrap();
        let mut again = adopt().await;
        assert_eq!(again.overrides(), targets(&[(1, 9)]));
        again.flush(&store).await.unwrap();
        assert_eq!(store.jobs().await.unwrap(), [key()]);
    }

    #[test]
    fn only_targets_are_read_as_targets() {
        let vertex = VertexId::from_u128(0xab);
        assert_eq!(parse_overrides(&format!("{vertex}:3, x:1,{vertex}:-1,:,")), BTreeMap::from([(vertex, 3)]));
        assert_eq!(parse_overrides(&format!("{vertex}:0")), BTreeMap::new());
    }
}
