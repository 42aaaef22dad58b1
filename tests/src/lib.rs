//! The harness of the end-to-end tests: real Flink clusters, and the daemon as its users run it.

pub mod daemon;
pub mod error;
pub mod flink;
pub mod process;
pub mod wait;
