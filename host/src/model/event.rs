//! What the operator is told.

use std::time::Duration;

use tidegate_common::time::Timestamp;

use super::JobKey;

/// How an event is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// As it should be.
    Normal,
    /// Somebody should look at it.
    Warning,
}

/// Something that happened to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// How it is to be taken.
    pub kind: EventKind,
    /// A stable word for machines.
    pub reason: String,
    /// The text for people.
    pub message: String,
    /// What makes two events the same; the message if absent.
    pub message_key: Option<String>,
    /// One event of a key in this time; absent: every one.
    pub interval: Option<Duration>,
}

impl Event {
    /// What makes two events of a job and a reason the same.
    pub fn key(&self) -> &str {
        self.message_key.as_deref().unwrap_or(&self.message)
    }
}

/// An event on its way to the handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Which job.
    pub job: JobKey,
    /// The job's name.
    pub job_name: String,
    /// What happened.
    pub event: Event,
    /// How often since the last time that it was handed over; at least 1.
    pub count: u32,
}
