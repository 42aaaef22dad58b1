//! Hands events to every handler, each at its own pace.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tidegate_common::time::Timestamp;
use tokio::sync::mpsc::{self, Receiver, Sender, error::TrySendError};
use tokio::task::JoinSet;
use tracing::{error, warn};

use super::{Deduplicator, EventHandler};
use crate::metrics::Metrics;
use crate::model::{Event, JobEvent, JobKey};

/// Events that wait for a slow handler; more are dropped and counted.
const QUEUE: usize = 1024;

/// Events that a handler takes in one call.
const BATCH: usize = 64;

/// A handler, and what waits for it.
type Told = (Arc<dyn EventHandler>, Sender<JobEvent>);

/// The way from passes to handlers.
pub struct Events {
    dedup: Mutex<Deduplicator>,
    handlers: RwLock<Vec<Told>>,
    metrics: Arc<Metrics>,
}

impl Events {
    /// Starts one task per handler; they end when this is dropped and their queues are empty.
    pub fn start(handlers: Vec<Arc<dyn EventHandler>>, metrics: Arc<Metrics>) -> (Self, JoinSet<()>) {
        let mut tasks = JoinSet::new();
        let events = Self { dedup: Mutex::default(), handlers: RwLock::default(), metrics };
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
        let admitted = self.dedup.lock().unwrap_or_else(PoisonError::into_inner).admit(job, &event, at);
        let Some(count) = admitted else { return };
        self.metrics.event(&job.cluster, &event.reason);
        let event = JobEvent { at, job: job.clone(), job_name: job_name.to_owned(), event, count };
        for (handler, queue) in self.handlers.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if !handler.wants(&event) {
                continue;
            }
            match queue.try_send(event.clone()) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    self.metrics.event_dropped(handler.name());
                    warn!(plugin = handler.name(), job = %job, reason = event.event.reason, "event dropped: handler is too slow");
                }
                Err(TrySendError::Closed(_)) => {
                    error!(plugin = handler.name(), job = %job, "event handler's task is gone")
                }
            }
        }
    }

    /// Forgets what was told about a job that is gone.
    pub fn forget(&self, job: &JobKey) {
        self.dedup.lock().unwrap_or_else(PoisonError::into_inner).forget(job);
    }
}

async fn deliver(handler: Arc<dyn EventHandler>, mut queue: Receiver<JobEvent>) {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        if let Err(error) = handler.handle(&batch).await {
            let cause: &dyn std::error::Error = error.source.as_ref();
            warn!(plugin = handler.name(), events = batch.len(), error = %error, cause, "events not handled");
        }
        batch.clear();
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
