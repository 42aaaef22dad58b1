//! A cluster without a network.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use tidegate_common::time::Timestamp;

use crate::flink::{Aggregate, FlinkError, JobDetails, JobManager};
use crate::model::{Edge, IoMetrics, Job, JobId, ResourceRequirements, ShipStrategy, Topology, Vertex, VertexId};

pub(super) const JOB: JobId = JobId::from_u128(0xeabd);
pub(super) const SOURCE: VertexId = VertexId::from_u128(2);
pub(super) const SINK: VertexId = VertexId::from_u128(1);

pub(super) const HEAP_USED: &str = "Status.JVM.Memory.Heap.Used";
pub(super) const GC_TIME: &str = "Status.JVM.GarbageCollector.All.TimeMsPerSecond";

/// A source and a sink; every answer can be changed, and every call is written down.
pub(super) struct Cluster {
    state: Mutex<State>,
}

#[derive(Clone)]
pub(super) struct State {
    pub(super) is_running: bool,
    pub(super) running_since: Option<Timestamp>,
    pub(super) topology: Topology,
    /// Every metric of each vertex; its value is the maximum, the mean and the sum.
    pub(super) metrics: BTreeMap<VertexId, BTreeMap<String, f64>>,
    pub(super) slots: Vec<(String, f64)>,
    pub(super) task_managers: BTreeMap<String, f64>,
    /// The calls since the last look.
    pub(super) calls: Vec<String>,
}

impl Default for Cluster {
    fn default() -> Self {
        let of = |values: &[(&str, f64)]| values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let source = of(&[
            ("busyTimeMsPerSecond", 500.0),
            ("backPressuredTimeMsPerSecond", 100.0),
            ("Source__log.numRecordsIn", 4000.0),
            ("Source__log.numRecordsInPerSecond", 90.0),
            ("Source__log.numRecordsOut", 4100.0),
            ("Source__log.pendingRecords", 100_000.0),
            ("Source__log.KafkaSourceReader.KafkaConsumer.pendingRecords", 1.0),
            ("Source__log.KafkaSourceReader.topic.t.partition.0.currentOffset", 1.0),
            ("Source__log.KafkaSourceReader.topic.t.partition.1.currentOffset", 1.0),
        ]);
        let sink = of(&[("busyTimeMsPerSecond", 250.0), ("numRecordsInPerSecond", 80.0), ("numRecordsIn", 7.0)]);
        let task_managers = of(&[
            (HEAP_USED, 50.0),
            ("Status.JVM.Memory.Heap.Max", 200.0),
            ("Status.Flink.Memory.Managed.Used", 30.0),
            ("Status.JVM.Memory.Metaspace.Used", 20.0),
            (GC_TIME, 5.0),
        ]);
        Self {
            state: Mutex::new(State {
                is_running: true,
                running_since: Some(Timestamp::from_millis(0)),
                topology: Topology {
                    vertices: vec![vertex(SOURCE, "source"), vertex(SINK, "sink")],
                    edges: vec![Edge { from: 0, to: 1, ship: ShipStrategy::Hash }],
                },
                metrics: BTreeMap::from([(SOURCE, source), (SINK, sink)]),
                slots: vec![("taskSlotsTotal".into(), 8.0), ("taskSlotsAvailable".into(), 5.0)],
                task_managers,
                calls: Vec::new(),
            }),
        }
    }
}

pub(super) fn vertex(id: VertexId, name: &str) -> Vertex {
    Vertex {
        id,
        name: name.to_owned(),
        parallelism: 2,
        max_parallelism: 128,
        source_partitions: 0,
        slot_sharing_group: None,
        finished: false,
        io: IoMetrics { records_in: 0.0, records_out: 4200.0, accumulated_busy_time: 1234.0 },
    }
}

impl State {
    pub(super) fn lose(&mut self, vertex: VertexId, metric: &str) {
        assert!(self.metrics.get_mut(&vertex).unwrap().remove(metric).is_some(), "{metric}");
    }

    pub(super) fn set(&mut self, vertex: VertexId, metric: &str, value: f64) {
        self.metrics.get_mut(&vertex).unwrap().insert(metric.to_owned(), value);
    }

    pub(super) fn lose_of_task_managers(&mut self, metric: &str) {
        assert!(self.task_managers.remove(metric).is_some(), "{metric}");
    }
}

impl Cluster {
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    /// The calls since the last look, in the order of their texts.
    pub(super) fn calls(&self) -> Vec<String> {
        let mut calls = std::mem::take(&mut self.state.lock().unwrap().calls);
        calls.sort();
        calls
    }

    fn called(&self, call: String) -> State {
        let mut state = self.state.lock().unwrap();
        state.calls.push(call);
        state.clone()
    }
}

/// As Flink does: nothing at all when one name is unknown.
fn answer(metrics: &BTreeMap<String, f64>, names: &[impl AsRef<str>]) -> Vec<Aggregate> {
    let known = names.iter().map(|name| {
        let value = *metrics.get(name.as_ref())?;
        Some(Aggregate { id: name.as_ref().to_owned(), min: value / 2.0, max: value, avg: value, sum: value })
    });
    known.collect::<Option<_>>().unwrap_or_default()
}

#[async_trait]
impl JobManager for Cluster {
    async fn version(&self) -> Result<String, FlinkError> {
        unreachable!("collection does not ask for the version")
    }

    async fn jobs(&self) -> Result<Vec<Job>, FlinkError> {
        unreachable!("collection does not list jobs")
    }

    async fn job_configuration(&self, _: JobId) -> Result<Vec<(String, String)>, FlinkError> {
        unreachable!("collection does not read the configuration")
    }

    async fn job_details(&self, job: JobId) -> Result<JobDetails, FlinkError> {
        if job != JOB {
            return Err(FlinkError::JobNotFound { job });
        }
        let State { is_running, running_since, topology, .. } = self.called("details".to_owned());
        Ok(JobDetails { is_running, running_since, topology })
    }

    async fn metric_names(&self, _: JobId, vertex: VertexId) -> Result<Vec<String>, FlinkError> {
        let state = self.called(format!("names of {}", name(vertex)));
        Ok(state.metrics.get(&vertex).into_iter().flatten().map(|(name, _)| name.clone()).collect())
    }

    async fn vertex_metrics(&self, _: JobId, vertex: VertexId, names: &[String]) -> Result<Vec<Aggregate>, FlinkError> {
        let state = self.called(format!("{} metrics of {}", names.len(), name(vertex)));
        Ok(state.metrics.get(&vertex).map(|metrics| answer(metrics, names)).unwrap_or_default())
    }

    async fn job_manager_metrics(&self, _: &[&str]) -> Result<Vec<(String, f64)>, FlinkError> {
        Ok(self.called("job manager".to_owned()).slots)
    }

    async fn task_manager_metrics(&self, names: &[&str]) -> Result<Vec<Aggregate>, FlinkError> {
        let state = self.called(format!("{} metrics of task managers", names.len()));
        Ok(answer(&state.task_managers, names))
    }

    async fn resource_requirements(&self, _: JobId) -> Result<ResourceRequirements, FlinkError> {
        unreachable!("collection does not look at bounds")
    }

    async fn set_resource_requirements(&self, _: JobId, _: &ResourceRequirements) -> Result<(), FlinkError> {
        unreachable!("collection changes nothing")
    }
}

fn name(vertex: VertexId) -> &'static str {
    match vertex {
        SOURCE => "source",
        SINK => "sink",
        _ => "another vertex",
    }
}
