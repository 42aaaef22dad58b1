//! The event handlers: one contract for all of them, on real databases and sockets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod contract;
mod handlers;
mod kubernetes;
mod log;
mod sql;
mod webhook;
