//! Why a pass has no sample.

use thiserror::Error;
use tidegate_common::configuration::InvalidValue;
use tidegate_common::time::Timestamp;

use crate::flink::FlinkError;
use crate::model::VertexId;

/// A collection that came to nothing. What is said of missing metrics is the Java autoscaler's own text.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CollectError {
    /// An option of the job is not what it should be.
    #[error(transparent)]
    Options(#[from] InvalidValue),
    /// A call to the cluster failed.
    #[error("the cluster could not be read")]
    Cluster(#[from] FlinkError),
    /// The job has stopped running since the list of jobs was read.
    #[error("the job is not running any more")]
    NotRunning,
    /// The job has no vertices yet: it waits for resources.
    #[error("the job's plan has no vertices yet")]
    NoPlan,
    /// The cluster does not say since when the job is running.
    #[error("the cluster does not say since when the job has been running")]
    NoRunningTimestamp,
    /// A vertex lacks a metric without which it cannot be judged.
    #[error("Could not find required metric {metric} for {vertex}")]
    MetricMissing {
        /// The metric's name in the Java autoscaler, such as `BUSY_TIME_PER_SEC`.
        metric: &'static str,
        /// Which vertex.
        vertex: VertexId,
        /// Whether the job was started so recently that this is no surprise.
        stabilizing: bool,
    },
    /// The TaskManagers lack their memory metrics.
    #[error("Missing required TM metrics")]
    TaskManagerMetricsMissing,
    /// The job has other vertices than it had when a sample was taken, though it was not restarted.
    #[error("vertex {vertex} is missing in the sample of {sample}; it leaves the window after {until}")]
    VertexMissing {
        /// A vertex that the job has now.
        vertex: VertexId,
        /// The time of the latest sample without it.
        sample: Timestamp,
        /// When that sample no longer counts.
        until: Timestamp,
    },
}

impl CollectError {
    /// Whether the job merely needs more time after its start, so that nobody need be told.
    pub fn is_not_ready(&self) -> bool {
        matches!(self, Self::NotRunning | Self::NoPlan | Self::MetricMissing { stabilizing: true, .. })
    }
}
