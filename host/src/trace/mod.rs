//! Recorded jobs, driven through the host again: what Flink answered at every pass, on the recorded clock.
//!
//! [`Trace`] is the file, [`Replay`] runs it through everything from the REST client up, and [`compare`] holds what was
//! done against what a trace says that had to be done.

mod compare;
mod digest;
mod error;
mod format;
mod outcome;
mod replay;
mod summary;
mod text;
mod transport;

pub use compare::{Difference, compare};
pub use error::TraceError;
pub use format::{RecordedPass, Trace};
pub use outcome::{DelayedVertex, Outcome, PutBounds, Recommended, Restart, ToldEvent, Values};
pub use replay::{Replay, ReplayedPass};
pub use summary::Summary;
pub use text::describe;
