//! The harness of the tests: the host on simulated, recorded and real clusters, and the daemon as its users run it.

pub mod daemon;
pub mod database;
pub mod error;
pub mod flink;
pub mod guests;
pub mod host;
pub mod jobs;
pub mod kubernetes;
pub mod native;
pub mod process;
pub mod proxy;
pub mod registry;
pub mod simulated;
pub mod small_disk;
pub mod usage;
pub mod wait;
