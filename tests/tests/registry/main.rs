//! Plugins in registries: a real one, and some that lie.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test whose world cannot be set up has failed")]

mod commands;
mod double;
mod lies;
mod running;
