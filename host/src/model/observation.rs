//! What a policy sees of a job in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use super::{GlobalMetric, JobId, ScalingMetric, Topology, Window};

/// One consistent picture of a running job.
#[derive(Clone, Debug)]
pub struct Observation {
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// The submission.
    pub job: JobId,
    /// The name that it was submitted under.
    pub job_name: String,
    /// The time of the pass.
    pub now: Timestamp,
    /// Since when the job has been running.
    pub running_since: Timestamp,
    /// When the window is, or was, full.
    pub window_full_at: Timestamp,
    /// The job's effective configuration.
    pub configuration: Arc<Configuration>,
    /// The graph.
    pub topology: Topology,
    /// Which vertices must stay as they are; by the index of [`Topology::vertices`].
    pub excluded: Vec<bool>,
    /// The samples, that of this pass included.
    pub window: Window,
    /// What the policy kept.
    pub state: Arc<BTreeMap<String, String>>,
}

impl Observation {
    /// Whether the window is full, so that a policy may scale.
    pub fn is_window_full(&self) -> bool {
        self.now >= self.window_full_at
    }

    /// One metric over the window, sample by sample: entry `sample * vertices + vertex`. NaN where there is no value.
    pub fn metric(&self, metric: ScalingMetric) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.window.len() * self.topology.vertices.len());
        for sample in self.window.iter() {
            for vertex in &self.topology.vertices {
                values.push(sample.vertex(vertex.id).map_or(f64::NAN, |metrics| metrics.value(metric)));
            }
        }
        values
    }

    /// One metric of the whole job, one entry per sample. NaN where there is no value.
    pub fn global_metric(&self, metric: GlobalMetric) -> Vec<f64> {
        self.window.iter().map(|sample| sample.global.value(metric)).collect()
    }
}
