//! The tidegate host, in reading order.

pub mod demo;
pub mod flink;
pub mod model;
pub mod simulate;
