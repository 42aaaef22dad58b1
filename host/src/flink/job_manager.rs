//! What the host needs of a cluster, in domain words.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_common::time::Timestamp;

use super::{FlinkError, Notes};
use crate::model::{Job, JobId, ResourceRequirements, Topology, VertexId};

/// One Flink cluster: a JobManager and the jobs that it runs.
///
/// Every call ends: it waits for its turn where the calls at once are limited, and then for an answer until a time-out.
/// Answers may lag behind the cluster by a few seconds.
#[async_trait]
pub trait JobManager: Send + Sync {
    /// The same cluster, all of whose answers are noted; `None` where they cannot be.
    fn noting(&self, notes: &Arc<Notes>) -> Option<Box<dyn JobManager>> {
        let _ = notes;
        None
    }

    /// The version that the cluster says it has, such as `1.20.5`. Also the proof that this is Flink at all.
    async fn version(&self) -> Result<String, FlinkError>;

    /// Every job that the cluster lists, in every status.
    async fn jobs(&self) -> Result<Vec<Job>, FlinkError>;

    /// The configuration that the job runs with: only keys that somebody set.
    async fn job_configuration(&self, job: JobId) -> Result<Vec<(String, String)>, FlinkError>;

    /// The job's graph and its I/O counters.
    async fn job_details(&self, job: JobId) -> Result<JobDetails, FlinkError>;

    /// The names of all metrics that a vertex has now; empty for a vertex that is not known.
    async fn metric_names(&self, job: JobId, vertex: VertexId) -> Result<Vec<String>, FlinkError>;

    /// These metrics over all subtasks of a vertex. Empty when Flink does not know any *one* of `names`.
    async fn vertex_metrics(
        &self,
        job: JobId,
        vertex: VertexId,
        names: &[String],
    ) -> Result<Vec<Aggregate>, FlinkError>;

    /// These metrics of the JobManager; names that it does not know are left out.
    async fn job_manager_metrics(&self, names: &[&str]) -> Result<Vec<(String, f64)>, FlinkError>;

    /// These metrics over all TaskManagers (no sums). Empty when Flink does not know any *one* of `names`.
    async fn task_manager_metrics(&self, names: &[&str]) -> Result<Vec<Aggregate>, FlinkError>;

    /// The bounds that were last asked for, applied or not.
    async fn resource_requirements(&self, job: JobId) -> Result<ResourceRequirements, FlinkError>;

    /// Asks for new bounds of all vertices of the job.
    async fn set_resource_requirements(
        &self,
        job: JobId,
        requirements: &ResourceRequirements,
    ) -> Result<(), FlinkError>;
}

/// A job's graph at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDetails {
    /// Whether the job was running then. While it restarts, Flink shows every vertex with parallelism 1.
    pub is_running: bool,
    /// When the job last became RUNNING; `None` where the cluster does not say.
    pub running_since: Option<Timestamp>,
    /// The graph, `source_partitions` not yet known. No vertices while the job waits for resources.
    pub topology: Topology,
}

/// One metric over all subtasks of a vertex, or over all TaskManagers. NaN where the answer has no number.
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregate {
    /// The metric's name as it was asked for.
    pub id: String,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The mean.
    pub avg: f64,
    /// The sum; NaN for TaskManagers.
    pub sum: f64,
}
