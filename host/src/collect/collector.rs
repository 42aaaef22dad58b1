//! The collection of one pass, and what a job's passes remember.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use futures::join;
use tidegate_common::time::Timestamp;
use tracing::{debug, info};

use super::CollectError;
use super::convert::{VertexInput, vertex_metrics};
use super::fetch::{self, FetchedJob};
use super::global::{JOB_MANAGER_METRICS, global_metrics};
use super::names::VertexNames;
use super::options::CollectOptions;
use super::window;
use crate::flink::JobManager;
use crate::model::{JobContext, Sample, ScalingMetric, Topology, VertexId, Window};

/// Collects one job's metrics, pass by pass.
///
/// A pass that fails leaves the samples of earlier passes in place, unless it has seen that the job was started again.
#[derive(Debug, Default)]
pub struct Collector {
    window: Window,
    /// Names of metrics by vertex. Sources are listed in every pass all the same.
    names: BTreeMap<VertexId, VertexNames>,
    /// Whether the TaskManagers measure garbage collection, once that is known.
    has_gc: Option<bool>,
}

/// A job as a pass has found it: what an [`Observation`](crate::model::Observation) is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// The graph, with the partitions that sources read.
    pub topology: Topology,
    /// Which vertices must stay as they are: excluded by the user, finished, or without a busy time in this pass. By
    /// the index of [`Topology::vertices`].
    pub excluded: Vec<bool>,
    /// The samples, that of this pass included.
    pub window: Window,
    /// When the window is, or was, full.
    pub window_full_at: Timestamp,
    /// Since when the job has been running.
    pub running_since: Timestamp,
}

impl Collector {
    /// A collector that goes on with the samples of an earlier process.
    pub fn with_window(window: Window) -> Self {
        Self { window, ..Self::default() }
    }

    /// The samples as they are now: also after a pass that failed.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Looks at the job, as of `now`, and adds a sample to the window.
    ///
    /// Samples are taken from the start on, but those of the stabilisation interval do not make the window full, and
    /// leave it when it is.
    ///
    /// # Errors
    /// See [`CollectError`]; [`CollectError::is_not_ready`] tells what is no failure.
    pub async fn collect(
        &mut self,
        cluster: &dyn JobManager,
        context: &JobContext,
        now: Timestamp,
    ) -> Result<Collected, CollectError> {
        let options = CollectOptions::read(&context.configuration)?;
        let details = cluster.job_details(context.key.id).await?;
        if let Some(running_since) = details.running_since
            && window::is_of_an_earlier_run(&self.window, running_since)
        {
            info!(job = %context.key, %running_since, "job was started again, its samples are void");
            *self = Self::default();
        }
        let mut topology = details.topology;
        if topology.vertices.is_empty() {
            return Err(CollectError::NoPlan);
        }
        // The graph of a job that restarts shows parallelisms that it never had.
        if !details.is_running {
            return Err(CollectError::NotRunning);
        }
        let running_since = details.running_since.ok_or(CollectError::NoRunningTimestamp)?;
        let stable_since = running_since.plus(options.stabilization);
        let window_full_at = window::full_at(&self.window, stable_since, now, options.window);

        let job = FetchedJob { cluster, id: context.key.id, stabilizing: now < stable_since };
        let fetches =
            topology.vertices.iter().enumerate().map(|(index, vertex)| {
                fetch::vertex(job, vertex, topology.is_source(index), self.names.get(&vertex.id))
            });
        let (vertices, job_manager, task_managers) = join!(
            try_join_all(fetches),
            cluster.job_manager_metrics(&JOB_MANAGER_METRICS),
            fetch::task_managers(cluster, self.has_gc),
        );
        self.has_gc = task_managers.as_ref().ok().map(|(_, has_gc)| *has_gc);
        // In this order, since a vertex may not be ready where the rest would be an error.
        let (vertices, job_manager, (task_managers, _)) = (vertices?, job_manager?, task_managers?);

        let mut excluded = Vec::with_capacity(vertices.len());
        let mut samples = Vec::with_capacity(vertices.len());
        self.names.clear();
        for (index, fetched) in vertices.into_iter().enumerate() {
            let is_source = topology.is_source(index);
            let Some(vertex) = topology.vertices.get_mut(index) else { continue };
            vertex.source_partitions = fetched.partitions;
            let input = VertexInput { is_source, io: vertex.io, metrics: &fetched.metrics };
            let id = vertex.id;
            let observed_before =
                || window::average(&self.window, id, ScalingMetric::ObservedTpr, options.conversion.min_observations);
            samples.push((id, vertex_metrics(&input, &options.conversion, observed_before)));
            let is_busy_known = input.busy_time(options.conversion.busy_time_aggregator).is_some();
            if !is_busy_known {
                debug!(job = %context.key, vertex = %id, name = vertex.name, "no busy time, vertex is excluded from scaling");
            }
            excluded.push(vertex.finished || !is_busy_known || options.excluded.contains(&id));
            self.names.extend(fetched.names.map(|names| (id, names)));
        }
        samples.sort_unstable_by_key(|(id, _)| *id);
        let ids: Vec<VertexId> = samples.iter().map(|(id, _)| *id).collect();
        let sample = Sample { at: now, vertices: samples, global: global_metrics(&job_manager, &task_managers) };
        window::add(&mut self.window, sample, window_full_at, options.window);
        if let Some((sample, vertex)) = window::lacking(&self.window, &ids) {
            return Err(CollectError::VertexMissing { vertex, sample, until: sample.plus(options.window) });
        }
        Ok(Collected { topology, excluded, window: self.window.clone(), window_full_at, running_since })
    }
}
