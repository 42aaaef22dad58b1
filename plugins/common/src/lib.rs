//! What the host and its guests share: pure functions over Flink's and Java's conventions.
//!
//! - [`time`]: instants, and how they are written
//! - [`configuration`]: key-value configuration with Flink's rules of lookup

pub mod configuration;
pub mod time;
