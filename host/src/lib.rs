//! The tidegate host, in reading order.

pub mod collect;
pub mod control;
pub mod event;
pub mod flink;
pub mod metrics;
pub mod model;
pub mod plugin;
pub mod policy;
pub mod state;
