//! Hands events to every handler, each at its own pace.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tidegate_common::time::Timestamp;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

use super::EventHandler;
use super::ledger::{Ledger, Receipt};
use crate::metrics::Metrics;
use crate::model::{Event, JobEvent, JobKey};

/// Events that wait for a slow handler; more are dropped and counted.
const QUEUE: usize = 1024;

/// Events that a handler takes in one call.
const BATCH: usize = 64;

/// A handler, and what waits for it.
type Told = (Arc<dyn EventHandler>, Sender<(JobEvent, Arc<Receipt>)>);

/// The way from passes to handlers.
pub struct Events {
    ledgers: Mutex<HashMap<JobKey, Ledger>>,
    handlers: RwLock<Vec<Told>>,
    /// Told when an event has been taken by all handlers.
    handled: Arc<Notify>,
    /// Tells this process from those before.
    process: u64,
    metrics: Arc<Metrics>,
}

/// An event that is to be told. Dropped, it never was.
#[derive(Debug)]
pub struct Notice {
    event: JobEvent,
    receipt: Arc<Receipt>,
}

impl Events {
    /// Starts one task per handler; they end when this is dropped and their queues are empty.
    pub fn start(handlers: Vec<Arc<dyn EventHandler>>, metrics: Arc<Metrics>) -> (Self, JoinSet<()>) {
        let mut tasks = JoinSet::new();
        let process = RandomState::new().hash_one(());
        let (ledgers, handled) = (Mutex::default(), Arc::default());
        let events = Self { ledgers, handlers: RwLock::default(), handled, process, metrics };
        events.change(handlers, &mut tasks);
        (events, tasks)
    }

    /// From now on tells these handlers and no others. Those that are told already keep what waits for them; those that
    /// leave get it before their task ends.
    pub fn change(&self, handlers: Vec<Arc<dyn EventHandler>>, tasks: &mut JoinSet<()>) {
        let mut told = self.handlers.write().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *told);
        for handler in handlers {
            let place = old.iter().position(|(known, _)| Arc::ptr_eq(known, &handler));
            told.push(match place {
                Some(place) => old.swap_remove(place),
                None => {
                    let (sender, queue) = mpsc::channel(QUEUE);
                    tasks.spawn(deliver(Arc::clone(&handler), queue));
                    (handler, sender)
                }
            });
        }
    }

    /// Tells `event`, unless it was told just now. Never waits.
    pub fn tell(&self, job: &JobKey, job_name: &str, at: Timestamp, event: Event) {
        if let Some(notice) = self.prepare(job, job_name, at, event) {
            self.send(&notice, at);
        }
    }

    /// Notes that `event` is to be told soon, unless it was told just now. Once that is stored, it is told even if the
    /// process is killed before.
    pub fn prepare(&self, job: &JobKey, job_name: &str, at: Timestamp, event: Event) -> Option<Notice> {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(job.clone()).or_default();
        let count = ledger.admit(job.id, &event, at)?;
        let event = JobEvent { at, job: job.clone(), job_name: job_name.to_owned(), event, count };
        Some(self.notice(ledger, event))
    }

    /// Tells what was prepared, as of `at`. Never waits.
    pub fn send(&self, notice: &Notice, at: Timestamp) {
        let event = JobEvent { at, ..notice.event.clone() };
        self.metrics.event(&event.job.cluster, &event.event.reason);
        for (handler, queue) in self.handlers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if !handler.wants(&event) {
                continue;
            }
            let job = &event.job;
            match queue.try_send((event.clone(), Arc::clone(&notice.receipt))) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    self.metrics.event_dropped(handler.name());
                    warn!(plugin = handler.name(), %job, reason = event.event.reason, "event dropped: handler is too slow");
                }
                Err(TrySendError::Closed(_)) => {
                    error!(plugin = handler.name(), %job, "event handler's task is gone")
                }
            }
        }
    }

    /// What is to be kept of a job beside its state, if that has changed since it was asked for: which events were told,
    /// and which are on their way. Nothing where there is nothing to keep.
    pub fn to_keep(&self, job: &JobKey) -> Option<Option<String>> {
        self.ledgers().get_mut(job)?.changed(self.process)
    }

    /// Goes on from what was kept of a job. Events that were on their way when another process ended are told now: a
    /// second time, perhaps.
    pub fn restore(&self, job: &JobKey, kept: &str) {
        let mut ledgers = self.ledgers();
        let ledger = ledgers.entry(job.clone()).or_default();
        let left = match ledger.restore(kept, &job.cluster, self.process) {
            Ok(left) => left,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(%job, error, "what was told of the job cannot be read: events may be told again");
                return;
            }
        };
        let notices: Vec<Notice> = left.into_iter().map(|event| self.notice(ledger, event)).collect();
        drop(ledgers);
        if !notices.is_empty() {
            info!(%job, events = notices.len(), "telling events that were on their way when the daemon ended");
        }
        for notice in notices {
            self.send(&notice, notice.event.at);
        }
    }

    /// Waits until the handlers have taken every event of a cluster's jobs, but not for longer than `patience`.
    pub async fn settle(&self, cluster: &str, patience: Duration) {
        let is_waiting = || {
            let mut ledgers = self.ledgers();
            let of_cluster = ledgers.iter_mut().filter(|(job, _)| job.cluster == cluster);
            of_cluster.fold(false, |is_waiting, (_, ledger)| ledger.is_waiting() || is_waiting)
        };
        let settled = async {
            loop {
                let mut handled = std::pin::pin!(self.handled.notified());
                handled.as_mut().enable();
                if !is_waiting() {
                    return;
                }
                handled.await;
            }
        };
        // What is left then is told after the next start.
        let _ = timeout(patience, settled).await;
    }

    /// Forgets what was told about a job that is gone.
    pub fn forget(&self, job: &JobKey) {
        self.ledgers().remove(job);
    }

    fn notice(&self, ledger: &mut Ledger, event: JobEvent) -> Notice {
        let receipt = Receipt::new(&self.handled);
        ledger.wait_for(&event, &receipt);
        Notice { event, receipt }
    }

    fn ledgers(&self) -> MutexGuard<'_, HashMap<JobKey, Ledger>> {
        self.ledgers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn deliver(handler: Arc<dyn EventHandler>, mut queue: Receiver<(JobEvent, Arc<Receipt>)>) {
    let mut waiting = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut waiting, BATCH).await > 0 {
        let (batch, receipts): (Vec<JobEvent>, Vec<Arc<Receipt>>) = waiting.drain(..).unzip();
        if let Err(error) = handler.handle(&batch).await {
            let cause: &dyn std::error::Error = error.source.as_ref();
            warn!(plugin = handler.name(), events = batch.len(), error = %error, cause, "events not handled");
        }
        drop(receipts);
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::sync::{Mutex as AsyncMutex, Notify};

    use super::super::HandlerError;
    use super::*;
    use crate::model::{EventKind, JobId};

    struct Recorder {
        seen: AsyncMutex<Vec<String>>,
        gate: Option<Notify>,
    }

    #[async_trait]
    impl EventHandler for Recorder {
        fn name(&self) -> &str {
            "recorder"
        }

        async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError> {
            if let Some(gate) = &self.gate {
                gate.notified().await;
            }
            self.seen.lock().await.extend(events.iter().map(|event| event.event.message.clone()));
            if events.iter().any(|event| event.event.message == "refuse") {
                return Err(HandlerError { source: "no".into() });
            }
            Ok(())
        }
    }

    fn event(message: &str) -> Event {
        Event {
            kind: EventKind::Normal,
            reason: "R".to_owned(),
            message: message.to_owned(),
            message_key: None,
            interval: None,
        }
    }

    #[tokio::test]
    async fn a_stuck_handler_holds_up_nobody_and_a_failing_one_goes_on() {
        let recorder = |gate| Arc::new(Recorder { seen: AsyncMutex::default(), gate });
        let (stuck, free) = (recorder(Some(Notify::new())), recorder(None));
        let metrics = Arc::new(Metrics::default());
        let handlers: Vec<Arc<dyn EventHandler>> = vec![stuck.clone(), free.clone()];
        let (events, mut tasks) = Events::start(handlers, Arc::clone(&metrics));
        let job = JobKey { cluster: "c".to_owned(), id: JobId::from_u128(1) };
        let told = QUEUE + BATCH + 10;
        events.tell(&job, "orders", Timestamp::default(), event("refuse"));
        for number in 0..told {
            events.tell(&job, "orders", Timestamp::default(), event(&number.to_string()));
            tokio::task::yield_now().await;
        }
        drop(events);
        tasks.join_next().await.unwrap().unwrap();
        assert_eq!(free.seen.lock().await.len(), told + 1);
        assert!(stuck.seen.lock().await.is_empty());
        let mut text = String::new();
        metrics.write(&mut text).unwrap();
        assert!(text.contains("tidegate_events_dropped_total{plugin=\"recorder\"}"), "{text}");
    }
}
