//! The state of jobs that are gone: kept for a redeploy, and forgotten in the end. No pass waits for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_common::time::Timestamp;
use tokio::task::{JoinError, JoinSet};
use tracing::{error, info, warn};

use super::context::state_keys;
use crate::model::Job;
use crate::state::{StateKey, StateStore, StoreError, StoreFailure};

/// Whose state is kept although the job is gone. Of one cluster.
pub(super) struct Gone {
    store: Arc<dyn StateStore>,
    since: HashMap<StateKey, Timestamp>,
    /// Whose state is being forgotten: no pass may begin with it.
    forgetting: HashSet<StateKey>,
    kept: Kept,
    requests: JoinSet<Answer>,
}

/// Whose state there was when the daemon started, as far as that is known: some may have gone while it was down.
enum Kept {
    Unknown,
    Asked,
    Known(Vec<StateKey>),
    Sorted,
}

/// What came of asking the store.
enum Answer {
    Listed(Result<Vec<StateKey>, StoreError>),
    Forgotten { key: StateKey, since: Timestamp, answer: Result<(), StoreError> },
}

impl Gone {
    /// Nothing is known yet.
    pub(super) fn new(store: Arc<dyn StateStore>) -> Self {
        Self { store, since: HashMap::new(), forgetting: HashSet::new(), kept: Kept::Unknown, requests: JoinSet::new() }
    }

    /// A job is gone as of `now`.
    pub(super) fn add(&mut self, key: StateKey, now: Timestamp) {
        self.since.insert(key, now);
    }

    /// A job is back.
    pub(super) fn remove(&mut self, key: &StateKey) {
        self.since.remove(key);
    }

    /// Whose state is being forgotten right now.
    pub(super) fn forgetting(&self) -> &HashSet<StateKey> {
        &self.forgetting
    }

    /// Takes the answers that are there. The first time asks whose state there is; whoever of it is not `listed` is gone
    /// as of `now`.
    pub(super) fn sort(&mut self, cluster: &str, listed: &[Job], now: Timestamp) {
        while let Some(answer) = self.requests.try_join_next() {
            self.take(answer);
        }
        match std::mem::replace(&mut self.kept, Kept::Asked) {
            Kept::Unknown => {
                let store = Arc::clone(&self.store);
                self.requests.spawn(async move { Answer::Listed(store.jobs().await) });
            }
            Kept::Asked => {}
            Kept::Known(keys) => {
                let present: HashSet<StateKey> = listed.iter().flat_map(|job| state_keys(cluster, job)).collect();
                for key in keys.into_iter().filter(|key| key.cluster == cluster && !present.contains(key)) {
                    info!(job = %key, "job has gone while nobody looked");
                    self.since.entry(key).or_insert(now);
                }
                self.kept = Kept::Sorted;
            }
            Kept::Sorted => self.kept = Kept::Sorted,
        }
    }

    /// Forgets the state of jobs that have been gone for longer than `patience`.
    pub(super) fn forget(&mut self, now: Timestamp, patience: Duration) {
        let due = now.minus(patience);
        for (key, since) in self.since.extract_if(|_, since| *since <= due) {
            let store = Arc::clone(&self.store);
            self.forgetting.insert(key.clone());
            self.requests.spawn(async move {
                let answer = store.forget(&key).await;
                Answer::Forgotten { key, since, answer }
            });
        }
    }

    /// Waits until the store has answered everything.
    pub(super) async fn settle(&mut self) {
        while let Some(answer) = self.requests.join_next().await {
            self.take(answer);
        }
    }

    fn take(&mut self, answer: Result<Answer, JoinError>) {
        match answer {
            Ok(Answer::Listed(Ok(keys))) => self.kept = Kept::Known(keys),
            Ok(Answer::Listed(Err(_))) => self.kept = Kept::Unknown,
            Ok(Answer::Forgotten { key, since, answer }) => {
                self.forgetting.remove(&key);
                match answer {
                    Ok(()) => info!(job = %key, "state of a job that is gone was removed"),
                    Err(error) if error.kind == StoreFailure::Rejected => {
                        let cause = error.source.to_string();
                        warn!(job = %key, cause, "state of a job that is gone cannot be removed");
                    }
                    // Later.
                    Err(_) => {
                        self.since.entry(key).or_insert(since);
                    }
                }
            }
            Err(lost) => error!(error = %lost, "a request to the state store panicked"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{JobId, JobStatus};
    use crate::state::MemoryStateStore;

    #[tokio::test]
    async fn jobs_that_went_while_nobody_looked_are_forgotten_in_time() {
        let store = Arc::new(MemoryStateStore::default());
        let key = |cluster: &str, job: &str| StateKey { cluster: cluster.to_owned(), job: job.to_owned() };
        let job = Job { id: JobId::from_u128(7), name: "stays".to_owned(), status: JobStatus::Running };
        let twin = format!("stays ({})", job.id);
        let kept = [key("c", "stays"), key("c", &twin), key("c", "back"), key("other", "x"), key("", "0abc")];
        for key in kept.iter().chain([&key("c", "gone")]) {
            store.save(key, &BTreeMap::from([("k".to_owned(), Some("v".to_owned()))])).await.unwrap();
        }
        let (hour, at) = (Duration::from_secs(3600), Timestamp::from_millis);
        let mut gone = Gone::new(store.clone());
        for (now, left) in [(0, 6), (1, 6), (3_599_000, 6), (3_600_001, 5)] {
            gone.sort("c", std::slice::from_ref(&job), at(now));
            gone.remove(&key("c", "back"));
            gone.forget(at(now), hour);
            gone.settle().await;
            assert_eq!(store.jobs().await.unwrap().len(), left, "at {now}");
        }
        let mut left = store.jobs().await.unwrap();
        left.sort();
        let mut kept = kept.to_vec();
        kept.sort();
        assert_eq!(left, kept);
    }
}
