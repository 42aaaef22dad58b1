//! From the cluster's answers to a window of collected scaling metrics.
//!
//! [`Collector`] asks the cluster; everything else here computes, without I/O and without a clock.

pub mod codec;
mod collector;
mod convert;
mod error;
mod fetch;
mod global;
mod names;
mod options;
mod window;

#[cfg(test)]
mod tests;

pub use collector::{Collected, Collector};
pub use error::CollectError;
