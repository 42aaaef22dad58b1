//! What a pass tells.

use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::options;

use super::job::{Announced, JobMemory, WrongOptions};
use super::realize::scaling_event;
use super::{DecisionRecord, Pass};
use crate::model::{Event, EventKind, ResourceRequirements};

impl Pass {
    /// Tells what is wrong, and answers with it. How often is not for the job to say, whose options are wrong.
    pub(super) fn tell_wrong_options(
        &self,
        record: &mut DecisionRecord,
        options: &Configuration,
        wrong: WrongOptions,
    ) -> String {
        match wrong {
            WrongOptions::Invalid(wrong) => {
                let interval = options.read(&options::SCALING_EVENT_INTERVAL).ok();
                self.tell(record, warning("AutoScaler Options Validation", wrong.clone(), interval));
                wrong
            }
            WrongOptions::Unreadable(wrong) => {
                self.tell_error(record, &wrong);
                wrong
            }
        }
    }

    pub(super) fn tell_error(&self, record: &mut DecisionRecord, error: &str) {
        self.tell(record, warning("AutoscalerError", error.to_owned(), None));
    }

    /// Tells `event`, and notes it in the record.
    pub(super) fn tell(&self, record: &mut DecisionRecord, event: Event) {
        record.events.push(event.clone());
        self.events.tell(&record.job, &record.job_name, record.at, event);
    }

    /// Notes, before Flink is asked for `wanted`, that this is to be told: should the process be killed in between, the
    /// next one tells it. Where Flink refuses in every pass, it is noted once.
    pub(super) async fn announce(
        &self,
        memory: &mut JobMemory,
        record: &DecisionRecord,
        wanted: &ResourceRequirements,
    ) {
        if memory.announced.as_ref().is_some_and(|announced| announced.wanted == *wanted) {
            return;
        }
        let notice = self.events.prepare(&record.job, &record.job_name, record.at, scaling_event(wanted));
        memory.announced = notice.map(|notice| Announced { wanted: wanted.clone(), notice });
        self.store_told(memory).await;
    }

    /// Tells what was announced.
    pub(super) fn tell_announced(&self, memory: &mut JobMemory, record: &mut DecisionRecord) {
        if let Some(Announced { wanted, notice }) = memory.announced.take() {
            record.events.push(scaling_event(&wanted));
            self.events.send(&notice, record.at);
        }
    }
}

pub(super) fn warning(reason: &str, message: String, interval: Option<Duration>) -> Event {
    Event { kind: EventKind::Warning, reason: reason.to_owned(), message, message_key: None, interval }
}

/// The event of a decision that changes something: what was done is told every time, not once in an interval.
pub(super) fn undelayed(event: &Event) -> Event {
    let interval = if event.kind == EventKind::Normal { None } else { event.interval };
    Event { interval, ..event.clone() }
}
