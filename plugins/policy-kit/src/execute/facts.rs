//! What upstream's own tests assert of decisions about whole jobs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_common::options;
use tidegate_common::time::Timestamp;

use super::{Executor, Remembered, TaskManager};
use crate::decision::Verdict;
use crate::evaluate::{Demand, Evaluation, EvaluationOptions, GlobalEvaluation};
use crate::extension::NoExtensions;
use crate::history::{History, Limits};
use crate::metric::{EvaluatedMetric, Metric, VertexMetrics};
use crate::scale::DelayedScaleDown;
use crate::testing::{FakeView, cases, configuration, number};
use crate::topology::Topology;
use crate::tracking::ScalingTracking;

/// A job whose metrics have been evaluated.
struct Evaluated {
    view: FakeView,
    evaluation: Evaluation,
}

impl Evaluated {
    /// Vertices with a target rate, a catch-up rate and a true processing rate each.
    fn new(config: &Value, vertices: &Value) -> Self {
        let mut view = FakeView::of_topology(vertices);
        view.configuration = configuration(config);
        let options = EvaluationOptions::read(&view.configuration, restart(&view)).unwrap();
        let row = |vertex: &Value| {
            let rate = |name: &str, short: &str| number(vertex.get(name).unwrap_or(&vertex[short]));
            let catch_up = vertex.get("catchUpDataRate").map_or(0.0, number);
            let target = rate("targetDataRate", "target");
            let demand = Demand { target_data_rate: target, catch_up_data_rate: catch_up };
            let (up, down) = demand.thresholds(&options, false);
            let mut row = VertexMetrics::default();
            row.set(Metric::TargetDataRate, EvaluatedMetric::avg(target));
            row.set(Metric::CatchUpDataRate, EvaluatedMetric::of(catch_up));
            row.set(Metric::TrueProcessingRate, EvaluatedMetric::avg(rate("trueProcessingRate", "tpr")));
            row.set(Metric::Parallelism, EvaluatedMetric::of(number(&vertex["parallelism"])));
            row.set(Metric::MaxParallelism, EvaluatedMetric::of(number(&vertex["maxParallelism"])));
            row.set(Metric::NumSourcePartitions, EvaluatedMetric::of(0.0));
            row.set(Metric::ScaleUpRateThreshold, EvaluatedMetric::of(up));
            row.set(Metric::ScaleDownRateThreshold, EvaluatedMetric::of(down));
            row
        };
        let nothing = EvaluatedMetric::of(f64::NAN);
        let global = GlobalEvaluation {
            gc_pressure: nothing,
            num_task_slots_used: nothing,
            heap_max_usage_ratio: nothing,
            heap_memory_used: nothing,
            managed_memory_used: nothing,
            metaspace_memory_used: nothing,
        };
        let vertices = vertices.as_array().unwrap().iter().map(row).collect();
        Self { view, evaluation: Evaluation { vertices, global, processing_backlog: false } }
    }

    /// What becomes of every vertex if the job is scaled, and the reasons of the events.
    fn execute(mut self) -> (BTreeMap<String, u32>, Vec<&'static str>) {
        let topology = Topology::of(&self.view).unwrap();
        let limits = Limits::read(&self.view.configuration).unwrap();
        let mut remembered = Remembered {
            history: History::new(None, Timestamp::default(), limits),
            tracking: ScalingTracking::default(),
            delayed: DelayedScaleDown::default(),
        };
        let executor = Executor {
            view: &self.view,
            extensions: &NoExtensions,
            topology: &topology,
            configuration: &self.view.configuration,
            task_manager: TaskManager::default(),
            restart: restart(&self.view),
        };
        let mut events = Vec::new();
        let verdict = executor.execute(&mut self.evaluation, &mut remembered, &mut events).unwrap();
        let targets = match verdict {
            Verdict::Scale(targets) => targets,
            Verdict::Hold(_) => Vec::new(),
        };
        let overrides = targets.into_iter().map(|target| (target.vertex, target.parallelism));
        (overrides.collect(), events.iter().map(|event| event.reason).collect())
    }
}

fn restart(view: &FakeView) -> u64 {
    view.configuration.read(&options::RESTART_TIME).unwrap().as_secs()
}

#[test]
fn a_job_is_scaled_when_a_vertex_is_outside_of_its_bounds() {
    for case in cases("upstream_utilization_bounds") {
        let job = Evaluated::new(&case["config"], &case["vertices"]);
        let now: BTreeMap<_, _> = job.view.ids.iter().cloned().zip(job.view.parallelism.clone()).collect();
        let (overrides, _) = job.execute();
        let scaled: Vec<&String> = overrides.iter().filter(|(id, new)| now[*id] != **new).map(|(id, _)| id).collect();
        match &case["expectedScaledVertices"] {
            Value::Array(expected) => {
                let mut expected: Vec<&str> = expected.iter().map(|id| id.as_str().unwrap()).collect();
                expected.sort_unstable();
                assert_eq!(scaled, expected, "{case}");
            }
            expected => assert_eq!(json!(scaled.len()), *expected, "{case}"),
        }
    }
}

#[test]
fn only_a_keyed_vertex_is_aligned_to_its_key_groups() {
    for case in cases("upstream_executor_alignment") {
        let mut vertices = case["vertices"].clone();
        for vertex in vertices.as_array_mut().unwrap() {
            vertex["maxParallelism"] = case["maxParallelism"].clone();
        }
        let (overrides, _) = Evaluated::new(&case["config"], &vertices).execute();
        assert_eq!(json!(overrides), case["expectedOverrides"], "{case}");
    }
}

#[test]
fn nothing_is_scaled_under_memory_pressure() {
    let config = json!({
        "job.autoscaler.memory.gc-pressure.threshold": "0.5",
        "job.autoscaler.memory.heap-usage.threshold": "0.8",
        "job.autoscaler.catch-up.duration": "0 s",
    });
    let busy = json!([{"id": "v", "inputs": {}, "parallelism": 2, "maxParallelism": 720, "target": 70, "tpr": 20}]);
    for case in cases("upstream_memory_pressure") {
        let mut job = Evaluated::new(&config, &busy);
        job.evaluation.global.gc_pressure = EvaluatedMetric::of(number(&case["gcPressure"]));
        let (current, average) = (number(&case["heapUsageCurrent"]), number(&case["heapUsageAverage"]));
        job.evaluation.global.heap_max_usage_ratio = EvaluatedMetric::new(current, average);
        let (overrides, reasons) = job.execute();
        let blocked = case["expectedBlocked"].as_bool().unwrap();
        assert_eq!(overrides.is_empty(), blocked, "{case}");
        assert_eq!(reasons == ["MemoryPressure"], blocked, "{case}: {reasons:?}");
    }
}
