//! What can go wrong in the harness itself.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

/// A failure of the harness, or an expectation that was waited for in vain.
#[derive(Debug, Error)]
pub enum HarnessError {
    /// A file or folder could not be read, written or removed.
    #[error("cannot use {}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program could not be started or watched.
    #[error("cannot run `{program}`")]
    Run {
        /// Which one.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program that has to succeed failed.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// The command line.
        program: String,
        /// What it wrote.
        output: String,
    },
    /// A server did not answer, or answered with an error status.
    #[error("no good answer from {url}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why there is none.
        #[source]
        source: Box<ureq::Error>,
    },
    /// An answer lacks what the harness needs from it.
    #[error("no {what} in `{text}`")]
    Missing {
        /// What was looked for.
        what: String,
        /// Where it was looked for.
        text: String,
    },
    /// Something that was waited for did not come.
    #[error("{what}: not within {within:?}; last seen: {last}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        within: Duration,
        /// What there was instead.
        last: String,
    },
}

impl HarnessError {
    /// For `map_err` on a file operation.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.to_owned(), source }
    }

    /// For `map_err` on the start of a program.
    pub(crate) fn run(program: &str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Run { program: program.to_owned(), source }
    }

    /// For `ok_or_else` on a part of an answer.
    pub(crate) fn missing(what: &str, text: impl ToString) -> impl FnOnce() -> Self {
        move || Self::Missing { what: what.to_owned(), text: text.to_string() }
    }
}
