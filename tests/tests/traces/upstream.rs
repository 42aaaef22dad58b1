//! Whole runs that upstream's own tests make, as traces through the host: its collector, policy, state and realizer.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use tidegate::trace::{Outcome, Replay, Trace};
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tidegate_tests::native::NativePolicy;
use tidegate_vectors::{cases, number};

const JOB: &str = "0000000000000000000000000000000a";
const VERTICES: [&str; 2] = ["00000000000000000000000000000001", "00000000000000000000000000000002"];

/// Where the clock of a run starts, in seconds.
const START: i64 = 1_700_000_000;

/// One pass: what Flink has counted and measured by then.
struct Step {
    /// Seconds since the start.
    now: i64,
    /// Since when the job has been running.
    running: i64,
    status: String,
    parallelism: Vec<u64>,
    max_parallelism: Vec<u64>,
    records_in: Vec<f64>,
    records_out: f64,
    rate: f64,
    busy: Vec<f64>,
    pending: Option<f64>,
    options: Vec<(&'static str, String)>,
}

impl Step {
    fn line(&self) -> Value {
        let mut get = Map::new();
        let running = self.status == "RUNNING";
        let total: u64 = self.parallelism.iter().sum();
        let tasks = json!({"total": total, "running": if running { total } else { 0 }, "finished": 0});
        let jobs = json!([{"jid": JOB, "name": "run", "state": self.status, "tasks": tasks}]);
        get.insert("/jobs/overview".to_owned(), json!({ "jobs": jobs }));
        let options = self.options.iter().map(|(key, value)| json!({"key": key, "value": value}));
        let scheduler = json!({"key": "jobmanager.scheduler", "value": "adaptive"});
        let configuration: Vec<Value> = options.chain([scheduler]).collect();
        get.insert(format!("/jobs/{JOB}/jobmanager/config"), configuration.into());
        get.insert(format!("/jobs/{JOB}"), self.details());
        let bounds = VERTICES.iter().zip(&self.parallelism).map(|(id, parallelism)| {
            ((*id).to_owned(), json!({"parallelism": {"lowerBound": 1, "upperBound": parallelism}}))
        });
        get.insert(format!("/jobs/{JOB}/resource-requirements"), Value::Object(bounds.collect()));
        for (index, id) in VERTICES.iter().enumerate().take(self.parallelism.len()) {
            get.insert(format!("/jobs/{JOB}/vertices/{id}/subtasks/metrics"), self.metrics(index));
        }
        get.insert("/jobmanager/metrics".to_owned(), json!([]));
        let memory = ["Heap.Max", "Heap.Used", "Metaspace.Used"].map(|what| format!("Status.JVM.Memory.{what}"));
        let memory = memory.into_iter().chain(["Status.Flink.Memory.Managed.Used".to_owned()]);
        get.insert("/taskmanagers/metrics".to_owned(), memory.map(|id| metric(&id, 1.0)).collect());
        json!({"at": Timestamp::from_millis((START + self.now) * 1000).to_string(), "get": get})
    }

    fn details(&self) -> Value {
        let written = [self.records_out, 0.0];
        let vertices = VERTICES.iter().zip(&self.parallelism).enumerate().map(|(index, (id, parallelism))| {
            // A source's records are counted where it reads them, not at its input.
            let read = if index == 0 { 0.0 } else { self.records_in[index] };
            json!({
                "id": id,
                "name": id,
                "parallelism": parallelism,
                "maxParallelism": self.max_parallelism[index],
                "status": "RUNNING",
                "metrics": {"read-records": read as u64, "write-records": written[index] as u64},
            })
        });
        let vertices: Vec<Value> = vertices.collect();
        let nodes = VERTICES.iter().zip(&self.parallelism).enumerate().map(|(index, (id, parallelism))| {
            let input = json!([{"num": 0, "id": VERTICES[0], "ship_strategy": "REBALANCE"}]);
            json!({"id": id, "parallelism": parallelism, "inputs": if index == 0 { json!([]) } else { input }})
        });
        let nodes: Vec<Value> = nodes.collect();
        json!({
            "jid": JOB,
            "name": "run",
            "state": self.status,
            "timestamps": {"RUNNING": (START + self.running) * 1000},
            "vertices": vertices,
            "plan": {"nodes": nodes},
        })
    }

    fn metrics(&self, vertex: usize) -> Value {
        let mut metrics = vec![metric("busyTimeMsPerSecond", self.busy[vertex])];
        if vertex == 0 {
            metrics.push(metric("backPressuredTimeMsPerSecond", 0.0));
            metrics.push(metric("Source__log.numRecordsIn", self.records_in[0]));
            metrics.push(metric("Source__log.numRecordsInPerSecond", self.rate));
            metrics.extend(self.pending.map(|pending| metric("log.pendingRecords", pending)));
        }
        metrics.into()
    }
}

fn metric(id: &str, value: f64) -> Value {
    json!({"id": id, "min": value, "max": value, "avg": value, "sum": value})
}

/// Replays the steps: what came of each.
async fn run(options: &[(&str, &str)], steps: &[Step]) -> Vec<Outcome> {
    let options: Map<String, Value> = options.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    let header = json!({"trace": 1, "name": "run", "job_id": JOB, "options": options});
    let lines: Vec<String> =
        [header].into_iter().chain(steps.iter().map(Step::line)).map(|line| line.to_string()).collect();
    let trace = Arc::new(Trace::parse("run", lines.join("\n").as_bytes()).unwrap());
    let mut replay = Replay::new(trace, Arc::new(NativePolicy), &Configuration::default());
    let mut outcomes = Vec::new();
    while let Some(pass) = replay.step().await {
        outcomes.push(pass.outcome);
    }
    outcomes
}

fn by_vertex<T: Copy + Into<u64>>(values: impl IntoIterator<Item = T>) -> Value {
    values.into_iter().map(|value| json!(value.into())).collect::<Vec<_>>().into()
}

mod scripts {
    use super::*;

    /// The options of a script; what is said of one in parentheses is in its steps.
    fn options(case: &Value) -> Vec<(&str, &str)> {
        let word = |value: &'_ Value| -> usize {
            let text = value.as_str().unwrap();
            text.find(" (").unwrap_or(text.len())
        };
        let entries = case["config"].as_object().unwrap().iter();
        let entries = entries.map(|(key, value)| (key.as_str(), &value.as_str().unwrap()[..word(value)]));
        entries.chain([("job.autoscaler.enabled", "true")]).collect()
    }

    fn step(case: &Value, step: &Value, is_rescaled: bool) -> Step {
        let parallelism = match step["parallelism"].as_array() {
            Some(both) => both.iter().map(|one| one.as_u64().unwrap()).collect(),
            // "single source p=5 max 720"
            None => {
                let topology = case["topology"].as_str().unwrap();
                let (_, rest) = topology.split_once("p=").unwrap();
                vec![rest.split(' ').next().unwrap().parse().unwrap()]
            }
        };
        let source_is_cut = case["maxParallelism"].as_str().is_some_and(|text| text.contains("(source 24"));
        let source_max = if source_is_cut && is_rescaled { 24 } else { 720 };
        let or_nothing = |field: &str| step.get(field).map_or(0.0, number);
        let mut options = Vec::new();
        if let Some(window) = step["windowSec"].as_u64() {
            options.push(("job.autoscaler.metrics.window", format!("{window} s")));
        }
        if let Some(enabled) = step["scalingEnabled"].as_bool() {
            options.push(("job.autoscaler.scaling.enabled", enabled.to_string()));
        }
        Step {
            now: step["now"].as_i64().unwrap(),
            running: step["jobRunning"].as_i64().unwrap_or(0),
            status: step["jobStatus"].as_str().unwrap_or("RUNNING").to_owned(),
            parallelism,
            max_parallelism: vec![source_max, 720],
            records_in: vec![number(&step["srcIn"]), or_nothing("sinkIn")],
            records_out: or_nothing("srcOut"),
            rate: number(&step["srcRatePerSec"]),
            busy: vec![number(&step["srcBusyMax"]), or_nothing("sinkBusyMax")],
            pending: step.get("srcPending").map(number),
            options,
        }
    }

    fn assert_as_expected(outcomes: &[Outcome], expected: &Value, place: &str) {
        let outcome = outcomes.last().unwrap();
        let evaluated = |vertex: usize, metric: &str| {
            let metrics = &outcome.evaluated.as_ref().expect("an evaluation")[&VERTICES[vertex].parse().unwrap()];
            metrics.get(metric).copied()
        };
        for (what, value) in expected.as_object().unwrap() {
            match what.as_str() {
                "collected" => assert_eq!(json!(outcome.samples), *value, "{place}"),
                "overrides" => {
                    let value = if value.is_null() { json!([]) } else { value.clone() };
                    assert_eq!(by_vertex(outcome.overrides.values().copied()), value, "{place}: overrides");
                }
                "recommended" => {
                    let found = outcome.recommended.iter().flatten().map(|(_, parallelism)| *parallelism);
                    let value = if value.is_null() { json!([]) } else { value.clone() };
                    assert_eq!(by_vertex(found), value, "{place}: recommended");
                }
                "scalings" => {
                    let scalings = outcomes.iter().filter(|outcome| outcome.scaled).count();
                    assert_eq!(json!(scalings), *value, "{place}: scalings");
                }
                "balanced" => {
                    let balanced = outcomes.iter().filter(|it| it.stage == "executed" && !it.scaled).count();
                    assert_eq!(json!(balanced), *value, "{place}: balanced");
                }
                "evaluated" => assert!(value.is_null() && outcome.evaluated.is_none(), "{place}"),
                "PARALLELISM" => {
                    for (vertex, value) in value.as_array().unwrap().iter().enumerate() {
                        assert_eq!(evaluated(vertex, what).unwrap().current(), number(value), "{place}");
                    }
                }
                metric => {
                    let found = match metric.split_once('.') {
                        Some((metric, "avg")) => evaluated(0, metric).unwrap().average(),
                        _ => evaluated(0, metric).unwrap().current(),
                    };
                    assert_eq!(found, number(value), "{place}: {metric}");
                }
            }
        }
    }

    #[tokio::test]
    async fn scripts_end_as_upstream_asserts() {
        let mut scripts = 0;
        for case in cases("upstream_end_to_end") {
            // One is about the collector alone, and is run there.
            let Some(script) = case["steps"].as_array() else { continue };
            let is_rescaled = |index: usize| script[..index].iter().any(|step| step["expect"]["overrides"].is_array());
            let steps: Vec<Step> =
                script.iter().enumerate().map(|(index, one)| step(&case, one, is_rescaled(index))).collect();
            let outcomes = run(&options(&case), &steps).await;
            for (index, expected) in script.iter().enumerate() {
                if expected.get("expect").is_some() {
                    let place = format!("{} at {}", case["test"], expected["now"]);
                    assert_as_expected(&outcomes[..=index], &expected["expect"], &place);
                }
            }
            scripts += 1;
        }
        assert_eq!(scripts, 4);
    }
}

mod delayed_scale_down {
    use super::*;

    const OPTIONS: [(&str, &str); 12] = [
        ("job.autoscaler.enabled", "true"),
        ("job.autoscaler.stabilization.interval", "0 s"),
        ("job.autoscaler.metrics.window", "599 s"),
        ("job.autoscaler.scale-down.interval", "3599 s"),
        ("job.autoscaler.utilization.target", "0.8"),
        ("job.autoscaler.utilization.max", "0.9"),
        ("job.autoscaler.utilization.min", "0.7"),
        ("job.autoscaler.catch-up.duration", "0 s"),
        ("job.autoscaler.restart.time", "0 s"),
        ("job.autoscaler.scale-down.max-factor", "1.0"),
        ("job.autoscaler.scale-up.max-factor", "2147483647"),
        ("job.autoscaler.vertex.max-parallelism", "10000"),
    ];

    /// A minute with these busy times, after so many others.
    fn minute(index: usize, source: f64, sink: f64) -> Step {
        let records = 4_800_000.0 * index as f64;
        Step {
            now: index as i64 * 60,
            running: 0,
            status: "RUNNING".to_owned(),
            parallelism: vec![200, 1000],
            max_parallelism: vec![4000, 4000],
            records_in: vec![records, records],
            records_out: records,
            rate: 80_000.0,
            busy: vec![source, sink],
            pending: Some(0.0),
            options: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_scale_down_waits_as_upstream_asserts() {
        for case in cases("upstream_delayed_e2e") {
            let windows = |field: &str| -> Vec<f64> {
                let busy: Vec<f64> = case[field].as_array().unwrap().iter().map(number).collect();
                // One pass before the first window, with its values.
                let minutes = busy.iter().flat_map(|busy| [*busy; 10]);
                [busy[0]].into_iter().chain(minutes).collect()
            };
            let (source, sink) = (windows("sourceBusyPerWindow"), windows("sinkBusyPerWindow"));
            let steps: Vec<Step> = (0..source.len()).map(|index| minute(index, source[index], sink[index])).collect();
            let outcomes = run(&OPTIONS, &steps).await;
            let scaled = outcomes.iter().position(|outcome| outcome.scaled);
            let mean = |busy: &[f64], index: usize| busy[index + 1 - 10..=index].iter().sum::<f64>() / 10.0;
            let expected = &case["expected"];
            if let Some(text) = expected.as_str() {
                if text.starts_with("delayed state empty once") {
                    let recovered = (10..sink.len()).find(|index| mean(&sink, *index) >= 800.0).unwrap();
                    assert!(outcomes[recovered].delayed_scale_down.is_empty(), "{case}");
                    // Upstream's test ends there; the load of one case goes on to rise.
                    assert!(scaled.is_none_or(|scaled| scaled > recovered), "{case}");
                } else {
                    assert_eq!((text, scaled), ("no scaling at all", None), "{case}");
                    assert!(outcomes.iter().any(|outcome| !outcome.delayed_scale_down.is_empty()), "{case}");
                }
                continue;
            }
            let scaled = scaled.unwrap_or_else(|| panic!("{case} is never scaled"));
            let overrides: Vec<u64> = outcomes[scaled].overrides.values().copied().map(u64::from).collect();
            assert!(outcomes[scaled].delayed_scale_down.is_empty(), "{case}");
            let (due, source) = match expected["step"].as_array() {
                Some(place) => {
                    let [window, minute] = [0, 1].map(|index| place[index].as_u64().unwrap() as usize);
                    (window * 10 + minute, expected["source"].as_u64().unwrap())
                }
                None => {
                    let above = number(&expected["whenSourceBusyAvgAbove"]);
                    let due = (10..source.len()).find(|index| mean(&source, *index) > above).unwrap();
                    assert_eq!(expected["sourceFormula"], "ceil(200*busyAvg/1000/0.8)");
                    (due, (200.0 * mean(&source, due) / 1000.0 / 0.8).ceil() as u64)
                }
            };
            assert_eq!(scaled, due, "{case}");
            assert_eq!(overrides, [source, expected["sink"].as_u64().unwrap()], "{case}");
        }
    }
}
