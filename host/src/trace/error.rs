//! Why a file is no trace.

use std::io;

use thiserror::Error;

use crate::model::JobId;
use crate::zone::UnknownZone;

/// A trace that cannot be replayed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line cannot be read: the file ends in the middle of it, or is no text.
    #[error("{path}:{line}: the file is damaged")]
    Damaged {
        /// Which file.
        path: String,
        /// The line's number, from 1.
        line: usize,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The first line does not describe a trace, or a later one that looks like it.
    #[error("{path}:{line}:{column}: not the first line of a trace: {reason}")]
    Header {
        /// Which file.
        path: String,
        /// The line's number, from 1.
        line: usize,
        /// Where in the line, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// A later version of the format.
    #[error("`{path}` is a trace of version {version}: this host reads version 1")]
    Version {
        /// Which file.
        path: String,
        /// What it says.
        version: u32,
    },
    /// A zone that this host does not know.
    #[error("`{path}`: its `timezone` is unknown")]
    Zone {
        /// Which file.
        path: String,
        /// Which zone.
        #[source]
        source: UnknownZone,
    },
    /// Traces of several jobs in one file.
    #[error("{path}:{line}: here begins the trace of another job, {job}: one file holds one job")]
    OtherJob {
        /// Which file.
        path: String,
        /// The line's number, from 1.
        line: usize,
        /// The other job.
        job: JobId,
    },
    /// A line that is no pass.
    #[error("{path}:{line}:{column}: not a pass of a trace: {reason}")]
    Pass {
        /// Which file.
        path: String,
        /// The line's number, from 1.
        line: usize,
        /// Where in the line, from 1.
        column: usize,
        /// What is wrong.
        reason: String,
    },
    /// Nothing to replay.
    #[error("`{path}` holds no pass")]
    Empty {
        /// Which file.
        path: String,
    },
}
