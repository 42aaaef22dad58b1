//! What the reference implementation computes.

use std::collections::BTreeSet;

use serde_json::Value;
use tidegate_common::configuration::Configuration;
use tidegate_vectors::{cases, number};

use crate::collect::convert::{FlinkMetrics, Values, VertexInput, observed_tpr, vertex_metrics};
use crate::collect::global::{self, global_metrics};
use crate::collect::names::{FlinkMetric, VertexNames, partition, partitions};
use crate::collect::options::ConversionOptions;
use crate::flink::Aggregate;
use crate::model::{GlobalMetric, IoMetrics, ScalingMetric, ShipStrategy, VertexMetrics};

fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

fn flink_metric(name: &str) -> FlinkMetric {
    FlinkMetric::ALL.into_iter().find(|metric| metric.name() == name).unwrap()
}

fn values(value: &Value) -> Values {
    let part = |name| value.get(name).map_or(f64::NAN, number);
    Values { min: part("min"), max: part("max"), avg: part("avg"), sum: part("sum") }
}

fn options(config: &Value) -> ConversionOptions {
    let entries = config.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap()));
    ConversionOptions::read(&entries.collect::<Configuration>()).unwrap()
}

fn assert_collected(collected: &VertexMetrics, expected: &Value, case: &Value) {
    let expected = expected.as_object().unwrap();
    for metric in ScalingMetric::ALL {
        match (collected.get(*metric), expected.get(metric.name()).map(number)) {
            (Some(collected), Some(expected)) => assert!(same(collected, expected), "{metric:?} {collected}: {case}"),
            (collected, expected) => assert_eq!(collected, expected, "{metric:?}: {case}"),
        }
    }
}

#[test]
fn vertex_metrics_are_those_of_the_reference() {
    for case in cases("oracle_collected_vertex_metrics") {
        let mut metrics = FlinkMetrics::default();
        for (name, value) in case["flinkMetrics"].as_object().unwrap() {
            metrics.add(flink_metric(name), values(value));
        }
        let io = &case["ioMetrics"];
        let input = VertexInput {
            is_source: case["isSource"].as_bool().unwrap(),
            io: IoMetrics {
                records_in: number(&io["readRecords"]),
                records_out: number(&io["writeRecords"]),
                accumulated_busy_time: number(&io["accumulatedBusyTime"]),
            },
            metrics: &metrics,
        };
        let options = options(&case["config"]);
        let collected = vertex_metrics(&input, &options, || number(&case["observedTprHistoryAvg"]));
        assert_collected(&collected, &case["expected"], &case);
        let excluded = input.busy_time(options.busy_time_aggregator).is_none();
        assert_eq!(excluded, case["expectedExcludedFromScaling"].as_bool().unwrap(), "{case}");
    }
}

#[test]
fn load_is_that_of_the_aggregated_subtask() {
    for case in cases("upstream_load") {
        let mut metrics = FlinkMetrics::default();
        metrics.add(FlinkMetric::BusyTimePerSec, values(&case["busy"]));
        let io = IoMetrics { accumulated_busy_time: number(&case["accumulatedBusyTime"]), ..IoMetrics::default() };
        let config = serde_json::json!({ "job.autoscaler.metrics.busy-time.aggregator": case["aggregator"] });
        let input = VertexInput { is_source: false, io, metrics: &metrics };
        let collected = vertex_metrics(&input, &options(&config), || f64::NAN);
        for (name, expected) in case["expected"].as_object().unwrap() {
            let metric = ScalingMetric::from_name(name).unwrap();
            assert_eq!(collected.get(metric), Some(number(expected)), "{case}");
        }
    }
}

#[test]
fn true_processing_rates_are_observed_as_upstream_asserts() {
    for case in cases("upstream_observed_tpr") {
        let mut metrics = FlinkMetrics::default();
        let all = |value: &Value| {
            let value = number(value);
            Values { min: value, max: value, avg: value, sum: value }
        };
        metrics.add(FlinkMetric::PendingRecords, all(&case["lag"]));
        metrics.add(FlinkMetric::SourceTaskNumRecordsInPerSec, all(&case["ratePerSec"]));
        metrics.add(FlinkMetric::BackpressureTimePerSec, all(&case["backpressureAvg"]));
        let input = VertexInput { is_source: true, io: IoMetrics::default(), metrics: &metrics };
        let collected = vertex_metrics(&input, &options(&serde_json::json!({})), || number(&case["historyAverage"]));
        let expected = tidegate_common::number::round_metric(number(&case["expectedObservedTpr"]));
        assert_eq!(collected.get(ScalingMetric::ObservedTpr), Some(expected), "{case}");
    }
    for case in cases("upstream_observed_tpr_formula") {
        let observed = observed_tpr(number(&case["rate"]), number(&case["backpressure"]));
        assert!(same(observed.unwrap_or(f64::NAN), number(&case["expected"])), "{case}");
    }
}

#[test]
fn global_metrics_are_those_that_upstream_asserts() {
    for case in cases("upstream_global_collection") {
        let task_managers: Vec<_> = case["taskManagerMetrics"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| {
                let Values { min, max, avg, sum } = values(value);
                Aggregate { id: task_manager_metric(name).to_owned(), min, max, avg, sum }
            })
            .collect();
        let collected = global_metrics(&[], &task_managers);
        let expected = case["expected"].as_object().unwrap();
        for metric in GlobalMetric::ALL {
            assert_eq!(collected.get(*metric), expected.get(metric.name()).map(number), "{metric:?}: {case}");
        }
    }
}

/// The metrics that are not of vertices, by their names in the Java autoscaler.
const OTHERS: [(&str, &str); 7] = [
    ("NUM_TASK_SLOTS_TOTAL", global::SLOTS_TOTAL),
    ("NUM_TASK_SLOTS_AVAILABLE", global::SLOTS_AVAILABLE),
    ("HEAP_MEMORY_MAX", global::HEAP_MAX),
    ("HEAP_MEMORY_USED", global::HEAP_USED),
    ("MANAGED_MEMORY_USED", global::MANAGED_USED),
    ("METASPACE_MEMORY_USED", global::METASPACE_USED),
    ("TOTAL_GC_TIME_PER_SEC", global::GC_TIME),
];

fn task_manager_metric(name: &str) -> &'static str {
    OTHERS.into_iter().find(|(java, _)| *java == name).unwrap().1
}

#[test]
fn metrics_are_told_by_their_names() {
    for case in cases("oracle_metric_names") {
        let name = case["name"].as_str().unwrap();
        let of_vertices = FlinkMetric::ALL.into_iter().filter(|metric| metric.is_named(name)).map(FlinkMetric::name);
        let others = OTHERS.into_iter().filter(|(_, flink)| *flink == name).map(|(java, _)| java);
        let told: BTreeSet<_> = of_vertices.chain(others).collect();
        let expected: BTreeSet<_> =
            case["expectedMatches"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn partitions_are_told_by_their_metrics() {
    for case in cases("oracle_partition_metric_names") {
        let identity = partition(case["metricName"].as_str().unwrap());
        assert_eq!(identity.as_deref(), case["expectedPartitionIdentity"].as_str(), "{case}");
    }
    for (name, expected) in [
        ("a.kafkaCluster..KafkaSourceReader.topic.t.partition.0.currentOffset", Some("null-t-0")),
        (
            "a.kafkaCluster.b.kafkaCluster.c.KafkaSourceReader.topic.t.partition.0.currentOffset",
            Some("b.kafkaCluster.c-t-0"),
        ),
        (
            "a.kafkaCluster.b.KafkaSourceReader.topic.t.KafkaSourceReader.topic.u.partition.0.currentOffset",
            Some("b.KafkaSourceReader.topic.t-u-0"),
        ),
        ("a.KafkaSourceReader.topic..partition.0.currentOffset", None),
        ("a.KafkaSourceReader.topic.t.partition..currentOffset", None),
        ("a.KafkaSourceReader.topic.é.partition.7.currentOffset", Some("null-é-7")),
        ("a.PulsarConsumer.t-partition-3.numMsgsReceived", None),
        ("a.PulsarConsumer.t-partition-3.c.numMsgsReceived", Some("t-3")),
        ("a.PulsarConsumer.t-partition-3.PulsarConsumer.x.numMsgsReceived", Some("t-3")),
        ("PulsarConsumer.t-partition-3.c.numMsgsReceived", None),
        ("a.PulsarConsumer.-partition-3.c.numMsgsReceived", None),
        ("a.PulsarConsumer.t-partition-x.c.numMsgsReceived", None),
    ] {
        assert_eq!(partition(name).as_deref(), expected, "{name}");
    }
}

#[test]
fn a_partition_counts_once() {
    let names = [
        "0.a.KafkaSourceReader.topic.t.partition.0.currentOffset",
        "1.a.KafkaSourceReader.topic.t.partition.0.currentOffset",
        "a.KafkaSourceReader.topic.t.partition.0.committedOffset",
        "a.KafkaSourceReader.topic.t.partition.1.currentOffset",
        "a.PulsarConsumer.t-partition-0.x.numMsgsReceived",
        "numRecordsIn",
    ];
    assert_eq!(partitions(&names.map(str::to_owned)), 3);
}

#[test]
fn of_several_names_the_operators_own_is_chosen_in_any_order() {
    let mut names = [
        "busyTimeMsPerSecond",
        "backPressuredTimeMsPerSecond",
        "Source__b.reader.numRecordsIn",
        "Source__b.numRecordsIn",
        "Source__c.numRecordsIn",
        "Source__b.numRecordsInPerSecond",
        "Source__b.pendingRecords",
        "x.pendingRecords",
    ]
    .map(str::to_owned);
    let expected = VertexNames::choose(&names, true).unwrap();
    assert_eq!(expected.metric("Source__b.numRecordsIn"), Some(FlinkMetric::SourceTaskNumRecordsIn));
    assert_eq!(expected.names().iter().filter(|name| name.ends_with("pendingRecords")).count(), 2);
    assert_eq!(expected.names().len(), 6);
    names.reverse();
    let mut sorted = [expected, VertexNames::choose(&names, true).unwrap()].map(|chosen| chosen.names().to_vec());
    sorted.iter_mut().for_each(|names| names.sort());
    assert_eq!(sorted[0], sorted[1]);
}

#[test]
fn ship_strategies_are_those_of_the_reference() {
    for case in cases("oracle_ship_strategy") {
        let strategy = ShipStrategy::from_name(case["in"].as_str().unwrap());
        assert_eq!(format!("{strategy:?}").to_uppercase(), case["expected"].as_str().unwrap());
    }
}
