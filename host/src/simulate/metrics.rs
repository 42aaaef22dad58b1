//! The metrics of a vertex: their names, and their values over its subtasks.

use std::fmt::Write;

use super::VertexShape;
use super::engine::JobState;
use super::meter::Totals;

/// One metric over all subtasks, as Flink aggregates it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Aggregated {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) avg: f64,
    pub(super) sum: f64,
    /// Mean distance from the mean, in percent of it.
    pub(super) skew: f64,
}

/// The names of all metrics of a vertex, in no order, as Flink lists them.
pub(super) fn names(vertex: &VertexShape) -> Vec<String> {
    let operator = operator(&vertex.name);
    let mut names: Vec<String> = TASK.iter().map(|(name, _)| (*name).to_owned()).collect();
    names.extend(UNMODELLED.iter().map(|name| (*name).to_owned()));
    names.extend(OPERATOR.iter().map(|(name, _)| format!("{operator}.{name}")));
    if vertex.log().is_none() {
        names.extend(UNMODELLED_WITH_INPUTS.iter().map(|name| (*name).to_owned()));
        names.extend(WITH_INPUTS.iter().map(|(name, _)| format!("{operator}.{name}")));
    }
    if let Some(log) = vertex.log() {
        names.extend(SOURCE.iter().map(|(name, _)| format!("{operator}.{name}")));
        names.extend((0..log.partitions).map(|number| {
            let mut name = offset_prefix(&operator, &log.topic);
            let _ = write!(name, "{number}.currentOffset");
            name
        }));
    }
    names
}

/// The metric called `name` of the vertex at `index`: `None` if it has no such metric, `Some(None)` if the metric is
/// no number.
pub(super) fn value(job: &JobState, index: usize, name: &str) -> Option<Option<Aggregated>> {
    let shape = job.shape().vertices.get(index)?;
    let vertex = job.vertices().get(index)?;
    let metric = find(shape, name)?;
    let rates = vertex.meters.rates();
    let uptime = job.uptime_ms();
    let source = vertex.source.and_then(|number| job.source(number));
    let is_source = source.is_some();
    let is_sink = !job.shape().vertices.iter().flat_map(|other| other.inputs()).any(|input| input.from == index);
    let each = |value: &dyn Fn(f64) -> f64| aggregate(vertex.subtasks.shares().iter().map(|share| value(*share)));
    let rate = |value: &dyn Fn(Totals, f64) -> f64| each(&|share| rates.map_or(0.0, |rates| value(rates, share)));
    let totals = vertex.totals;
    Some(Some(match metric {
        // Flink derives the busy time from the other two, which nothing has added to in a fresh task.
        Metric::BusyPerSecond => each(&|share| rates.map_or(1000.0, |rates| share * rates.busy_ms)),
        Metric::BlockedPerSecond => rate(&|rates, share| blocked(rates, share)),
        Metric::IdlePerSecond => rate(&|rates, share| 1000.0 - share * rates.busy_ms - blocked(rates, share)),
        Metric::Busy => each(&|share| share * totals.busy_ms),
        Metric::Blocked => each(&|share| blocked(totals, share)),
        Metric::Idle => each(&|share| (uptime - share * totals.busy_ms - blocked(totals, share)).max(0.0)),
        Metric::TaskIn if is_source => each(&|_| 0.0),
        Metric::TaskInPerSecond if is_source => each(&|_| 0.0),
        Metric::TaskIn | Metric::OperatorIn => each(&|share| (share * totals.records_in).floor()),
        Metric::TaskInPerSecond | Metric::OperatorInPerSecond => rate(&|rates, share| share * rates.records_in),
        // A sink's operator counts what it hands to the outside world; its task sends nothing.
        Metric::OperatorOut if is_sink => each(&|share| (share * totals.records_in).floor()),
        Metric::OperatorOutPerSecond if is_sink => rate(&|rates, share| share * rates.records_in),
        Metric::TaskOut | Metric::OperatorOut => each(&|share| (share * totals.records_out).floor()),
        Metric::TaskOutPerSecond | Metric::OperatorOutPerSecond => rate(&|rates, share| share * rates.records_out),
        Metric::Pending => each(&|share| source.map_or(0.0, |source| (share * source.lag).floor())),
        Metric::Offset { partitions } => {
            let offset = source.map_or(0.0, |source| (source.read / f64::from(partitions)).floor());
            aggregate(std::iter::once(offset))
        }
        Metric::Zero => each(&|_| 0.0),
        Metric::NoNumber => return Some(None),
    }))
}

/// The name of an operator as it stands in metric names.
fn operator(name: &str) -> String {
    name.chars().map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '_' }).collect()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Metric {
    BusyPerSecond,
    BlockedPerSecond,
    IdlePerSecond,
    Busy,
    Blocked,
    Idle,
    TaskIn,
    TaskOut,
    TaskInPerSecond,
    TaskOutPerSecond,
    OperatorIn,
    OperatorOut,
    OperatorInPerSecond,
    OperatorOutPerSecond,
    Pending,
    Offset { partitions: u32 },
    Zero,
    NoNumber,
}

const TASK: &[(&str, Metric)] = &[
    ("busyTimeMsPerSecond", Metric::BusyPerSecond),
    ("backPressuredTimeMsPerSecond", Metric::BlockedPerSecond),
    ("hardBackPressuredTimeMsPerSecond", Metric::BlockedPerSecond),
    ("softBackPressuredTimeMsPerSecond", Metric::Zero),
    ("idleTimeMsPerSecond", Metric::IdlePerSecond),
    ("accumulateBusyTimeMs", Metric::Busy),
    ("accumulateBackPressuredTimeMs", Metric::Blocked),
    ("accumulateIdleTimeMs", Metric::Idle),
    ("numRecordsIn", Metric::TaskIn),
    ("numRecordsOut", Metric::TaskOut),
    ("numRecordsInPerSecond", Metric::TaskInPerSecond),
    ("numRecordsOutPerSecond", Metric::TaskOutPerSecond),
    ("isBackPressured", Metric::NoNumber),
];

const OPERATOR: &[(&str, Metric)] = &[
    ("numRecordsIn", Metric::OperatorIn),
    ("numRecordsOut", Metric::OperatorOut),
    ("numRecordsInPerSecond", Metric::OperatorInPerSecond),
    ("numRecordsOutPerSecond", Metric::OperatorOutPerSecond),
    ("numBytesIn", Metric::Zero),
    ("numBytesOut", Metric::Zero),
    ("numBytesInPerSecond", Metric::Zero),
    ("numBytesOutPerSecond", Metric::Zero),
    ("currentOutputWatermark", Metric::Zero),
];

const SOURCE: &[(&str, Metric)] = &[
    ("pendingRecords", Metric::Pending),
    ("currentEmitEventTimeLag", Metric::Zero),
    ("numRecordsInErrors", Metric::Zero),
    ("sourceIdleTime", Metric::Zero),
    ("watermarkLag", Metric::Zero),
];

/// What only an operator with inputs has.
const WITH_INPUTS: &[(&str, Metric)] = &[("currentInputWatermark", Metric::Zero)];

/// What only a task with inputs has; all 0 here.
const UNMODELLED_WITH_INPUTS: &[&str] = &["checkpointAlignmentTime", "currentInputWatermark"];

/// What Flink 1.20 lists of a task besides; all 0 here.
const UNMODELLED: &[&str] = &[
    "Shuffle.Netty.Input.Buffers.inPoolUsage",
    "Shuffle.Netty.Input.Buffers.inputExclusiveBuffersUsage",
    "Shuffle.Netty.Input.Buffers.inputFloatingBuffersUsage",
    "Shuffle.Netty.Input.Buffers.inputQueueLength",
    "Shuffle.Netty.Input.Buffers.inputQueueSize",
    "Shuffle.Netty.Input.numBuffersInLocal",
    "Shuffle.Netty.Input.numBuffersInLocalPerSecond",
    "Shuffle.Netty.Input.numBuffersInRemote",
    "Shuffle.Netty.Input.numBuffersInRemotePerSecond",
    "Shuffle.Netty.Input.numBytesInLocal",
    "Shuffle.Netty.Input.numBytesInLocalPerSecond",
    "Shuffle.Netty.Input.numBytesInRemote",
    "Shuffle.Netty.Input.numBytesInRemotePerSecond",
    "Shuffle.Netty.Output.Buffers.outPoolUsage",
    "Shuffle.Netty.Output.Buffers.outputQueueLength",
    "Shuffle.Netty.Output.Buffers.outputQueueSize",
    "buffers.inPoolUsage",
    "buffers.inputExclusiveBuffersUsage",
    "buffers.inputFloatingBuffersUsage",
    "buffers.inputQueueLength",
    "buffers.inputQueueSize",
    "buffers.outPoolUsage",
    "buffers.outputQueueLength",
    "buffers.outputQueueSize",
    "changelogBusyTimeMsPerSecond",
    "checkpointStartDelayNanos",
    "initializationTime",
    "mailboxLatencyMs_max",
    "mailboxLatencyMs_mean",
    "mailboxLatencyMs_median",
    "mailboxLatencyMs_min",
    "mailboxLatencyMs_p75",
    "mailboxLatencyMs_p90",
    "mailboxLatencyMs_p95",
    "mailboxLatencyMs_p98",
    "mailboxLatencyMs_p99",
    "mailboxLatencyMs_p999",
    "mailboxLatencyMs_stddev",
    "mailboxMailsPerSecond",
    "mailboxQueueSize",
    "maxHardBackPressureTimeMs",
    "maxSoftBackPressureTimeMs",
    "numBuffersInLocal",
    "numBuffersInLocalPerSecond",
    "numBuffersInRemote",
    "numBuffersInRemotePerSecond",
    "numBuffersOut",
    "numBuffersOutPerSecond",
    "numBytesIn",
    "numBytesInLocal",
    "numBytesInLocalPerSecond",
    "numBytesInPerSecond",
    "numBytesInRemote",
    "numBytesInRemotePerSecond",
    "numBytesOut",
    "numBytesOutPerSecond",
    "numFiredTimers",
    "numFiredTimersPerSecond",
];

fn find(vertex: &VertexShape, name: &str) -> Option<Metric> {
    let within = |table: &[(&str, Metric)], name: &str| {
        table.iter().find(|(known, _)| *known == name).map(|(_, metric)| *metric)
    };
    if let Some(metric) = within(TASK, name) {
        return Some(metric);
    }
    let operator = operator(&vertex.name);
    if let Some(name) = name.strip_prefix(&operator).and_then(|name| name.strip_prefix('.')) {
        let special = if vertex.log().is_some() { SOURCE } else { WITH_INPUTS };
        if let Some(metric) = within(OPERATOR, name).or_else(|| within(special, name)) {
            return Some(metric);
        }
    }
    if let Some(log) = vertex.log()
        && let Some(number) = name.strip_prefix(&offset_prefix(&operator, &log.topic))
        && let Some(number) = number.strip_suffix(".currentOffset").and_then(|number| number.parse::<u32>().ok())
    {
        return (number < log.partitions).then_some(Metric::Offset { partitions: log.partitions });
    }
    let unmodelled = UNMODELLED.contains(&name) || (vertex.log().is_none() && UNMODELLED_WITH_INPUTS.contains(&name));
    unmodelled.then_some(Metric::Zero)
}

fn offset_prefix(operator: &str, topic: &str) -> String {
    format!("{operator}.KafkaSourceReader.topic.{topic}.partition.")
}

/// The time in which a subtask with this share waited for a later vertex.
fn blocked(times: Totals, share: f64) -> f64 {
    times.blocked_ms - share * times.busy_while_blocked_ms
}

fn aggregate(values: impl Iterator<Item = f64> + Clone) -> Aggregated {
    let (mut min, mut max, mut sum, mut count) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0.0);
    for value in values.clone() {
        min = value.min(min);
        max = value.max(max);
        sum += value;
        count += 1.0;
    }
    let avg = sum / count;
    let skew = if avg == 0.0 || min == max {
        0.0
    } else {
        100.0 * values.map(|value| (value - avg).abs()).sum::<f64>() / count / avg
    };
    Aggregated { min, max, avg, sum, skew }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;
    use tidegate_common::time::Timestamp;

    use super::*;
    use crate::model::ShipStrategy::{Hash, Rebalance};
    use crate::simulate::{ClusterOptions, JobShape, Load};

    fn job(rate: f64, parallelism: u32) -> JobState {
        let shape = JobShape::new("x")
            .with(VertexShape::source("orders", 1000.0, 4, Load::Constant(rate)).parallelism(parallelism))
            .with(VertexShape::operator("enrich: all", 100.0).input(0, Hash, 1.0).parallelism(parallelism))
            .with(VertexShape::operator("out: Writer", 1000.0).input(1, Rebalance, 2.0));
        JobState::new(Arc::new(shape), &ClusterOptions::default(), Timestamp::from_millis(0))
    }

    fn sum(job: &JobState, index: usize, name: &str) -> f64 {
        value(job, index, name).flatten().map(|aggregated| aggregated.sum).unwrap()
    }

    #[test]
    fn every_listed_metric_has_an_answer() {
        let job = job(50.0, 2);
        for (index, vertex) in job.shape().vertices.iter().enumerate() {
            let names = names(vertex);
            for name in &names {
                assert!(value(&job, index, name).is_some(), "{name}");
            }
            assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
        }
        for unknown in ["", "noSuchMetric", "Source__orders.KafkaSourceReader.topic.orders.partition.4.currentOffset"] {
            assert_eq!(value(&job, 0, unknown), None);
        }
    }

    #[test]
    fn metrics_say_what_happened() {
        let mut job = job(50.0, 1);
        job.advance(Timestamp::from_millis(10_000), 0);
        for (index, name, expected) in [
            (0, "numRecordsIn", 0.0),
            (0, "Source__orders.numRecordsIn", 500.0),
            (0, "Source__orders.numRecordsInPerSecond", 50.0),
            (0, "Source__orders.pendingRecords", 0.0),
            (0, "Source__orders.KafkaSourceReader.topic.orders.partition.3.currentOffset", 125.0),
            (1, "numRecordsIn", 500.0),
            (1, "enrich__all.numRecordsIn", 500.0),
            (1, "numRecordsOut", 1000.0),
            (1, "busyTimeMsPerSecond", 500.0),
            (1, "idleTimeMsPerSecond", 500.0),
            (1, "accumulateBusyTimeMs", 5000.0),
            (2, "numRecordsIn", 1000.0),
            (2, "numRecordsOut", 0.0),
            (2, "out__Writer.numRecordsOut", 1000.0),
        ] {
            assert!((sum(&job, index, name) - expected).abs() < 1.5, "{name}: {}", sum(&job, index, name));
        }
    }

    #[test]
    fn a_held_back_source_shows_backpressure_and_lag() {
        let mut job = job(150.0, 1);
        job.advance(Timestamp::from_millis(10_000), 0);
        for (index, name, expected) in [
            (0, "Source__orders.pendingRecords", 500.0),
            (0, "busyTimeMsPerSecond", 100.0),
            (0, "backPressuredTimeMsPerSecond", 900.0),
            (1, "busyTimeMsPerSecond", 1000.0),
            (1, "backPressuredTimeMsPerSecond", 0.0),
        ] {
            assert!((sum(&job, index, name) - expected).abs() < 1.5, "{name}: {}", sum(&job, index, name));
        }
    }

    proptest! {
        #[test]
        fn a_second_is_busy_idle_or_backpressured(rate in 0.0f64..1e5, parallelism in 1u32..9, seconds in 1i64..40) {
            for window in [None, Some(Duration::from_secs(6))] {
                let shape = Arc::new(job(rate, parallelism).shape().clone());
                let options = ClusterOptions { meter_window: window, ..ClusterOptions::default() };
                let mut job = JobState::new(shape, &options, Timestamp::from_millis(0));
                job.advance(Timestamp::from_millis(seconds * 1000), 0);
                for index in 0..3 {
                    let get = |name| value(&job, index, name).flatten().unwrap();
                    let parts = ["busyTimeMsPerSecond", "idleTimeMsPerSecond", "backPressuredTimeMsPerSecond"].map(get);
                    let all: f64 = parts.iter().map(|part| part.avg).sum();
                    prop_assert!((all - 1000.0).abs() < 1e-3, "{}", all);
                    prop_assert!(parts.iter().all(|part| part.min >= -1e-3 && part.max <= 1000.001), "{:?}", parts);
                }
            }
        }
    }
}
