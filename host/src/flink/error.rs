//! Why a call to a cluster failed.

use std::time::Duration;

use thiserror::Error;

/// A call that brought no usable answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FlinkError {
    /// The cluster did not answer in time.
    #[error("no answer from {url} within {after:?}")]
    TimedOut {
        /// What was asked.
        url: String,
        /// How long was waited.
        after: Duration,
    },
}
