//! What the host and its guests share: pure functions over Flink's and Java's conventions.
//!
//! - [`time`]: instants, and how they are written
//! - [`number`]: rounding and conversion of doubles as the Java autoscaler does them
//! - [`value`]: Flink's syntax of configuration values
//! - [`configuration`]: key-value configuration with Flink's rules of lookup
//! - [`options`]: every option of the autoscaler
//! - [`periods`]: times at which nothing is scaled
//! - [`validate`]: which options contradict each other or are out of range

pub mod configuration;
pub mod number;
pub mod options;
pub mod periods;
pub mod time;
pub mod validate;
pub mod value;
