//! The harness of the tests: the host on a simulated cluster, and the daemon, as its users run it, on real ones.
//! And the bundled policy, called directly.

pub mod daemon;
pub mod error;
pub mod flink;
pub mod host;
pub mod native;
pub mod process;
pub mod wait;
