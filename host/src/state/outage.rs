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

/// The longest that a pass waits for an attempt, which goes on without it.
const ATTENTION: Duration = Duration::from_secs(1);

/// Between the first failure and the next attempt. Doubled with every further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// At most so long.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A store behind which an outage costs one call in a while, and that one not much of its pass. All others fail at once,
/// and are tried again by their passes.
pub struct Outages {
    store: Arc<dyn StateStore>,
    known: Arc<Known>,
    attention: Duration,
}

/// How the store does.
struct Known {
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

impl Outage {
    /// The same words all the time, so that whoever is told is told once: not for how long.
    fn words(&self) -> String {
        format!("out of reach: {}", self.reason)
    }
}

impl Outages {
    /// `store`, which is taken to be in reach.
    pub fn of(store: Arc<dyn StateStore>, metrics: Arc<Metrics>) -> Self {
        metrics.state_store(true);
        let (outage, slowness) = (Mutex::default(), Mutex::default());
        let known = Arc::new(Known { metrics, patience: PATIENCE, clock: Instant::now, outage, slowness });
        Self { store, known, attention: ATTENTION }
    }

    /// Has an attempt go on by itself, so that the pass that makes it need not wait for a store that is silent. What it
    /// changes is of the state of that pass: stored late, it is stored once more with what has changed since.
    async fn attempt<T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let known = Arc::clone(&self.known);
        let attempt = tokio::spawn(async move { known.answer(Turn::Attempt, call).await });
        match timeout(self.attention, attempt).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(lost)) => Err(unavailable(format!("the attempt was lost: {lost}"))),
            Err(_) => Err(self.known.out_of_reach()),
        }
    }
}

impl Known {
    /// Waits for a call, if there may be one now.
    async fn ask<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let turn = self.admit()?;
        self.answer(turn, call).await
    }

    /// Waits for a call.
    async fn answer<T>(&self, turn: Turn, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
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
            Some(outage) if now < outage.next => Err(unavailable(outage.words())),
            Some(outage) => {
                outage.next = now + self.patience;
                Ok(Turn::Attempt)
            }
            None => Ok(Turn::Usual),
        }
    }

    fn out_of_reach(&self) -> StoreError {
        unavailable(self.outage().as_ref().map_or_else(|| "out of reach".to_owned(), Outage::words))
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
        match self.known.admit()? {
            Turn::Usual => self.known.answer(Turn::Usual, self.store.load(job)).await,
            Turn::Attempt => {
                let (store, job) = (Arc::clone(&self.store), job.clone());
                self.attempt(async move { store.load(&job).await }).await
            }
        }
    }

    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
        match self.known.admit()? {
            Turn::Usual => self.known.answer(Turn::Usual, self.store.save(job, changes)).await,
            Turn::Attempt => {
                let (store, job, changes) = (Arc::clone(&self.store), job.clone(), changes.clone());
                self.attempt(async move { store.save(&job, &changes).await }).await
            }
        }
    }

    async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
        self.known.ask(self.store.forget(job)).await
    }

    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
        self.known.ask(self.store.jobs()).await
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

    fn behind_outages(patience: Duration) -> (Arc<Failing>, Outages) {
        let store = Arc::new(Failing::default());
        let outages = Outages::of(Arc::clone(&store) as _, Arc::default());
        let (metrics, outage, slowness) = Default::default();
        let known = Arc::new(Known { metrics, patience, clock: now, outage, slowness });
        (store, Outages { known, attention: Duration::from_millis(20), ..outages })
    }

    #[tokio::test]
    async fn an_outage_costs_one_call_in_a_while() {
        let (store, outages) = behind_outages(PATIENCE);
        store.fail_next([StoreFailure::Unavailable; 3]);
        let mut said = std::collections::BTreeSet::new();
        for (after, asked) in [(0, 1), (500, 1), (600, 2), (1900, 2), (200, 3), (3900, 3)] {
            advance(after);
            said.insert(outages.jobs().await.unwrap_err().source.to_string());
            assert_eq!(store.asked(), asked, "after {after} more milliseconds");
        }
        let words = ["as the test says", "out of reach: as the test says"];
        assert_eq!(said.into_iter().collect::<Vec<_>>(), words, "no words of their own for every moment");
        advance(200);
        outages.jobs().await.unwrap();
        outages.jobs().await.unwrap();
        assert_eq!(store.asked(), 5);
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_waited_for_once() {
        let (store, outages) = behind_outages(Duration::from_millis(20));
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
    async fn no_pass_waits_for_an_attempt_that_goes_on_and_what_it_stores_is_stored() {
        let (store, outages) = behind_outages(PATIENCE);
        let key = StateKey { cluster: "c".to_owned(), job: "orders".to_owned() };
        let first = BTreeMap::from([("a".to_owned(), Some("1".to_owned()))]);
        store.fail_next([StoreFailure::Unavailable]);
        outages.save(&key, &first).await.unwrap_err();
        *store.delay.lock().unwrap() = Duration::from_millis(300);
        advance(1001);
        outages.save(&key, &first).await.expect_err("the answer, which would be good, is not waited for");
        assert!(outages.load(&key).await.is_err() && store.asked() == 2, "one at a time");
        while outages.known.outage().is_some() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(store.asked(), 2, "it found out by itself");
        assert_eq!(outages.load(&key).await.unwrap()["a"], "1", "and from now on everybody waits again");
        let second = BTreeMap::from([("a".to_owned(), Some("2".to_owned()))]);
        outages.save(&key, &second).await.unwrap();
        assert_eq!(outages.load(&key).await.unwrap()["a"], "2");
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_entries_is_no_outage() {
        let (store, outages) = behind_outages(PATIENCE);
        store.fail_next([StoreFailure::Rejected, StoreFailure::Conflict]);
        outages.jobs().await.unwrap_err();
        outages.jobs().await.unwrap_err();
        outages.jobs().await.unwrap();
        assert_eq!(store.asked(), 3);
    }
}
