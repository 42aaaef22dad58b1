//! The host's own copy of one job's state: read once, written when something changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{StateKey, StateStore, StoreError};
use crate::model::VertexId;

/// The host's key: the targets that are held, as `vertex:parallelism,…` (FLIP-334's encoding).
pub(crate) const PARALLELISM_OVERRIDES: &str = "parallelismOverrides";

/// The host's key: the metric window, as [`crate::collect::codec`] writes it.
pub(crate) const COLLECTED_METRICS: &str = "collectedMetrics";

/// One job's state.
#[derive(Debug)]
pub struct JobState {
    key: StateKey,
    entries: Arc<BTreeMap<String, String>>,
    /// What the store has not yet taken.
    unsaved: BTreeMap<String, Option<String>>,
}

impl JobState {
    /// Reads a job's state.
    ///
    /// # Errors
    /// When the store fails; nothing may be decided without knowing what was decided before.
    pub async fn load(key: StateKey, store: &dyn StateStore) -> Result<Self, StoreError> {
        let entries = store.load(&key).await?;
        Ok(Self { key, entries: Arc::new(entries), unsaved: BTreeMap::new() })
    }

    /// Whose state it is.
    pub fn key(&self) -> &StateKey {
        &self.key
    }

    /// All texts, shared.
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

    /// Forgets everything.
    pub fn clear(&mut self) {
        let keys: Vec<String> = self.entries.keys().cloned().collect();
        self.apply(keys.into_iter().map(|key| (key, None)));
    }

    /// Writes what changed since the last time; without changes the store is not asked.
    ///
    /// # Errors
    /// When the store fails; the changes are kept, and written with the next ones.
    pub async fn flush(&mut self, store: &dyn StateStore) -> Result<(), StoreError> {
        if !self.unsaved.is_empty() {
            store.save(&self.key, &self.unsaved).await?;
            self.unsaved.clear();
        }
        Ok(())
    }

    /// The targets that are held. Entries that are no target are passed over.
    pub fn overrides(&self) -> BTreeMap<VertexId, u32> {
        let text = self.entries.get(PARALLELISM_OVERRIDES).map(String::as_str).unwrap_or_default();
        parse_overrides(text)
    }

    /// Replaces the targets that are held.
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
    use super::*;

    fn key() -> StateKey {
        StateKey { cluster: "c".to_owned(), job: "orders".to_owned() }
    }

    #[tokio::test]
    async fn what_was_kept_is_there_for_the_next_one_who_asks() {
        let store = MemoryStateStore::default();
        let mut state = JobState::load(key(), &store).await.unwrap();
        let overrides = BTreeMap::from([(VertexId::from_u128(1), 4), (VertexId::from_u128(2), 1)]);
        state.set_overrides(&overrides);
        state.apply([("scalingHistory".to_owned(), Some("{}".to_owned()))]);
        state.flush(&store).await.unwrap();

        let mut again = JobState::load(key(), &store).await.unwrap();
        assert_eq!(again.overrides(), overrides);
        again.clear();
        again.flush(&store).await.unwrap();
        assert!(JobState::load(key(), &store).await.unwrap().entries().is_empty());
    }

    #[test]
    fn only_targets_are_read_as_targets() {
        let vertex = VertexId::from_u128(0xab);
        assert_eq!(parse_overrides(&format!("{vertex}:3, x:1,{vertex}:-1,:,")), BTreeMap::from([(vertex, 3)]));
        assert_eq!(parse_overrides(&format!("{vertex}:0")), BTreeMap::new());
    }
}
