//! The control loop: which jobs there are, one pass over each, and what comes of it.

mod cluster;
mod context;
mod guard;
mod job;
mod pass;
mod realize;
mod record;
mod records;

pub use cluster::{Cluster, Controller};
pub use pass::Pass;
pub use record::{DecisionRecord, Realization, Stage};
pub use records::Records;
