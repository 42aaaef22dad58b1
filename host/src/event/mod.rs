//! Events: from a pass, through de-duplication, to every handler, without ever holding a pass up.

mod dedup;
mod fan_out;
mod handler;

pub use dedup::Deduplicator;
pub use fan_out::Events;
pub use handler::{EventHandler, HandlerError};
