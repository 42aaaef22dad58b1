//! An event as the table has it.

use crate::bindings::exports::tidegate::event_handler::handler::{Event, Severity};
use crate::event_key;

/// The longest texts that the table takes, in characters.
const LONGEST_REASON: usize = 191;
const LONGEST_JOB: usize = 191;
/// In bytes: what MySQL's `text` has room for.
const LONGEST_MESSAGE: usize = 65_535;

/// One row that is to be.
pub(crate) struct Row {
    pub(crate) at: i64,
    pub(crate) job_key: String,
    pub(crate) reason: String,
    pub(crate) event_type: &'static str,
    pub(crate) message: String,
    pub(crate) event_key: String,
    /// How often it has happened since the last time, this time not included.
    pub(crate) held: i64,
}

impl Row {
    pub(crate) fn of(event: Event) -> Self {
        let Event { at, job, severity, reason, message, message_key, count, .. } = event;
        let event_type = match severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        let event_key = event_key::of(&job, event_type, &reason, &message_key);
        Self {
            at,
            job_key: cut(job, LONGEST_JOB),
            reason: cut(reason, LONGEST_REASON),
            event_type,
            // PostgreSQL has no texts with a NUL.
            message: cut_bytes(message.replace('\0', "\u{fffd}"), LONGEST_MESSAGE),
            event_key,
            held: i64::from(count.saturating_sub(1)),
        }
    }
}

fn cut(mut text: String, longest: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(longest) {
        text.truncate(end);
    }
    text
}

fn cut_bytes(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}
