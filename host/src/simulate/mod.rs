//! A simulated Flink cluster that speaks Flink's REST API.
//!
//! The demo scales it, scenario tests drive it on a clock of their own, and the benchmark polls a thousand of its jobs.
//! What it answers has the shape that Flink 1.20.5 was recorded with, its errors and its oddities included.
//!
//! - [`JobShape`], [`Curve`], [`Load`], [`Noise`]: what runs, what it manages, what is offered to it, and chance
//! - [`Cluster`]: jobs under one JobManager, served over HTTP, with hooks for tests
//! - `engine`, `flow`, `meter`: the queueing model; pure, time is an argument
//! - `rest`, `wire`, `details`, `metrics`, `put`: what a client sees of it
//! - [`demo_jobs`], [`serve_uniform`]: ready-made clusters

mod clock;
mod cluster;
mod curve;
mod demo;
mod details;
mod engine;
mod fault;
mod flow;
mod job;
mod load;
mod meter;
mod metrics;
mod noise;
mod options;
mod put;
mod rest;
mod subtasks;
mod uniform;
mod wire;

pub use clock::{Clock, ManualClock};
pub use cluster::{Cluster, JobSnapshot, Rescale, SourceSnapshot, UnknownJob, VertexSnapshot};
pub use curve::{Curve, CurveError};
pub use demo::{demo_jobs, demo_options};
pub use job::{Feed, Input, JobShape, Log, Scheduler, ShapeError, VertexShape};
pub use load::Load;
pub use noise::{Noise, chance};
pub use options::{ClusterOptions, TaskManager};
pub use uniform::{serve_uniform, uniform_jobs};
