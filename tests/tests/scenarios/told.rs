//! What handlers are told across starts of the daemon: nothing twice in its interval, and nothing never.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use tidegate::event::{EventHandler, HandlerError};
use tidegate::model::JobEvent;
use tidegate::state::{MemoryStateStore, StateKey, StateStore, StoreError};
use tidegate_tests::host::{Host, Scenario};
use tokio::sync::Mutex;

use crate::short_of_three;

/// Passes in the interval in which an event is told once.
const INTERVAL: usize = 180;

/// A store in memory that counts how often it was written to.
#[derive(Default)]
struct Counting {
    store: MemoryStateStore,
    saves: AtomicUsize,
}

#[async_trait]
impl StateStore for Counting {
    async fn load(&self, job: &StateKey) -> Result<BTreeMap<String, String>, StoreError> {
        self.store.load(job).await
    }

    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
        self.saves.fetch_add(1, Ordering::Relaxed);
        self.store.save(job, changes).await
    }

    async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
        self.store.forget(job).await
    }

    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
        self.store.jobs().await
    }
}

/// A handler that takes nothing while it is stuck.
#[derive(Default)]
struct Stuck {
    is_free: AtomicBool,
    told: Mutex<Vec<JobEvent>>,
}

#[async_trait]
impl EventHandler for Stuck {
    fn name(&self) -> &str {
        "stuck"
    }

    async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError> {
        if !self.is_free.load(Ordering::Acquire) {
            std::future::pending::<()>().await;
        }
        self.told.lock().await.extend_from_slice(events);
        Ok(())
    }
}

async fn is_told_once_in_its_interval(scenario: Scenario, reason: &str, spoil: impl Fn(&Host)) {
    let store = Arc::new(Counting::default());
    let mut host = scenario.store(Arc::clone(&store) as _).start().await;
    spoil(&host);
    let told = |host: &Host| host.events("orders", reason).iter().map(|event| event.count).collect::<Vec<_>>();
    host.passes(3).await;
    let saves = store.saves.load(Ordering::Relaxed);
    for _ in 0..4 {
        host.passes(20).await;
        host.restart();
    }
    host.passes(INTERVAL - 83).await;
    assert_eq!(told(&host), [1], "{reason}");
    assert_eq!(store.saves.load(Ordering::Relaxed), saves, "{reason}: nothing to write where nothing is told");
    host.passes(2).await;
    let counts = told(&host);
    assert!(counts.len() == 2 && counts[1] > 90, "{reason}: {counts:?}");
}

#[tokio::test]
async fn an_event_is_told_once_in_its_interval_however_often_the_daemon_is_started() {
    let wrong = Scenario::of([short_of_three("orders")]).option("job.autoscaler.utilization.target", "-0.3");
    is_told_once_in_its_interval(wrong, "AutoScaler Options Validation", |_| {}).await;
    is_told_once_in_its_interval(Scenario::of([short_of_three("orders")]), "AutoscalerError", |host| {
        host.cluster.fail(&format!("/jobs/{}", host.job("orders")), 500);
    })
    .await;
}

#[tokio::test]
async fn an_event_that_a_handler_has_not_taken_is_told_after_the_next_start_and_not_after_that() {
    let stuck = Arc::new(Stuck::default());
    let mut host = Scenario::of([short_of_three("orders")]).event_handler(Arc::clone(&stuck) as _).start().await;
    host.passes(12).await;
    let told: Vec<JobEvent> =
        ["ScalingReport", "Scaling"].iter().flat_map(|reason| host.events("orders", reason)).collect();
    assert_eq!(told.len(), 2);
    host.restart();
    stuck.is_free.store(true, Ordering::Release);
    host.passes(3).await;
    let late = stuck.told.lock().await.clone();
    let words =
        |events: &[JobEvent]| events.iter().map(|event| (event.at, event.event.message.clone())).collect::<Vec<_>>();
    assert_eq!(words(&late), words(&told), "with the times at which they happened");
    host.restart();
    host.passes(3).await;
    assert_eq!(stuck.told.lock().await.len(), late.len(), "it has them");
    assert_eq!(host.puts("orders").len(), 1);
}
