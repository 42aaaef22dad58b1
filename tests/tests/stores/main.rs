//! The state stores: one contract for all of them, on real databases, and what the Java autoscaler leaves behind.
#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up has failed")]

mod contract;
mod files;
mod full_disk;
mod java;
mod killed;
mod kubernetes;
mod lock;
mod outage;
mod restart;
mod slow;
mod stores;
