//! Real Flink clusters on this machine, installed from PyPI and run straight by `java`.
//!
//! A machine needs a JDK of version 17 or later (`java`, `javac`, `jar`) and `python3 -m pip`. Everything listens on
//! 127.0.0.1 only.

mod cluster;
mod config;
mod distribution;
mod job;
mod rest;

pub use cluster::Cluster;
pub use config::{Scheduler, Shape};
pub use distribution::{Distribution, Version};
pub use job::{Job, JobOptions};
pub use rest::Rest;
