//! The event handlers: one contract for all of them, on real databases and sockets.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

mod contract;
mod handlers;
mod kubernetes;
mod sql;
mod webhook;
