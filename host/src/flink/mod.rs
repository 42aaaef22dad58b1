//! Flink's REST API, and nothing else that talks to a cluster.

mod error;
mod job_manager;

pub use error::FlinkError;
pub use job_manager::{Aggregate, JobDetails, JobManager};
