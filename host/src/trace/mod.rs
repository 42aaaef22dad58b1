//! Jobs that are recorded, and recorded jobs, driven through the host again: what Flink answered at every pass, on the recorded clock.
//!
//! [`Trace`] is the file, [`Replay`] runs it through everything from the REST client up, and [`compare`] holds what was
//! done against what a trace says that had to be done. [`Tape`] makes such a file of a live job.

mod compare;
mod digest;
mod error;
mod file;
mod format;
mod outcome;
mod redact;
mod replay;
mod summary;
mod tape;
mod text;
mod transport;
mod versus;

pub use compare::{Difference, compare};
pub use error::TraceError;
pub use file::{FileError, Rotation, TraceFiles};
pub use format::{RecordedPass, Start, Trace};
pub use outcome::{DelayedVertex, Outcome, PutBounds, Recommended, Restart, ToldEvent, Values};
pub use replay::{Replay, ReplayedPass};
pub use summary::Summary;
pub use tape::{Tape, TapeLines};
pub use text::describe;
pub use versus::{Totals, Versus};

pub use crate::offline::Helpers;
