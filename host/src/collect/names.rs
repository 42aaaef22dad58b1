//! Which of a vertex' many metrics are asked for, and what their names tell about a source.

use std::collections::BTreeSet;

/// What the metrics of a vertex mean to the autoscaler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FlinkMetric {
    BusyTimePerSec,
    BackpressureTimePerSec,
    SourceTaskNumRecordsInPerSec,
    SourceTaskNumRecordsIn,
    SourceTaskNumRecordsOut,
    SourceTaskNumRecordsOutPerSec,
    PendingRecords,
    NumRecordsInPerSec,
}

/// How Flink names a metric.
enum Name {
    Exactly(&'static str),
    /// Of a source operator: starts with `Source__` and ends with this.
    OfSource(&'static str),
    Ending(&'static str),
}

/// The metrics of one vertex that are worth asking for, with Flink's names for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct VertexNames {
    metrics: Vec<FlinkMetric>,
    names: Vec<String>,
}

/// What a source must have to be judged.
const REQUIRED_OF_SOURCES: [FlinkMetric; 4] = [
    FlinkMetric::BusyTimePerSec,
    FlinkMetric::BackpressureTimePerSec,
    FlinkMetric::SourceTaskNumRecordsInPerSec,
    FlinkMetric::SourceTaskNumRecordsIn,
];

impl VertexNames {
    /// Chooses among all the names of a vertex.
    ///
    /// # Errors
    /// The first required metric that has no name.
    pub(super) fn choose(all: &[String], is_source: bool) -> Result<Self, FlinkMetric> {
        let mut chosen = Self::default();
        if is_source {
            for metric in REQUIRED_OF_SOURCES {
                chosen.require(metric, all)?;
            }
            chosen.add_if_any(FlinkMetric::SourceTaskNumRecordsOut, all);
            // A source may count what is pending in several places.
            for name in all.iter().filter(|name| FlinkMetric::PendingRecords.is_named(name)) {
                chosen.add(FlinkMetric::PendingRecords, name);
            }
        } else {
            chosen.require(FlinkMetric::BusyTimePerSec, all)?;
            chosen.add_if_any(FlinkMetric::NumRecordsInPerSec, all);
        }
        Ok(chosen)
    }

    /// The names, to ask for.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// What the metric of that name means.
    pub(super) fn metric(&self, name: &str) -> Option<FlinkMetric> {
        let place = self.names.iter().position(|asked| asked == name)?;
        self.metrics.get(place).copied()
    }

    fn require(&mut self, metric: FlinkMetric, all: &[String]) -> Result<(), FlinkMetric> {
        if self.add_if_any(metric, all) { Ok(()) } else { Err(metric) }
    }

    /// Of several names takes the same one in every pass, whatever their order, lest two counters look like one: the
    /// shortest is the operator's own.
    fn add_if_any(&mut self, metric: FlinkMetric, all: &[String]) -> bool {
        let name = all.iter().filter(|name| metric.is_named(name)).min_by_key(|name| (name.len(), name.as_str()));
        if let Some(name) = name {
            self.add(metric, name);
        }
        name.is_some()
    }

    fn add(&mut self, metric: FlinkMetric, name: &str) {
        self.metrics.push(metric);
        self.names.push(name.to_owned());
    }
}

impl FlinkMetric {
    /// Every metric, in the order of declaration.
    pub(super) const ALL: [Self; 8] = [
        Self::BusyTimePerSec,
        Self::BackpressureTimePerSec,
        Self::SourceTaskNumRecordsInPerSec,
        Self::SourceTaskNumRecordsIn,
        Self::SourceTaskNumRecordsOut,
        Self::SourceTaskNumRecordsOutPerSec,
        Self::PendingRecords,
        Self::NumRecordsInPerSec,
    ];

    /// The name in the Java autoscaler.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BusyTimePerSec => "BUSY_TIME_PER_SEC",
            Self::BackpressureTimePerSec => "BACKPRESSURE_TIME_PER_SEC",
            Self::SourceTaskNumRecordsInPerSec => "SOURCE_TASK_NUM_RECORDS_IN_PER_SEC",
            Self::SourceTaskNumRecordsIn => "SOURCE_TASK_NUM_RECORDS_IN",
            Self::SourceTaskNumRecordsOut => "SOURCE_TASK_NUM_RECORDS_OUT",
            Self::SourceTaskNumRecordsOutPerSec => "SOURCE_TASK_NUM_RECORDS_OUT_PER_SEC",
            Self::PendingRecords => "PENDING_RECORDS",
            Self::NumRecordsInPerSec => "NUM_RECORDS_IN_PER_SEC",
        }
    }

    /// Whether Flink's metric `name` is this one.
    pub(super) fn is_named(self, name: &str) -> bool {
        match self.flink_name() {
            Name::Exactly(exact) => name == exact,
            Name::OfSource(end) => name.starts_with("Source__") && name.ends_with(end),
            Name::Ending(end) => name.ends_with(end),
        }
    }

    fn flink_name(self) -> Name {
        match self {
            Self::BusyTimePerSec => Name::Exactly("busyTimeMsPerSecond"),
            Self::BackpressureTimePerSec => Name::Exactly("backPressuredTimeMsPerSecond"),
            Self::SourceTaskNumRecordsInPerSec => Name::OfSource(".numRecordsInPerSecond"),
            Self::SourceTaskNumRecordsIn => Name::OfSource(".numRecordsIn"),
            Self::SourceTaskNumRecordsOut => Name::OfSource(".numRecordsOut"),
            Self::SourceTaskNumRecordsOutPerSec => Name::OfSource(".numRecordsOutPerSecond"),
            Self::PendingRecords => Name::Ending(".pendingRecords"),
            Self::NumRecordsInPerSec => Name::Exactly("numRecordsInPerSecond"),
        }
    }
}

/// How many partitions a source's metrics tell of; 0 where they tell of none.
pub(super) fn partitions(names: &[String]) -> u32 {
    let distinct: BTreeSet<String> = names.iter().filter_map(|name| partition(name)).collect();
    u32::try_from(distinct.len()).unwrap_or(u32::MAX)
}

/// The partition that a metric belongs to: the same text for every metric of the same partition.
pub(super) fn partition(name: &str) -> Option<String> {
    kafka_partition(name).or_else(|| pulsar_partition(name))
}

/// `…[.kafkaCluster.<cluster>].KafkaSourceReader.topic.<topic>.partition.<digits>.currentOffset`; of several places
/// where that could begin, the first one.
fn kafka_partition(name: &str) -> Option<String> {
    const CLUSTER: &str = ".kafkaCluster.";
    const TOPIC: &str = ".KafkaSourceReader.topic.";
    let (head, number) = name.strip_suffix(".currentOffset")?.rsplit_once(".partition.")?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (before, topic) = head.split_once(TOPIC)?;
    let in_cluster = before.find(CLUSTER).and_then(|start| {
        let (cluster, topic) = head.get(start + CLUSTER.len()..)?.rsplit_once(TOPIC)?;
        (!cluster.is_empty() && !topic.is_empty()).then_some((cluster, topic))
    });
    let (cluster, topic) = in_cluster.unwrap_or(("null", topic));
    (!topic.is_empty()).then(|| format!("{cluster}-{topic}-{number}"))
}

/// `….PulsarConsumer.<topic>-partition-<digits>.….numMsgsReceived`; of several places where the number could be, the
/// last one.
fn pulsar_partition(name: &str) -> Option<String> {
    const CONSUMER: &str = ".PulsarConsumer.";
    const PARTITION: &str = "-partition-";
    let name = name.strip_suffix(".numMsgsReceived")?;
    name.rmatch_indices(CONSUMER).find_map(|(start, _)| {
        let consumer = name.get(start + CONSUMER.len()..)?;
        consumer.rmatch_indices(PARTITION).find_map(|(end, _)| {
            let (topic, rest) = (consumer.get(..end)?, consumer.get(end + PARTITION.len()..)?);
            let (number, _) = rest.split_once('.')?;
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            (is_number && !topic.is_empty()).then(|| format!("{topic}-{number}"))
        })
    })
}
