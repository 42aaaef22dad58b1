//! The tidegate host, in reading order.

pub mod flink;
pub mod model;
pub mod simulate;
