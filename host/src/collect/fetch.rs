//! The calls of one pass.

use tracing::{debug, warn};

use super::CollectError;
use super::convert::FlinkMetrics;
use super::global::{TASK_MANAGER_METRICS, TASK_MANAGER_METRICS_WITH_GC};
use super::names::{FlinkMetric, VertexNames, partitions};
use crate::flink::{Aggregate, FlinkError, JobManager};
use crate::model::{JobId, Vertex};

/// The job that vertices are fetched of.
#[derive(Clone, Copy)]
pub(super) struct FetchedJob<'a> {
    pub(super) cluster: &'a dyn JobManager,
    pub(super) id: JobId,
    /// Whether metrics that are missing are no surprise yet.
    pub(super) stabilizing: bool,
}

/// What was fetched of one vertex.
pub(super) struct FetchedVertex {
    pub(super) metrics: FlinkMetrics,
    /// Partitions that a source reads, 0 where unknown.
    pub(super) partitions: u32,
    /// What the metrics were asked by; `None` for a vertex that has finished.
    pub(super) names: Option<VertexNames>,
}

/// Fetches the metrics of `vertex`, by its `known` names if there are any. A source's names are listed in every pass,
/// since they tell its partitions.
pub(super) async fn vertex(
    job: FetchedJob<'_>,
    vertex: &Vertex,
    is_source: bool,
    known: Option<&VertexNames>,
) -> Result<FetchedVertex, CollectError> {
    let listed = if is_source || (known.is_none() && !vertex.finished) { Some(job.names(vertex).await?) } else { None };
    let partitions = listed.as_deref().filter(|_| is_source).map_or(0, partitions);
    if vertex.finished {
        return Ok(FetchedVertex { metrics: FlinkMetrics::finished(), partitions, names: None });
    }
    let chosen = match (&listed, known) {
        (None, Some(known)) => known.clone(),
        _ => choose(job, vertex, is_source, listed.as_deref().unwrap_or_default())?,
    };
    let (metrics, names) = job.metrics(vertex, is_source, chosen, listed.is_none()).await?;
    Ok(FetchedVertex { metrics, partitions, names: Some(names) })
}

/// Fetches the metrics of the TaskManagers, and whether garbage collection is among them. `has_gc` is what an earlier
/// pass has found out about that.
pub(super) async fn task_managers(
    cluster: &dyn JobManager,
    has_gc: Option<bool>,
) -> Result<(Vec<Aggregate>, bool), CollectError> {
    if has_gc != Some(false) {
        let metrics = cluster.task_manager_metrics(&TASK_MANAGER_METRICS_WITH_GC).await?;
        if !metrics.is_empty() {
            return Ok((metrics, true));
        }
        if has_gc == Some(true) {
            return Err(missing(&TASK_MANAGER_METRICS_WITH_GC));
        }
    }
    let metrics = cluster.task_manager_metrics(&TASK_MANAGER_METRICS).await?;
    if metrics.is_empty() { Err(missing(&TASK_MANAGER_METRICS)) } else { Ok((metrics, false)) }
}

impl FetchedJob<'_> {
    async fn names(self, vertex: &Vertex) -> Result<Vec<String>, FlinkError> {
        self.cluster.metric_names(self.id, vertex.id).await
    }

    /// The values under `names`, and the names that they came under in the end.
    async fn metrics(
        self,
        vertex: &Vertex,
        is_source: bool,
        names: VertexNames,
        from_earlier_pass: bool,
    ) -> Result<(FlinkMetrics, VertexNames), CollectError> {
        let answer = self.cluster.vertex_metrics(self.id, vertex.id, names.names()).await?;
        if !answer.is_empty() {
            return Ok((FlinkMetrics::from_answer(&names, &answer), names));
        }
        // One name that Flink does not know any more is enough for an empty answer.
        debug!(vertex = %vertex.id, "metric names have gone stale");
        let listed = self.names(vertex).await?;
        match choose(self, vertex, is_source, &listed) {
            Ok(fresh) => {
                let answer = self.cluster.vertex_metrics(self.id, vertex.id, fresh.names()).await?;
                Ok((FlinkMetrics::from_answer(&fresh, &answer), fresh))
            }
            // As in the Java autoscaler: a vertex that once had what is required is left alone until it has it again.
            Err(error) if from_earlier_pass => {
                warn!(vertex = %vertex.id, name = vertex.name, %error, "vertex is excluded from scaling");
                Ok((FlinkMetrics::default(), names))
            }
            Err(error) => Err(error),
        }
    }
}

fn choose(
    job: FetchedJob<'_>,
    vertex: &Vertex,
    is_source: bool,
    listed: &[String],
) -> Result<VertexNames, CollectError> {
    VertexNames::choose(listed, is_source).map_err(|metric: FlinkMetric| {
        let (metric, stabilizing) = (metric.name(), job.stabilizing);
        debug!(vertex = %vertex.id, name = vertex.name, metric, "required metric is missing");
        CollectError::MetricMissing { metric, vertex: vertex.id, stabilizing }
    })
}

fn missing(names: &[&str]) -> CollectError {
    debug!(metrics = names.join(", "), "task managers lack some of their metrics");
    CollectError::TaskManagerMetricsMissing
}
