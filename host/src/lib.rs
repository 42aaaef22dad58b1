//! The tidegate host, in reading order.

pub mod collect;
pub mod flink;
pub mod model;
