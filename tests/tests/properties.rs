//! What holds of the bundled policy whatever it is shown: odd graphs, odd numbers, odd options, damaged state.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use tidegate::extension::NoExtensions;
use tidegate::metrics::Metrics;
use tidegate::model::{
    Decision, Edge, GlobalMetric, GlobalMetrics, IoMetrics, JobId, Observation, Sample, ScalingMetric, ShipStrategy,
    Topology, Verdict, Vertex, VertexId, VertexMetrics, Window,
};
use tidegate::plugin::{Limits, Runtime, Source, WasmPolicy};
use tidegate::policy::{Policy, PolicyError};
use tidegate::zone::Zone;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tidegate_tests::native::NativePolicy;
use tokio::runtime;

const CASES: u32 = 150;

const NOW: i64 = 1_700_000_000_000;

const SHIPS: [ShipStrategy; 9] = [
    ShipStrategy::Hash,
    ShipStrategy::Rebalance,
    ShipStrategy::Rescale,
    ShipStrategy::Forward,
    ShipStrategy::Custom,
    ShipStrategy::Broadcast,
    ShipStrategy::Global,
    ShipStrategy::Shuffle,
    ShipStrategy::Unknown,
];

/// Keys after `job.autoscaler.`.
const OPTIONS: [&str; 31] = [
    "backlog-processing.lag-threshold",
    "catch-up.duration",
    "excluded.periods",
    "history.max.age",
    "history.max.count",
    "memory.gc-pressure.threshold",
    "memory.heap-usage.threshold",
    "memory.tuning.enabled",
    "metrics.busy-time.aggregator",
    "observed-scalability.enabled",
    "observed-scalability.min-observations",
    "observed-true-processing-rate.min-observations",
    "observed-true-processing-rate.switch-threshold",
    "prefer-tracked-restart-time",
    "quota.cpu",
    "quota.memory",
    "restart.time",
    "scale-down.interval",
    "scale-down.max-factor",
    "scale-up.max-factor",
    "scaling.effectiveness.detection.enabled",
    "scaling.effectiveness.threshold",
    "scaling.enabled",
    "scaling.event.interval",
    "scaling.key-group.partitions.adjust.mode",
    "scaling.parallelism-alignment.mode",
    "target.utilization.boundary",
    "utilization.max",
    "utilization.min",
    "utilization.target",
    "vertex.max-parallelism",
];

/// What options are set to, whether or not it is of their type.
const TEXTS: [&str; 24] = [
    "0",
    "1",
    "0.3",
    "0.8",
    "1.0",
    "-1",
    "NaN",
    "Infinity",
    "1e300",
    "2147483647",
    "99999999999999999999",
    "",
    "true",
    "false",
    "0 s",
    "1 min",
    "9000000000 d",
    "512 mb",
    "AVG",
    "MIN",
    "EVENLY_SPREAD",
    "MAXIMIZE_UTILISATION",
    "OFF",
    "00:00-23:59",
];

/// What was kept under a key: mostly what the policy itself would write, sometimes damaged.
const STATES: [&str; 14] = [
    "",
    "null",
    "[]",
    "{",
    "{}",
    "\u{0}",
    r#"{"a":1,}"#,
    r#"{"00000000000000000000000000000001":{"2023-11-14T20:00:00Z":{"currentParallelism":2,"newParallelism":4,"metrics":{"TRUE_PROCESSING_RATE":{"current":"NaN","average":100.0},"EXPECTED_PROCESSING_RATE":{"current":200.0,"average":"NaN"}}}}}"#,
    r#"{"00000000000000000000000000000001":{"2023-11-14T20:00:00Z":{"currentParallelism":0,"newParallelism":-4,"metrics":{"TRUE_PROCESSING_RATE":null}}},"gone":{}}"#,
    r#"{"00000000000000000000000000000001":{"yesterday":{}}}"#,
    r#"{"scalingRecords":{"2023-11-14T20:00:00Z":{"restartDuration":62.5}}}"#,
    r#"{"scalingRecords":{"2023-11-14T20:00:00Z":{"restartDuration":null},"2023-11-14T21:00:00Z":{"restartDuration":-1e300}}}"#,
    r#"{"delayedVertices":{"00000000000000000000000000000001":{"firstTriggerTime":1700000000.0,"recommendedParallelisms":[{"triggerTime":1700000000.0,"parallelism":1,"outsideUtilizationBound":true}]}}}"#,
    r#"{"delayedVertices":{"00000000000000000000000000000001":{"firstTriggerTime":"NaN","recommendedParallelisms":[]}}}"#,
];

/// A metric's value: mostly a plain one.
fn value() -> impl Strategy<Value = f64> {
    let odd = select(vec![
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        -1.0,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        1e15 + 0.5,
    ]);
    prop_oneof![12 => 0.0..2000.0_f64, 1 => odd, 1 => any::<f64>()]
}

fn parallelism() -> impl Strategy<Value = (u32, u32)> {
    let largest = prop_oneof![4 => 1..200_u32, 1 => select(vec![128, 720, 32_768])];
    (largest, any::<Index>()).prop_map(|(largest, now)| (now.index(largest as usize) as u32 + 1, largest))
}

fn vertex() -> impl Strategy<Value = Vertex> {
    let partitions = prop_oneof![3 => Just(0), 1 => 1..50_u32, 1 => Just(u32::MAX)];
    (parallelism(), partitions, select(vec![None, Some("a"), Some("b")]), any::<bool>()).prop_map(
        |((parallelism, max_parallelism), source_partitions, group, finished)| Vertex {
            id: VertexId::from_u128(0),
            name: String::new(),
            parallelism,
            max_parallelism,
            source_partitions,
            slot_sharing_group: group.map(str::to_owned),
            finished,
            io: IoMetrics::default(),
        },
    )
}

/// Chains, diamonds, several sources, islands; edges lead from an earlier vertex to a later one.
fn topology() -> impl Strategy<Value = Topology> {
    let edges = vec((any::<Index>(), any::<Index>(), select(SHIPS.to_vec())), 0..12);
    (vec(vertex(), 0..7), edges).prop_map(|(mut vertices, edges)| {
        for (number, vertex) in (1..).zip(&mut vertices) {
            vertex.id = VertexId::from_u128(number);
        }
        let mut known = BTreeMap::new();
        if vertices.len() > 1 {
            for (a, b, ship) in edges {
                let (a, b) = (a.index(vertices.len()), b.index(vertices.len()));
                if a != b {
                    known.insert((a.min(b), a.max(b)), ship);
                }
            }
        }
        Topology { vertices, edges: known.into_iter().map(|((from, to), ship)| Edge { from, to, ship }).collect() }
    })
}

/// A sample of vertices that may be gone or not there yet; counters grow by sample unless they are odd.
fn sample(number: i64) -> impl Strategy<Value = Sample> {
    let row = vec(prop::option::weighted(0.95, value()), ScalingMetric::ALL.len());
    let rows = vec(prop::option::weighted(0.97, row), 7);
    let global =
        vec(prop::option::weighted(0.9, prop_oneof![6 => 0.0..0.5_f64, 1 => value()]), GlobalMetric::ALL.len());
    (rows, global).prop_map(move |(rows, globals)| {
        let vertices = (1..).zip(rows).filter_map(|(id, row)| {
            let mut metrics = VertexMetrics::default();
            for (metric, value) in ScalingMetric::ALL.iter().zip(row?) {
                let grown = match metric {
                    ScalingMetric::NumRecordsIn | ScalingMetric::NumRecordsOut | ScalingMetric::AccumulatedBusyTime => {
                        value.map(|value| value + number as f64 * 20_000.0)
                    }
                    ScalingMetric::Load => value.map(|value| value / 1500.0),
                    _ => value,
                };
                if let Some(value) = grown {
                    metrics.set(*metric, value);
                }
            }
            Some((VertexId::from_u128(id), metrics))
        });
        let mut global = GlobalMetrics::default();
        for (metric, value) in GlobalMetric::ALL.iter().zip(globals) {
            if let Some(value) = value {
                global.set(*metric, value);
            }
        }
        Sample { at: Timestamp::from_millis(NOW - (4 - number) * 10_000), vertices: vertices.collect(), global }
    })
}

fn window() -> impl Strategy<Value = Window> {
    ((0..5).map(sample).collect::<Vec<_>>(), 0..3_usize).prop_map(|(samples, missing)| {
        let mut window = Window::default();
        samples.into_iter().skip(missing * 2).for_each(|sample| window.push(sample));
        window
    })
}

fn options() -> impl Strategy<Value = Configuration> {
    let own = btree_map(select(OPTIONS.to_vec()), select(TEXTS.to_vec()), 0..4);
    (own, any::<bool>()).prop_map(|(own, tune)| {
        let own = own.into_iter().map(|(key, text)| (format!("job.autoscaler.{key}"), text.to_owned()));
        let mut options: Configuration = own.collect();
        if tune {
            options.set("taskmanager.memory.process.size", "4 gb");
        }
        options
    })
}

fn state() -> impl Strategy<Value = BTreeMap<String, String>> {
    let keys = select(vec!["scalingHistory", "scalingTracking", "delayedScaleDown"]);
    btree_map(keys, select(STATES.to_vec()), 0..3)
        .prop_map(|state| state.into_iter().map(|(key, text)| (key.to_owned(), text.to_owned())).collect())
}

fn observation() -> impl Strategy<Value = Observation> {
    let full = prop_oneof![5 => Just(NOW), 1 => Just(NOW + 1), 1 => any::<i64>()];
    let since = prop_oneof![3 => Just(NOW - 3_600_000), 1 => any::<i64>()];
    (topology(), window(), options(), state(), vec(prop::bool::weighted(0.1), 7), full, since).prop_map(
        |(topology, window, options, state, mut excluded, full, since)| {
            excluded.truncate(topology.vertices.len());
            Observation {
                cluster: "c".to_owned(),
                job: JobId::from_u128(1),
                job_name: "j".to_owned(),
                now: Timestamp::from_millis(NOW),
                zone: Zone::default(),
                running_since: Timestamp::from_millis(since),
                window_full_at: Timestamp::from_millis(full),
                configuration: Arc::new(options),
                topology,
                excluded,
                window,
                state: Arc::new(state),
            }
        },
    )
}

/// An answer, every double in full; none where the policy was stopped.
fn text(answer: &Result<Decision, PolicyError>) -> Option<String> {
    match answer {
        Ok(decision) => Some(format!("{decision:?}")),
        Err(PolicyError::Broken { .. }) => None,
        Err(failure) => Some(format!("{failure:?}")),
    }
}

/// Fails where a target is not one that the job can have.
fn check_targets(seen: &Observation, decision: &Decision) -> Result<(), TestCaseError> {
    let vertices = &seen.topology.vertices;
    prop_assert!(decision.recommended.is_empty() || decision.recommended.len() == vertices.len());
    let Verdict::Scale(targets) = &decision.verdict else { return Ok(()) };
    let mut named = BTreeSet::new();
    for target in targets {
        let vertex = vertices.iter().find(|vertex| vertex.id == target.vertex);
        let Some(vertex) = vertex else { return Err(TestCaseError::fail(format!("no such vertex: {target:?}"))) };
        prop_assert!((1..=vertex.max_parallelism).contains(&target.parallelism), "{target:?} of {vertex:?}");
        prop_assert!(named.insert(target.vertex), "twice: {target:?}");
    }
    Ok(())
}

#[test]
fn whatever_it_is_shown_the_policy_answers_soundly_and_always_the_same() {
    // How fast the machine is has no say here.
    let limits = Limits { deadline: Duration::from_secs(60), ..Limits::default() };
    let source = Source::Bundled("default-policy".to_owned());
    let metrics = Arc::new(Metrics::default());
    let component = WasmPolicy::load("component", &source, limits, &Runtime::new().unwrap(), metrics).unwrap();
    let thread = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (scaled, held, failed) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));

    let mut runner = TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&observation(), |seen| {
        let seen = Arc::new(seen);
        let decide = |policy: &dyn Policy| thread.block_on(policy.decide(Arc::clone(&seen), Arc::new(NoExtensions)));
        let (first, again, native) = (decide(&component), decide(&component), decide(&NativePolicy));
        prop_assert!(text(&first).is_some(), "{first:?}");
        prop_assert_eq!(text(&first), text(&again));
        prop_assert_eq!(text(&first), text(&native));
        match &first {
            Ok(decision) => check_targets(&seen, decision)?,
            Err(_) => {
                failed.fetch_add(1, Ordering::Relaxed);
                return Ok(());
            }
        }
        let verdict = first.map(|decision| decision.verdict).expect("it was checked");
        let count = if matches!(verdict, Verdict::Scale(_)) { &scaled } else { &held };
        count.fetch_add(1, Ordering::Relaxed);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    // The odd must not drown the plain: each kind of answer was seen.
    for count in [scaled, held, failed] {
        assert!(count.into_inner() > 0);
    }
}
