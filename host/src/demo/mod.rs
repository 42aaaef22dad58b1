//! What a person watches during the demo: a live table on a terminal, plain lines elsewhere, a summary in the end.
//!
//! Knows nothing of the host: whoever starts the demo hands [`run`] a function that returns a [`DemoView`], which it
//! fills from the simulated cluster ([`DemoJob::of`]) and from the host's last decisions.
//!
//! - [`DemoView`]: what is shown at one moment
//! - [`run`]: shows it until the time is over, `q` or a signal
//! - `table`, `plain`: the two ways of showing; pure functions of views
//! - [`Tally`]: what happened in all

mod error;
mod plain;
mod show;
mod table;
mod tally;
mod view;

pub use error::DemoError;
pub use show::{DemoOptions, run};
pub use tally::{JobTally, Tally};
pub use view::{DemoDecision, DemoJob, DemoPolicy, DemoRow, DemoView};
