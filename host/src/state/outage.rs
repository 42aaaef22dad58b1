//! A store that may be out of reach: passes do not wait for it one after the other.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::time::timeout;
use tracing::{info, warn};

use super::slow::{News, Slowness};
use super::{StateKey, StateStore, StoreError, StoreFailure};
use crate::metrics::Metrics;

/// The longest that one call may take, the wait for its turn included.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between the first failure and the next attempt. Doubled with every further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// At most so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A store behind which an outage costs one call in a while. All others fail at once, and are tried again by their
/// passes.
pub struct Outages {
    store: Arc<dyn StateStore>,
    metrics: Arc<Metrics>,
    patience: Duration,
    clock: fn() -> Instant,
    outage: Mutex<Option<Outage>>,
    slowness: Mutex<Slowness>,
}

/// Whether a call is the one that finds out if an outage is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Usual,
    Attempt,
}

/// A store that was out of reach when it was asked last.
struct Outage {
    since: Instant,
    pause: Duration,
    /// When the next call may try; put off while one does.
    next: Instant,
    reason: String,
}

impl Outages {
    /// `store`, which is taken to be in reach.
    pub fn of(store: Arc<dyn StateStore>, metrics: Arc<Metrics>) -> Self {
        metrics.state_store(true);
        let (outage, slowness) = (Mutex::default(), Mutex::default());
        Self { store, metrics, patience: PATIENCE, clock: Instant::now, outage, slowness }
    }

    /// Waits for a call, if there may be one now.
    async fn ask<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let turn = self.admit()?;
        let began = (self.clock)();
        let answer = match timeout(self.patience, call).await {
            Ok(answer) => answer,
            Err(_) => Err(unavailable(format!("no answer within {:?}", self.patience))),
        };
        match &answer {
            Err(error) if error.kind == StoreFailure::Unavailable => self.failed(turn, &error.source.to_string()),
            _ => self.answered((self.clock)().duration_since(began)),
        }
        answer
    }

    fn admit(&self) -> Result<Turn, StoreError> {
        let now = (self.clock)();
        match &mut *self.outage() {
            Some(outage) if now < outage.next => {
                Err(unavailable(format!("out of reach for {:?}: {}", now - outage.since, outage.reason)))
            }
            Some(outage) => {
                outage.next = now + self.patience;
                Ok(Turn::Attempt)
            }
            None => Ok(Turn::Usual),
        }
    }

    fn failed(&self, turn: Turn, reason: &str) {
        let now = (self.clock)();
        match &mut *self.outage() {
            Some(outage) if turn == Turn::Attempt => {
                outage.pause = (outage.pause * 2).min(LONGEST_PAUSE);
                outage.next = now + outage.pause;
                reason.clone_into(&mut outage.reason);
            }
            // One of those that were under way when it began.
            Some(_) => {}
            none => {
                warn!(reason, "state store is out of reach: nothing new is scaled until it is back");
                self.metrics.state_store(false);
                *none =
                    Some(Outage { since: now, pause: FIRST_PAUSE, next: now + FIRST_PAUSE, reason: reason.to_owned() });
            }
        }
    }

    fn answered(&self, took: Duration) {
        let now = (self.clock)();
        if let Some(outage) = self.outage().take() {
            info!(after = ?now.duration_since(outage.since), "state store is back");
            self.metrics.state_store(true);
        }
        match self.slowness.lock().unwrap_or_else(PoisonError::into_inner).answered(now, took) {
            Some(News::Slow { took }) => warn!(?took, "state store is slow: passes wait for it"),
            Some(News::Quick { after, slowest }) => info!(?after, ?slowest, "state store is quick again"),
            None => {}
        }
    }

    fn outage(&self) -> MutexGuard<'_, Option<Outage>> {
        self.outage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unavailable(reason: String) -> StoreError {
    StoreError { kind: StoreFailure::Unavailable, source: reason.into() }
}

#[async_trait]
impl StateStore for Outages {
    async fn load(&self, job: &StateKey) -> Result<BTreeMap<String, String>, StoreError> {
        self.ask(self.store.load(job)).await
    }

    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
        self.ask(self.store.save(job, changes)).await
    }

    async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
        self.ask(self.store.forget(job)).await
    }

    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
        self.ask(self.store.jobs()).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures::future::join_all;

    use super::super::testing::Failing;
    use super::*;

    thread_local! {
        static NOW: Cell<Option<Instant>> = const { Cell::new(None) };
    }

    fn now() -> Instant {
        NOW.get().unwrap_or_else(|| {
            NOW.set(Some(Instant::now()));
            now()
        })
    }

    fn advance(millis: u64) {
        NOW.set(Some(now() + Duration::from_millis(millis)));
    }

    fn behind_outages() -> (Arc<Failing>, Outages) {
        let store = Arc::new(Failing::default());
        let outages = Outages { clock: now, ..Outages::of(Arc::clone(&store) as _, Arc::default()) };
        (store, outages)
    }

    #[tokio::test]
    async fn an_outage_costs_one_call_in_a_while() {
        let (store, outages) = behind_outages();
        store.fail_next([StoreFailure::Unavailable; 3]);
        for (after, asked) in [(0, 1), (500, 1), (600, 2), (1900, 2), (200, 3), (3900, 3)] {
            advance(after);
            outages.jobs().await.unwrap_err();
            assert_eq!(store.asked(), asked, "after {after} more milliseconds");
        }
        advance(200);
        outages.jobs().await.unwrap();
        outages.jobs().await.unwrap();
        assert_eq!(store.asked(), 5);
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_waited_for_once() {
        let (store, outages) = behind_outages();
        let outages = Outages { patience: Duration::from_millis(20), ..outages };
        *store.delay.lock().unwrap() = Duration::from_secs(3600);
        assert!(join_all((0..100).map(|_| outages.jobs())).await.iter().all(Result::is_err));
        assert_eq!(store.asked(), 100, "nobody could know");
        assert!(join_all((0..100).map(|_| outages.jobs())).await.iter().all(Result::is_err));
        assert_eq!(store.asked(), 100, "everybody knows");
        advance(1001);
        assert!(join_all((0..100).map(|_| outages.jobs())).await.iter().all(Result::is_err));
        assert_eq!(store.asked(), 101, "one finds out");
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_entries_is_no_outage() {
        let (store, outages) = behind_outages();
        store.fail_next([StoreFailure::Rejected, StoreFailure::Conflict]);
        outages.jobs().await.unwrap_err();
        outages.jobs().await.unwrap_err();
        outages.jobs().await.unwrap();
        assert_eq!(store.asked(), 3);
    }
}
