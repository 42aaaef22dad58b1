//! Why the demo could not be shown.

use std::io;

use thiserror::Error;

/// The demo ended early.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The terminal could not be drawn on or read from.
    #[error("the terminal does not work")]
    Terminal(#[source] io::Error),
    /// Standard output could not be written to.
    #[error("standard output cannot be written to")]
    Output(#[source] io::Error),
}
