//! The harness of the tests: real Flink clusters, the daemon as its users run it, and a policy that is no component.

pub mod daemon;
pub mod error;
pub mod flink;
pub mod native;
pub mod process;
pub mod wait;
