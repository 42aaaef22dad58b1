//! Passes, one after another.

use std::sync::Arc;

use serde_json::Value;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tidegate_vectors::{cases, number};

use super::cluster::{Cluster, GC_TIME, HEAP_USED, JOB, SINK, SOURCE, vertex};
use crate::collect::{CollectError, Collected, Collector};
use crate::flink::FlinkError;
use crate::model::{
    GlobalMetric, IoMetrics, JobContext, JobId, JobKey, JobStatus, Sample, ScalingMetric, VertexId, Window,
};

const WINDOW: (&str, &str) = ("job.autoscaler.metrics.window", "100 s");
const STABILIZATION: (&str, &str) = ("job.autoscaler.stabilization.interval", "10 s");

struct Job {
    cluster: Cluster,
    collector: Collector,
    context: JobContext,
}

impl Job {
    fn new(options: &[(&str, &str)]) -> Self {
        let configuration: Configuration = [WINDOW, STABILIZATION].iter().chain(options).copied().collect();
        Self {
            cluster: Cluster::default(),
            collector: Collector::default(),
            context: JobContext {
                key: JobKey { cluster: "test".into(), id: JOB },
                name: "test".into(),
                status: JobStatus::Running,
                configuration: Arc::new(configuration),
            },
        }
    }

    async fn pass(&mut self, seconds: i64) -> Result<Collected, CollectError> {
        self.pass_at(Timestamp::from_millis(seconds * 1000)).await
    }

    async fn pass_at(&mut self, now: Timestamp) -> Result<Collected, CollectError> {
        self.collector.collect(&self.cluster, &self.context, now).await
    }

    fn times(&self) -> Vec<i64> {
        self.collector.window().iter().map(|sample| sample.at.as_millis() / 1000).collect()
    }
}

fn latest(collected: &Collected, vertex: VertexId, metric: ScalingMetric) -> Option<f64> {
    collected.window.latest()?.vertex(vertex)?.get(metric)
}

#[tokio::test]
async fn a_pass_has_everything_of_the_job() {
    let mut job = Job::new(&[]);
    let collected = job.pass(20).await.unwrap();
    assert_eq!(collected.running_since, Timestamp::from_millis(0));
    assert_eq!(collected.window_full_at, Timestamp::from_millis(120_000));
    assert_eq!(collected.excluded, [false, false]);
    assert_eq!(collected.topology.vertices[0].source_partitions, 2);
    assert_eq!(collected.topology.vertices[1].source_partitions, 0);
    for (vertex, metric, expected) in [
        (SOURCE, ScalingMetric::Lag, Some(100_001.0)),
        (SOURCE, ScalingMetric::Load, Some(0.5)),
        (SOURCE, ScalingMetric::AccumulatedBusyTime, Some(1234.0)),
        (SOURCE, ScalingMetric::NumRecordsIn, Some(4000.0)),
        (SOURCE, ScalingMetric::NumRecordsOut, Some(4200.0)),
        (SOURCE, ScalingMetric::ObservedTpr, Some(100.0)),
        (SOURCE, ScalingMetric::NumRecordsInPerSecond, None),
        (SINK, ScalingMetric::Lag, None),
        (SINK, ScalingMetric::Load, Some(0.25)),
        (SINK, ScalingMetric::NumRecordsIn, Some(0.0)),
        (SINK, ScalingMetric::ObservedTpr, None),
        (SINK, ScalingMetric::NumRecordsInPerSecond, Some(80.0)),
    ] {
        assert_eq!(latest(&collected, vertex, metric), expected, "{vertex} {metric:?}");
    }
    let global = &collected.window.latest().unwrap().global;
    assert_eq!(global.get(GlobalMetric::NumTaskSlotsUsed), Some(3.0));
    assert_eq!(global.get(GlobalMetric::GcPressure), Some(0.005));
    assert_eq!(global.get(GlobalMetric::HeapMaxUsageRatio), Some(0.25));
}

#[tokio::test]
async fn names_are_listed_once_and_those_of_sources_in_every_pass() {
    let mut job = Job::new(&[]);
    job.pass(20).await.unwrap();
    let first = [
        "2 metrics of sink",
        "5 metrics of task managers",
        "7 metrics of source",
        "details",
        "job manager",
        "names of sink",
        "names of source",
    ];
    assert_eq!(job.cluster.calls(), first);
    job.pass(30).await.unwrap();
    let later: Vec<_> = first.into_iter().filter(|call| *call != "names of sink").collect();
    assert_eq!(job.cluster.calls(), later);
}

#[tokio::test]
async fn a_finished_vertex_does_not_make_the_others_be_listed_again() {
    let mut job = Job::new(&[]);
    job.pass(20).await.unwrap();
    job.cluster.change(|state| {
        state.topology.vertices[0].finished = true;
        state.topology.vertices[0].io = IoMetrics::default();
        state.metrics.remove(&SOURCE);
    });
    job.cluster.calls();
    let collected = job.pass(30).await.unwrap();
    assert_eq!(collected.excluded, [true, false]);
    assert_eq!(latest(&collected, SOURCE, ScalingMetric::Load), Some(0.0));
    assert_eq!(latest(&collected, SOURCE, ScalingMetric::NumRecordsIn), Some(0.0));
    assert_eq!(latest(&collected, SOURCE, ScalingMetric::ObservedTpr), Some(f64::INFINITY));
    let calls = ["2 metrics of sink", "5 metrics of task managers", "details", "job manager", "names of source"];
    assert_eq!(job.cluster.calls(), calls);
}

#[tokio::test]
async fn stale_names_are_listed_again_within_the_pass() {
    let mut job = Job::new(&[]);
    job.pass(20).await.unwrap();
    job.cluster.change(|state| state.lose(SINK, "numRecordsInPerSecond"));
    job.cluster.calls();
    let collected = job.pass(30).await.unwrap();
    assert_eq!(collected.excluded, [false, false]);
    assert_eq!(latest(&collected, SINK, ScalingMetric::Load), Some(0.25));
    assert_eq!(latest(&collected, SINK, ScalingMetric::NumRecordsInPerSecond), None);
    let calls = job.cluster.calls();
    assert!(calls.contains(&"2 metrics of sink".to_owned()) && calls.contains(&"1 metrics of sink".to_owned()));
    assert!(job.pass(40).await.is_ok());
    assert!(!job.cluster.calls().contains(&"names of sink".to_owned()));
}

#[tokio::test]
async fn a_vertex_that_loses_its_busy_time_is_left_alone_until_it_has_one_again() {
    let mut job = Job::new(&[]);
    job.pass(20).await.unwrap();
    job.cluster.change(|state| state.lose(SINK, "busyTimeMsPerSecond"));
    for seconds in [30, 40] {
        let collected = job.pass(seconds).await.unwrap();
        assert_eq!(collected.excluded, [false, true]);
        assert!(latest(&collected, SINK, ScalingMetric::Load).is_some_and(f64::is_nan));
    }
    job.cluster.change(|state| state.set(SINK, "busyTimeMsPerSecond", 10.0));
    assert_eq!(job.pass(50).await.unwrap().excluded, [false, false]);
}

#[tokio::test]
async fn vertices_are_excluded_by_the_user_and_without_a_finite_busy_time() {
    let list = format!("{SINK};no id");
    let mut job = Job::new(&[("job.autoscaler.vertex.exclude.ids", &list)]);
    job.cluster.change(|state| state.set(SOURCE, "busyTimeMsPerSecond", f64::NAN));
    assert_eq!(job.pass(20).await.unwrap().excluded, [true, true]);
    assert_eq!(
        Job::new(&[("job.autoscaler.vertex.exclude.ids", &list)]).pass(20).await.unwrap().excluded,
        [false, true]
    );
}

#[tokio::test]
async fn a_missing_required_metric_is_no_failure_while_the_job_stabilises() {
    for case in cases("upstream_required_metrics") {
        let id = if case["source"].as_bool().unwrap() { SOURCE } else { SINK };
        let missing = case["missing"].as_str().unwrap().replace("XXX", "log");
        for (seconds, is_not_ready) in [(9, true), (10, false)] {
            let mut job = Job::new(&[]);
            job.cluster.change(|state| state.lose(id, &missing));
            let error = job.pass(seconds).await.unwrap_err();
            assert!(matches!(error, CollectError::MetricMissing { vertex, .. } if vertex == id), "{case}: {error}");
            assert_eq!(error.is_not_ready(), is_not_ready);
            assert!(job.collector.window().is_empty());
        }
    }
    let mut job = Job::new(&[]);
    job.cluster.change(|state| state.lose(SINK, "busyTimeMsPerSecond"));
    let expected = format!("Could not find required metric BUSY_TIME_PER_SEC for {SINK}");
    assert_eq!(job.pass(20).await.unwrap_err().to_string(), expected);
}

#[tokio::test]
async fn optional_metrics_may_be_missing() {
    let mut job = Job::new(&[]);
    job.cluster.change(|state| {
        let source = state.metrics.get_mut(&SOURCE).unwrap();
        source.retain(|name, _| !name.ends_with("pendingRecords") && !name.ends_with("numRecordsOut"));
        state.lose(SINK, "numRecordsInPerSecond");
        state.slots.clear();
    });
    let collected = job.pass(20).await.unwrap();
    assert_eq!(latest(&collected, SOURCE, ScalingMetric::Lag), Some(0.0));
    assert_eq!(latest(&collected, SINK, ScalingMetric::NumRecordsInPerSecond), None);
    assert_eq!(collected.window.latest().unwrap().global.get(GlobalMetric::NumTaskSlotsUsed), None);
}

#[tokio::test]
async fn task_managers_without_garbage_collection_are_remembered() {
    let mut job = Job::new(&[]);
    job.cluster.change(|state| state.lose_of_task_managers(GC_TIME));
    let collected = job.pass(20).await.unwrap();
    let global = &collected.window.latest().unwrap().global;
    assert_eq!((global.get(GlobalMetric::GcPressure), global.get(GlobalMetric::HeapMemoryUsed)), (None, Some(50.0)));
    job.cluster.calls();
    job.pass(30).await.unwrap();
    assert!(!job.cluster.calls().contains(&"5 metrics of task managers".to_owned()));
}

#[tokio::test]
async fn missing_task_manager_metrics_are_a_failure_even_while_the_job_stabilises() {
    let mut job = Job::new(&[]);
    job.pass(5).await.unwrap();
    job.cluster.change(|state| state.lose_of_task_managers(HEAP_USED));
    for seconds in [6, 7] {
        let error = job.pass(seconds).await.unwrap_err();
        assert!(matches!(error, CollectError::TaskManagerMetricsMissing), "{error}");
        assert!(!error.is_not_ready());
    }
    // Not ready weighs more.
    job.cluster.change(|state| state.metrics.clear());
    assert!(job.pass(8).await.unwrap_err().is_not_ready());
    assert_eq!(job.times(), [5]);
}

#[tokio::test]
async fn a_job_without_a_plan_is_not_ready() {
    let mut job = Job::new(&[]);
    job.cluster.change(|state| {
        state.topology.vertices.clear();
        state.topology.edges.clear();
        state.running_since = None;
    });
    let error = job.pass(20).await.unwrap_err();
    assert!(matches!(error, CollectError::NoPlan) && error.is_not_ready());
    assert_eq!(job.cluster.calls(), ["details"]);
}

#[tokio::test]
async fn a_job_that_restarts_since_it_was_listed_is_not_looked_at() {
    let mut job = Job::new(&[]);
    job.cluster.change(|state| {
        state.is_running = false;
        state.topology.vertices.iter_mut().for_each(|vertex| vertex.parallelism = 1);
    });
    let error = job.pass(20).await.unwrap_err();
    assert!(matches!(error, CollectError::NotRunning) && error.is_not_ready());
    assert_eq!(job.cluster.calls(), ["details"]);
    assert!(job.times().is_empty());
}

#[tokio::test]
async fn other_failures_are_told() {
    let mut job = Job::new(&[]);
    job.cluster.change(|state| state.running_since = None);
    assert!(matches!(job.pass(20).await.unwrap_err(), CollectError::NoRunningTimestamp));
    let mut job = Job::new(&[("job.autoscaler.metrics.window", "long")]);
    assert!(matches!(job.pass(20).await.unwrap_err(), CollectError::Options(_)));
    let mut job = Job::new(&[]);
    job.context.key.id = JobId::from_u128(1);
    let error = job.pass(20).await.unwrap_err();
    assert!(matches!(error, CollectError::Cluster(FlinkError::JobNotFound { .. })));
    assert!(!error.is_not_ready());
}

#[tokio::test]
async fn windows_grow_and_are_trimmed_as_upstream_asserts() {
    for case in cases("upstream_windows") {
        let config: Vec<_> = case["config"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
            .collect();
        let mut job = Job::new(&config);
        let (steps, unit) = match case["stepsMs"].as_array() {
            Some(steps) => (steps, 1),
            None => (case["steps"].as_array().unwrap(), 1000),
        };
        for step in steps {
            let now = Timestamp::from_millis(step["now"].as_i64().unwrap() * unit);
            let collected = job.pass_at(now).await.unwrap();
            assert_eq!(collected.window.len() as u64, step["size"].as_u64().unwrap(), "{} {step}", case["test"]);
            if let Some(full) = step.get("full").and_then(Value::as_bool) {
                assert_eq!(now >= collected.window_full_at, full, "{} {step}", case["test"]);
            }
        }
    }
}

#[tokio::test]
async fn a_job_that_was_started_again_begins_a_new_window() {
    let mut job = Job::new(&[]);
    job.cluster.change(|state| state.lose_of_task_managers(GC_TIME));
    for seconds in [20, 30] {
        job.pass(seconds).await.unwrap();
    }
    job.cluster.change(|state| state.running_since = Some(Timestamp::from_millis(20_000)));
    job.pass(40).await.unwrap();
    assert_eq!(job.times(), [20, 30, 40]);
    job.cluster.change(|state| state.running_since = Some(Timestamp::from_millis(20_001)));
    job.cluster.calls();
    job.pass(50).await.unwrap();
    assert_eq!(job.times(), [50]);
    let calls = job.cluster.calls();
    assert!(calls.contains(&"names of sink".to_owned()) && calls.contains(&"5 metrics of task managers".to_owned()));
}

#[tokio::test]
async fn samples_of_an_earlier_process_count() {
    let mut job = Job::new(&[]);
    for seconds in [20, 70] {
        job.pass(seconds).await.unwrap();
    }
    let mut later = Job::new(&[]);
    later.collector = Collector::with_window(job.collector.window().clone());
    let collected = later.pass(120).await.unwrap();
    assert_eq!(later.times(), [20, 70, 120]);
    assert_eq!(collected.window_full_at, Timestamp::from_millis(120_000));
}

#[tokio::test]
async fn an_observed_rate_is_carried_on_while_the_source_keeps_up() {
    let mut job = Job::new(&[]);
    for seconds in [20, 30] {
        job.pass(seconds).await.unwrap();
    }
    job.cluster.change(|state| {
        let source = state.metrics.get_mut(&SOURCE).unwrap();
        source.retain(|name, _| !name.ends_with("pendingRecords"));
    });
    assert_eq!(latest(&job.pass(40).await.unwrap(), SOURCE, ScalingMetric::ObservedTpr), Some(100.0));
}

#[tokio::test]
async fn samples_without_a_new_vertex_are_told_until_they_have_left() {
    let added = VertexId::from_u128(3);
    let mut job = Job::new(&[]);
    for seconds in [20, 30] {
        job.pass(seconds).await.unwrap();
    }
    job.cluster.change(|state| {
        state.topology.vertices.push(vertex(added, "added"));
        let metrics = state.metrics[&SOURCE].clone();
        state.metrics.insert(added, metrics);
    });
    for seconds in [40, 120, 130] {
        let error = job.pass(seconds).await.unwrap_err();
        let expected = format!(
            "vertex {added} is missing in the sample of 1970-01-01T00:00:30Z; it leaves the window after 1970-01-01T00:02:10Z"
        );
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_not_ready());
    }
    let collected = job.pass(131).await.unwrap();
    assert_eq!(collected.excluded.len(), 3);
    assert_eq!(job.times(), [40, 120, 130, 131]);
}

#[tokio::test]
async fn a_vertex_that_is_gone_does_no_harm() {
    let gone = VertexId::from_u128(9);
    let mut job = Job::new(&[]);
    let mut window = Window::default();
    let vertices = [SINK, SOURCE, gone].map(|id| (id, Default::default())).to_vec();
    window.push(Sample { at: Timestamp::from_millis(15_000), vertices, global: Default::default() });
    job.collector = Collector::with_window(window);
    assert_eq!(job.pass(20).await.unwrap().window.len(), 2);
}

#[tokio::test]
async fn the_observed_rate_of_the_window_stands_in_as_upstream_asserts() {
    let is_about_it = |case: &Value| case["test"] == "observed TPR history fallback";
    let case = cases("upstream_end_to_end").find(is_about_it).unwrap();
    let mut job = Job::new(&[]);
    for (index, sample) in case["samples"].as_array().unwrap().iter().enumerate() {
        job.cluster.change(|state| {
            state.set(SOURCE, "Source__log.pendingRecords", number(&sample["pending"]));
            state.set(SOURCE, "Source__log.KafkaSourceReader.KafkaConsumer.pendingRecords", 0.0);
            state.set(SOURCE, "Source__log.numRecordsInPerSecond", number(&sample["rate"]));
            state.set(SOURCE, "backPressuredTimeMsPerSecond", number(&sample["backpressureAvg"]));
        });
        let collected = job.pass(20 + index as i64).await.unwrap();
        let observed = latest(&collected, SOURCE, ScalingMetric::ObservedTpr).unwrap();
        let expected = number(&sample["expectObserved"]);
        assert!(observed == expected || observed.is_nan() && expected.is_nan(), "{sample}: {observed}");
    }
}
