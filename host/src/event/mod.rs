//! Events: from a pass, through de-duplication, to every handler, without ever holding a pass up.

mod dedup;
mod fan_out;
mod handler;
mod ledger;

pub use fan_out::{Events, Notice};
pub use handler::{EventHandler, HandlerError};
