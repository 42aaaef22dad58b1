//! What a policy sees of a job in one pass.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

use super::{GlobalMetric, JobId, ScalingMetric, Topology, Vertex, VertexMetrics, Window};
use crate::zone::Zone;

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
    /// The zone of local time.
    pub zone: Zone,
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

    /// All metrics of all vertices over the window.
    pub fn columns(&self) -> Columns {
        let vertices = &self.topology.vertices;
        let mut columns = vec![Vec::with_capacity(self.window.len() * vertices.len()); ScalingMetric::ALL.len()];
        // Samples have the same vertices nearly always: where one stands in the latest, it is looked for first.
        let places = self.window.latest().map(|latest| {
            let place = |vertex: &Vertex| latest.vertices.binary_search_by_key(&vertex.id, |(id, _)| *id).unwrap_or(0);
            vertices.iter().map(place).collect::<Vec<_>>()
        });
        let places = places.unwrap_or_default();
        let absent = VertexMetrics::default();
        let mut rows: Vec<&VertexMetrics> = Vec::with_capacity(vertices.len());
        for sample in self.window.iter() {
            rows.clear();
            rows.extend(vertices.iter().zip(&places).map(|(vertex, place)| match sample.vertices.get(*place) {
                Some((id, metrics)) if *id == vertex.id => metrics,
                _ => sample.vertex(vertex.id).unwrap_or(&absent),
            }));
            // Sample by sample, so that its rows are read from memory once for all columns.
            for (column, metric) in columns.iter_mut().zip(ScalingMetric::ALL) {
                column.extend(rows.iter().map(|row| row.value(*metric)));
            }
        }
        Columns { columns }
    }

    /// One metric of the whole job, one entry per sample. NaN where there is no value.
    pub fn global_metric(&self, metric: GlobalMetric) -> Vec<f64> {
        self.window.iter().map(|sample| sample.global.value(metric)).collect()
    }
}

/// The metrics of all vertices over a window, each sample by sample: entry `sample * vertices + vertex`. NaN where there
/// is no value.
#[derive(Clone, Debug)]
pub struct Columns {
    columns: Vec<Vec<f64>>,
}

impl Columns {
    /// One metric.
    pub fn of(&self, metric: ScalingMetric) -> &[f64] {
        self.columns.get(metric as usize).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GlobalMetrics, IoMetrics, Sample, VertexId};

    fn vertex(id: u128) -> Vertex {
        Vertex {
            id: VertexId::from_u128(id),
            name: String::new(),
            parallelism: 1,
            max_parallelism: 1,
            source_partitions: 0,
            slot_sharing_group: None,
            finished: false,
            io: IoMetrics::default(),
        }
    }

    #[test]
    fn a_value_is_found_wherever_its_vertex_stands_in_a_sample() {
        let mut window = Window::default();
        for (at, ids) in [(1, vec![2]), (2, vec![1, 3]), (3, vec![1, 2])] {
            let row = |id: u128| {
                let mut row = VertexMetrics::default();
                row.set(ScalingMetric::Lag, (10 * at + id as i64) as f64);
                (VertexId::from_u128(id), row)
            };
            let vertices = ids.into_iter().map(row).collect();
            window.push(Sample { at: Timestamp::from_millis(at), vertices, global: GlobalMetrics::default() });
        }
        let observation = Observation {
            cluster: String::new(),
            job: JobId::from_u128(1),
            job_name: String::new(),
            now: Timestamp::from_millis(3),
            zone: Zone::default(),
            running_since: Timestamp::default(),
            window_full_at: Timestamp::default(),
            configuration: Arc::default(),
            topology: Topology { vertices: [3, 2, 1].map(vertex).into(), edges: Vec::new() },
            excluded: Vec::new(),
            window,
            state: Arc::default(),
        };
        let columns = observation.columns();
        let values = columns.of(ScalingMetric::Lag);
        let found: Vec<_> = values.iter().map(|value| (!value.is_nan()).then_some(*value)).collect();
        let expected = [None, Some(12.0), None, Some(23.0), None, Some(21.0), None, Some(32.0), Some(31.0)];
        assert_eq!(found, expected);
        assert!(columns.of(ScalingMetric::Load).iter().all(|value| value.is_nan()));
    }
}
