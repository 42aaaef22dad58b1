//! Why a call to a cluster failed, and what somebody can do about it.

use std::error::Error;
use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::model::JobId;

/// A call that brought no usable answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FlinkError {
    /// No connection: refused, no route, or an unknown host name.
    #[error("cannot reach {url}: check that the JobManager is up and that the address is right")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the operating system said.
        #[source]
        source: Cause,
    },
    /// A connection, but no agreement on TLS: an unknown authority, a wrong host name, a client that is not accepted.
    #[error("no secure connection to {url}: check the cluster's `tls` settings")]
    Tls {
        /// What was asked.
        url: String,
        /// Which check failed.
        #[source]
        source: Cause,
    },
    /// The cluster did not answer in time.
    #[error("no answer from {url} within {after:?}")]
    TimedOut {
        /// What was asked.
        url: String,
        /// How long was waited.
        after: Duration,
    },
    /// The connection ended in the middle of the call, so that it is not known whether Flink acted on it.
    #[error("the connection to {url} broke off")]
    Broken {
        /// What was asked.
        url: String,
        /// How it ended.
        #[source]
        source: Cause,
    },
    /// Something sends elsewhere. Not followed, since that can turn a change into a mere read.
    #[error("{url} redirects to {location}: configure the address behind the redirection")]
    Redirected {
        /// What was asked.
        url: String,
        /// Where it sends.
        location: String,
    },
    /// Status 401 or 403.
    #[error("{url} does not let us in (status {status}): set the cluster's `auth` or client certificate")]
    Unauthorized {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A proxy says that there is nothing behind it now: status 502, 503 or 504, and no answer of Flink's own.
    #[error("nothing behind {url} answers (status {status}): check that the JobManager is up")]
    Unavailable {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// Somebody answered, but not Flink.
    #[error("{url} is not Flink's REST API: status {status}, and the answer starts with `{start}`")]
    NotFlink {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The first characters of the answer.
        start: String,
    },
    /// Flink refused, for a reason that is none of those below.
    #[error("Flink refused {url} with status {status}: {message}")]
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The first line of Flink's reason.
        message: String,
    },
    /// The job is not, or no longer, among those that the cluster runs.
    #[error("the cluster does not run a job {job}")]
    JobNotFound {
        /// Which job.
        job: JobId,
    },
    /// The job's scheduler cannot rescale it in place.
    #[error("job {job} cannot be rescaled in place: it needs `jobmanager.scheduler: adaptive`")]
    NotAdaptive {
        /// Which job.
        job: JobId,
    },
    /// The cluster is too old to have what was asked.
    #[error("the cluster has no {url}: Flink 1.18 or later is needed")]
    Unsupported {
        /// What was asked.
        url: String,
    },
    /// Flink's answer does not have the expected form or content.
    #[error("unexpected answer from {url}")]
    Unexpected {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The innermost cause of a failed call; the layers above only repeat that a call failed.
#[derive(Debug, Error)]
#[error("{text}")]
pub struct Cause {
    text: String,
}

impl FlinkError {
    /// The failure of the transport below a call of `url`.
    pub(super) fn transport(url: &str, error: &reqwest::Error, timeout: Duration, connect_timeout: Duration) -> Self {
        let url = url.to_owned();
        let source = Cause { text: innermost(error).to_string() };
        if error.is_timeout() {
            Self::TimedOut { url, after: if error.is_connect() { connect_timeout } else { timeout } }
        } else if is_tls(error) {
            Self::Tls { url, source }
        } else if error.is_connect() {
            Self::Unreachable { url, source }
        } else {
            Self::Broken { url, source }
        }
    }

    /// An answer of `url` that cannot be used because of `source`.
    pub(crate) fn unexpected(url: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unexpected { url: url.to_owned(), source: source.into() }
    }
}

/// The last of the causes of `error`, which alone says something new.
pub(super) fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

fn is_tls(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| cause.is::<rustls::Error>())
}

/// `error` and everything that it was caused by.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// What `error` was caused by. An I/O error does not name what it carries as its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}
