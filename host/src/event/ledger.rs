//! What was told of one job: which events are held back, and which no handler may have taken yet. Kept with the job's
//! state, so that a process that is killed neither swallows an event nor tells it all over again.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Weak};

use serde::{Deserialize, Serialize};
use tidegate_common::time::Timestamp;
use tokio::sync::Notify;

use super::dedup::{Deduplicator, Told};
use crate::model::{Event, EventKind, JobEvent, JobId, JobKey};

/// Bytes of texts of events that are kept for one job; of more, only the latest are. A message has at most 64 KiB.
const MOST_TEXT: usize = 128 << 10;

/// What was told of one job.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    dedup: Deduplicator,
    waiting: Vec<Waiting>,
    /// Whether it is different from what was handed over to be kept.
    is_changed: bool,
}

/// An event that not every handler has taken yet, as far as is known.
#[derive(Debug)]
struct Waiting {
    event: JobEvent,
    receipt: Weak<Receipt>,
}

/// Held by all who still have to take an event. Nobody has to any more when it is dropped.
#[derive(Debug)]
pub(super) struct Receipt(Arc<Notify>);

impl Receipt {
    /// Tells `handled` when it is dropped.
    pub(super) fn new(handled: &Arc<Notify>) -> Arc<Self> {
        Arc::new(Self(Arc::clone(handled)))
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.0.notify_waiters();
    }
}

impl Ledger {
    /// How often `event` has happened since it was last told, this time included; `None` if it is held back now.
    pub(super) fn admit(&mut self, job: JobId, event: &Event, now: Timestamp) -> Option<u32> {
        let count = self.dedup.admit(job, event, now);
        self.is_changed |= count.is_some();
        count
    }

    /// Remembers `event` until its receipt is dropped.
    pub(super) fn wait_for(&mut self, event: &JobEvent, receipt: &Arc<Receipt>) {
        self.waiting.push(Waiting { event: event.clone(), receipt: Arc::downgrade(receipt) });
        self.is_changed = true;
    }

    /// Whether an event has not been taken by all yet.
    pub(super) fn is_waiting(&mut self) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| waiting.receipt.strong_count() > 0);
        self.is_changed |= self.waiting.len() != before;
        !self.waiting.is_empty()
    }

    /// What is to be kept, if it is different from the last time: nothing where there is nothing to keep. `process` tells
    /// this process from others. Events that were held back since are no reason to keep it again.
    pub(super) fn changed(&mut self, process: u64) -> Option<Option<String>> {
        self.is_waiting();
        if !mem::take(&mut self.is_changed) {
            return None;
        }
        let told = self.dedup.told();
        if told.is_empty() && self.waiting.is_empty() {
            return Some(None);
        }
        let mut room = MOST_TEXT;
        let fitting = self.waiting.iter().rev().map_while(|waiting| {
            let kept = KeptEvent::of(&waiting.event);
            room = room.checked_sub(kept.size())?;
            Some(kept)
        });
        let mut waiting: Vec<KeptEvent> = fitting.collect();
        waiting.reverse();
        let told = told.iter().map(|(digest, told)| (format!("{digest:016x}"), kept_told(*told))).collect();
        // Without a text nothing is kept: an event too many, at most.
        serde_json::to_string(&Kept { process: format!("{process:016x}"), told, waiting }).ok().map(Some)
    }

    /// Goes on from what was kept. Answers with the events that no handler of another process may have taken: those of
    /// this one are on their way.
    ///
    /// # Errors
    /// When the text cannot be read.
    pub(super) fn restore(
        &mut self,
        text: &str,
        cluster: &str,
        process: u64,
    ) -> Result<Vec<JobEvent>, serde_json::Error> {
        let Kept { process: by, told, waiting } = serde_json::from_str(text)?;
        self.dedup.remember(told.into_iter().filter_map(|(digest, (at, until, held))| {
            let [at, until] = [at, until].map(Timestamp::from_millis);
            Some((u64::from_str_radix(&digest, 16).ok()?, Told { at, until, held }))
        }));
        if by == format!("{process:016x}") {
            return Ok(Vec::new());
        }
        Ok(waiting.into_iter().map(|kept| kept.event(cluster)).collect())
    }
}

fn kept_told(Told { at, until, held }: Told) -> (i64, i64, u32) {
    (at.as_millis(), until.as_millis(), held)
}

/// The text under which it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Who has written it.
    process: String,
    /// By digest: when, until when, and how many were held back since.
    told: BTreeMap<String, (i64, i64, u32)>,
    waiting: Vec<KeptEvent>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeptEvent {
    at: i64,
    job: JobId,
    job_name: String,
    is_warning: bool,
    reason: String,
    message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    message_key: Option<String>,
    count: u32,
}

impl KeptEvent {
    fn of(event: &JobEvent) -> Self {
        let JobEvent { at, job, job_name, event, count } = event.clone();
        let Event { kind, reason, message, message_key, interval: _ } = event;
        let is_warning = kind == EventKind::Warning;
        Self { at: at.as_millis(), job: job.id, job_name, is_warning, reason, message, message_key, count }
    }

    fn size(&self) -> usize {
        let key = self.message_key.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.job_name.len() + self.reason.len() + self.message.len() + key
    }

    fn event(self, cluster: &str) -> JobEvent {
        let Self { at, job, job_name, is_warning, reason, message, message_key, count } = self;
        let kind = if is_warning { EventKind::Warning } else { EventKind::Normal };
        JobEvent {
            at: Timestamp::from_millis(at),
            job: JobKey { cluster: cluster.to_owned(), id: job },
            job_name,
            // It was let through already.
            event: Event { kind, reason, message, message_key, interval: None },
            count,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(reason: &str, message: String, interval: Option<Duration>) -> JobEvent {
        JobEvent {
            at: Timestamp::from_millis(1000),
            job: JobKey { cluster: "c".to_owned(), id: JobId::from_u128(7) },
            job_name: "orders".to_owned(),
            event: Event { kind: EventKind::Warning, reason: reason.to_owned(), message, message_key: None, interval },
            count: 1,
        }
    }

    /// Tells `event` at a second; its receipt, if it is told.
    fn tell(ledger: &mut Ledger, event: &JobEvent, second: i64) -> Option<Arc<Receipt>> {
        ledger.admit(event.job.id, &event.event, Timestamp::from_millis(second * 1000))?;
        let receipt = Receipt::new(&Arc::default());
        ledger.wait_for(event, &receipt);
        Some(receipt)
    }

    #[test]
    fn a_process_that_is_started_again_knows_what_was_told_and_tells_what_was_not() {
        let limited = event("ScalingLimited", "text".to_owned(), Some(Duration::from_secs(600)));
        let mut before = Ledger::default();
        let receipt = tell(&mut before, &limited, 100);
        let text = before.changed(1).unwrap().unwrap();
        assert!(tell(&mut before, &limited, 200).is_none());
        assert_eq!(before.changed(1), None, "an event that is held back is no reason to write");

        let mut after = Ledger::default();
        let expected = JobEvent { event: Event { interval: None, ..limited.event.clone() }, ..limited.clone() };
        assert_eq!(after.restore(&text, "c", 2).unwrap(), [expected]);
        assert!(tell(&mut after, &limited, 699).is_none(), "within the interval");
        assert!(tell(&mut after, &limited, 700).is_some(), "after it");

        drop(receipt);
        let text = before.changed(1).unwrap().unwrap();
        assert_eq!(Ledger::default().restore(&text, "c", 2).unwrap(), [], "every handler had it");
    }

    #[test]
    fn the_process_that_tells_an_event_does_not_tell_it_again() {
        let mut ledger = Ledger::default();
        let _receipt = tell(&mut ledger, &event("R", "m".to_owned(), None), 0);
        let text = ledger.changed(1).unwrap().unwrap();
        assert_eq!(Ledger::default().restore(&text, "c", 1).unwrap(), []);
        Ledger::default().restore("{", "c", 1).unwrap_err();
    }

    #[test]
    fn nothing_is_kept_where_nothing_was_told() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.changed(1), None);
        let normal = event("R", "m".to_owned(), None);
        let normal = JobEvent { event: Event { kind: EventKind::Normal, ..normal.event.clone() }, ..normal };
        drop(tell(&mut ledger, &normal, 0));
        assert_eq!(ledger.changed(1), Some(None), "it has been taken");
        assert_eq!(ledger.changed(1), None);
    }

    #[test]
    fn of_large_events_the_latest_are_kept() {
        let mut ledger = Ledger::default();
        let messages: Vec<String> = (0..100).map(|number| format!("{number:05000}")).collect();
        let receipts: Vec<_> =
            messages.iter().map(|message| tell(&mut ledger, &event("R", message.clone(), None), 0)).collect();
        let text = ledger.changed(1).unwrap().unwrap();
        assert!(text.len() < MOST_TEXT + 100 * 60, "{}", text.len());
        let kept = Ledger::default().restore(&text, "c", 2).unwrap();
        assert!(kept.len() > 20, "{}", kept.len());
        assert_eq!(kept.last().unwrap().event.message, messages[99]);
        drop(receipts);
    }
}
