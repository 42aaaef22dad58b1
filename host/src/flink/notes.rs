//! What a cluster answered to one pass, noted for whoever records the job.

use std::sync::{Mutex, PoisonError};

use super::FlinkError;

/// The answers of one pass, in the order in which they came.
#[derive(Debug, Default)]
pub struct Notes {
    notes: Mutex<Vec<Note>>,
}

/// One request, and what came of it. Neither the cluster's address nor credentials are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// From the first slash after the address on, without the query.
    pub path: String,
    /// The metrics that were asked for by name.
    pub names: Option<String>,
    /// The JSON that was put there, where it was no GET.
    pub put: Option<Vec<u8>>,
    /// What came back.
    pub answer: NotedAnswer,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotedAnswer {
    /// This body.
    Body(Vec<u8>),
    /// The cluster does not run the job.
    JobNotFound,
    /// The job's scheduler cannot rescale it.
    NotAdaptive,
    /// Another error status, or no answer at all.
    Failed {
        /// The HTTP status; 504 where there was none.
        status: u16,
    },
}

impl Notes {
    pub(super) fn add(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    /// Everything so far.
    pub fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<&FlinkError> for NotedAnswer {
    fn from(error: &FlinkError) -> Self {
        const NO_ANSWER: u16 = 504;
        match error {
            FlinkError::JobNotFound { .. } => Self::JobNotFound,
            FlinkError::NotAdaptive { .. } => Self::NotAdaptive,
            FlinkError::Unauthorized { status, .. }
            | FlinkError::Unavailable { status, .. }
            | FlinkError::Refused { status, .. } => Self::Failed { status: *status },
            FlinkError::Unsupported { .. } => Self::Failed { status: 404 },
            _ => Self::Failed { status: NO_ANSWER },
        }
    }
}
