//! Every option that the autoscaler reads, under Flink's and FLIP-334's own keys.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::configuration::ConfigOption;
use crate::value::{MemorySize, Value};

/// What the canonical keys of the autoscaler's own options start with.
pub const PREFIX: &str = "job.autoscaler.";
/// What the fallback keys of the autoscaler's own options start with.
pub const FALLBACK_PREFIX: &str = "kubernetes.operator.job.autoscaler.";

/// Which subtask's busy time stands for the vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusyTimeAggregator {
    /// The mean of all subtasks, from the accumulated busy time.
    Avg,
    /// The busiest subtask.
    Max,
    /// The least busy subtask.
    Min,
}

impl Value for BusyTimeAggregator {
    const EXPECTED: &'static str = "one of AVG, MAX, MIN";

    fn parse(text: &str) -> Option<Self> {
        let named = [("AVG", Self::Avg), ("MAX", Self::Max), ("MIN", Self::Min)];
        named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, mode)| mode)
    }
}

/// How the deprecated alignment chooses a parallelism near the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyGroupOrPartitionsAdjustMode {
    /// Only where every subtask gets equally many key groups or partitions.
    EvenlySpread,
    /// Also where merely the most loaded subtask gets fewer of them.
    MaximizeUtilisation,
}

impl Value for KeyGroupOrPartitionsAdjustMode {
    const EXPECTED: &'static str = "one of EVENLY_SPREAD, MAXIMIZE_UTILISATION";

    fn parse(text: &str) -> Option<Self> {
        let named = [("EVENLY_SPREAD", Self::EvenlySpread), ("MAXIMIZE_UTILISATION", Self::MaximizeUtilisation)];
        named.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, mode)| mode)
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 3600;

macro_rules! autoscaler_options {
    ($keys:ident; $($(#[$doc:meta])+ $name:ident: $type:ty = $key:literal, $default:expr;)+) => {
        $(
            $(#[$doc])+
            pub const $name: ConfigOption<$type> = ConfigOption::new(
                concat!("job.autoscaler.", $key),
                &[concat!("kubernetes.operator.job.autoscaler.", $key)],
                &[],
                $default,
            );
        )+

        /// The canonical keys of this group.
        const $keys: &[&str] = &[$(concat!("job.autoscaler.", $key)),+];
    };
}

macro_rules! flink_options {
    ($($(#[$doc:meta])+ $name:ident: $type:ty = $key:literal, $default:expr;)+) => {
        $(
            $(#[$doc])+
            pub const $name: ConfigOption<$type> = ConfigOption::new($key, &[], &[], $default);
        )+
    };
}

// Whether and when a job is scaled.
autoscaler_options! {
    WHEN;
    /// Whether the autoscaler looks at the job at all.
    ENABLED: bool = "enabled", false;
    /// Whether decisions are applied; else they are only reported.
    SCALING_ENABLED: bool = "scaling.enabled", true;
    /// How long the metric window is.
    METRICS_WINDOW: Duration = "metrics.window", Duration::from_secs(15 * MINUTE);
    /// How long after its start a job is left alone.
    STABILIZATION_INTERVAL: Duration = "stabilization.interval", Duration::from_secs(5 * MINUTE);
    /// Daily periods and Quartz cron expressions during which nothing is scaled.
    EXCLUDED_PERIODS: Vec<String> = "excluded.periods", Vec::new();
    /// Vertices that are never scaled: their ids.
    VERTEX_EXCLUDE_IDS: Vec<String> = "vertex.exclude.ids", Vec::new();
    /// How long an event is not repeated.
    SCALING_EVENT_INTERVAL: Duration = "scaling.event.interval", Duration::from_secs(30 * MINUTE);
}

// Utilisation and the limits of a scaling.
autoscaler_options! {
    LIMITS;
    /// How far the bounds are from the target where they are not given themselves. Deprecated.
    TARGET_UTILIZATION_BOUNDARY: f64 = "target.utilization.boundary", 0.3;
    /// The utilisation above which a vertex is scaled up.
    UTILIZATION_MAX: Option<f64> = "utilization.max", None;
    /// The utilisation below which a vertex is scaled down.
    UTILIZATION_MIN: Option<f64> = "utilization.min", None;
    /// The least parallelism that a vertex is scaled to.
    VERTEX_MIN_PARALLELISM: i32 = "vertex.min-parallelism", 1;
    /// The largest parallelism that a vertex is scaled to.
    VERTEX_MAX_PARALLELISM: i32 = "vertex.max-parallelism", 200;
    /// By which share of its parallelism a vertex is scaled down at most.
    MAX_SCALE_DOWN_FACTOR: f64 = "scale-down.max-factor", 0.6;
    /// By which multiple of its parallelism a vertex is scaled up at most.
    MAX_SCALE_UP_FACTOR: f64 = "scale-up.max-factor", 100_000.0;
}

/// The utilisation that scaling aims for.
pub const UTILIZATION_TARGET: ConfigOption<f64> = ConfigOption::new(
    "job.autoscaler.utilization.target",
    &["kubernetes.operator.job.autoscaler.utilization.target", "kubernetes.operator.job.autoscaler.target.utilization"],
    &["job.autoscaler.target.utilization"],
    0.7,
);

/// How long a scale-down is delayed, to be taken back or joined by others.
pub const SCALE_DOWN_INTERVAL: ConfigOption<Duration> = ConfigOption::new(
    "job.autoscaler.scale-down.interval",
    &[
        "kubernetes.operator.job.autoscaler.scale-up.grace-period",
        "kubernetes.operator.job.autoscaler.scale-down.interval",
    ],
    &["job.autoscaler.scale-up.grace-period"],
    Duration::from_secs(HOUR),
);

// Catch-up, restarts and how fast a vertex really is.
autoscaler_options! {
    RATES;
    /// In which time a backlog should be worked off; 0 leaves lag and restarts out of account.
    CATCH_UP_DURATION: Duration = "catch-up.duration", Duration::from_secs(30 * MINUTE);
    /// How long a restart is assumed to take.
    RESTART_TIME: Duration = "restart.time", Duration::from_secs(5 * MINUTE);
    /// Whether measured restart times are used.
    PREFER_TRACKED_RESTART_TIME: bool = "restart.time-tracking.enabled", false;
    /// The longest measured restart time that is believed.
    TRACKED_RESTART_TIME_LIMIT: Duration = "restart.time-tracking.limit", Duration::from_secs(15 * MINUTE);
    /// From which lag on a job counts as catching up.
    BACKLOG_PROCESSING_LAG_THRESHOLD: Duration = "backlog-processing.lag-threshold", Duration::from_secs(5 * MINUTE);
    /// From which lag on a source's true processing rate is observed.
    OBSERVED_TRUE_PROCESSING_RATE_LAG_THRESHOLD: Duration =
        "observed-true-processing-rate.lag-threshold", Duration::from_secs(30);
    /// By which share the rate from busy time must exceed the observed one for the latter to be used.
    OBSERVED_TRUE_PROCESSING_RATE_SWITCH_THRESHOLD: f64 = "observed-true-processing-rate.switch-threshold", 0.15;
    /// How many observations an observed true processing rate takes.
    OBSERVED_TRUE_PROCESSING_RATE_MIN_OBSERVATIONS: i32 = "observed-true-processing-rate.min-observations", 2;
    /// Which subtask's busy time stands for the vertex.
    BUSY_TIME_AGGREGATOR: BusyTimeAggregator = "metrics.busy-time.aggregator", BusyTimeAggregator::Max;
}

// What earlier scalings teach.
autoscaler_options! {
    EFFECT;
    /// Whether scale-ups that brought too little block further ones.
    SCALING_EFFECTIVENESS_DETECTION_ENABLED: bool = "scaling.effectiveness.detection.enabled", false;
    /// The share of the expected gain that makes a scale-up effective.
    SCALING_EFFECTIVENESS_THRESHOLD: f64 = "scaling.effectiveness.threshold", 0.1;
    /// How many scalings of a vertex are remembered.
    HISTORY_MAX_COUNT: i32 = "history.max.count", 3;
    /// How long scalings are remembered.
    HISTORY_MAX_AGE: Duration = "history.max.age", Duration::from_secs(24 * HOUR);
    /// Whether targets take into account how a vertex scaled in the past.
    OBSERVED_SCALABILITY_ENABLED: bool = "observed-scalability.enabled", false;
    /// How many scalings that takes.
    OBSERVED_SCALABILITY_MIN_OBSERVATIONS: i32 = "observed-scalability.min-observations", 3;
    /// The worst scalability that is believed.
    OBSERVED_SCALABILITY_COEFFICIENT_MIN: f64 = "observed-scalability.coefficient-min", 0.5;
}

// Alignment with key groups and partitions.
autoscaler_options! {
    ALIGNMENT;
    /// How parallelisms are aligned: BALANCED, EVENLY_SPREAD, OFF or a custom mode's name. Case sensitive.
    PARALLELISM_ALIGNMENT_MODE: Option<String> = "scaling.parallelism-alignment.mode", None;
    /// The deprecated alignment, in force only where it is given and the other is not.
    SCALING_KEY_GROUP_PARTITIONS_ADJUST_MODE: Option<KeyGroupOrPartitionsAdjustMode> =
        "scaling.key-group.partitions.adjust.mode", None;
}

// Memory and quotas.
autoscaler_options! {
    MEMORY;
    /// The share of time in garbage collection above which nothing is scaled.
    GC_PRESSURE_THRESHOLD: f64 = "memory.gc-pressure.threshold", 1.0;
    /// The heap usage above which nothing is scaled.
    HEAP_USAGE_THRESHOLD: f64 = "memory.heap-usage.threshold", 1.0;
    /// Whether memory tuning is applied.
    MEMORY_TUNING_ENABLED: bool = "memory.tuning.enabled", false;
    /// Whether the heap grows as TaskManagers become fewer.
    MEMORY_SCALING_ENABLED: bool = "memory.tuning.scale-down-compensation.enabled", true;
    /// What is added to measured memory, as a share of it.
    MEMORY_TUNING_OVERHEAD: f64 = "memory.tuning.overhead", 0.2;
    /// Whether managed memory takes all that is saved elsewhere.
    MEMORY_TUNING_MAXIMIZE_MANAGED_MEMORY: bool = "memory.tuning.maximize-managed-memory", false;
    /// The memory that all TaskManagers of the job may have.
    MEMORY_QUOTA: Option<MemorySize> = "quota.memory", None;
    /// The CPUs that all TaskManagers of the job may have.
    CPU_QUOTA: Option<f64> = "quota.cpu", None;
}

// Plug-ins and the REST client.
autoscaler_options! {
    PLUGINS;
    /// Names of custom evaluators, of which the first is used.
    CUSTOM_EVALUATORS: Vec<String> = "metrics.custom-evaluators", Vec::new();
    /// Names of custom executors.
    CUSTOM_EXECUTORS: Vec<String> = "scaling.custom-executors", Vec::new();
    /// How long a REST call may take.
    FLINK_CLIENT_TIMEOUT: Duration = "flink.rest-client.timeout", Duration::from_secs(10);
}

// Flink's own.
flink_options! {
    /// The parallelisms that the user has fixed, by vertex id.
    PARALLELISM_OVERRIDES: BTreeMap<String, String> = "pipeline.jobvertex-parallelism-overrides", BTreeMap::new();
    /// Slots of each TaskManager.
    NUM_TASK_SLOTS: i32 = "taskmanager.numberOfTaskSlots", 1;
    /// All memory of a TaskManager's process.
    TASK_MANAGER_PROCESS_MEMORY: Option<MemorySize> = "taskmanager.memory.process.size", None;
    /// All of Flink's memory in a TaskManager's process.
    TASK_MANAGER_FLINK_MEMORY: Option<MemorySize> = "taskmanager.memory.flink.size", None;
    /// Heap for Flink itself.
    FRAMEWORK_HEAP_MEMORY: MemorySize = "taskmanager.memory.framework.heap.size", MemorySize::from_bytes(128 << 20);
    /// Memory outside of the heap for Flink itself.
    FRAMEWORK_OFF_HEAP_MEMORY: MemorySize =
        "taskmanager.memory.framework.off-heap.size", MemorySize::from_bytes(128 << 20);
    /// Heap for tasks.
    TASK_HEAP_MEMORY: Option<MemorySize> = "taskmanager.memory.task.heap.size", None;
    /// Memory outside of the heap for tasks.
    TASK_OFF_HEAP_MEMORY: MemorySize = "taskmanager.memory.task.off-heap.size", MemorySize::from_bytes(0);
    /// Managed memory as a share of Flink's.
    MANAGED_MEMORY_FRACTION: f64 = "taskmanager.memory.managed.fraction", 0.4;
    /// Metaspace of the JVM.
    JVM_METASPACE: MemorySize = "taskmanager.memory.jvm-metaspace.size", MemorySize::from_bytes(256 << 20);
    /// What else the JVM needs, as a share of all memory.
    JVM_OVERHEAD_FRACTION: f64 = "taskmanager.memory.jvm-overhead.fraction", 0.1;
    /// The least overhead of the JVM.
    JVM_OVERHEAD_MIN: MemorySize = "taskmanager.memory.jvm-overhead.min", MemorySize::from_bytes(192 << 20);
    /// The most overhead of the JVM.
    JVM_OVERHEAD_MAX: MemorySize = "taskmanager.memory.jvm-overhead.max", MemorySize::from_bytes(1 << 30);
    /// Network buffers of each channel.
    NETWORK_BUFFERS_PER_CHANNEL: i32 = "taskmanager.network.memory.buffers-per-channel", 2;
    /// Network buffers that the channels of a gate share.
    NETWORK_FLOATING_BUFFERS_PER_GATE: i32 = "taskmanager.network.memory.floating-buffers-per-gate", 8;
    /// The size of a network buffer.
    MEMORY_SEGMENT_SIZE: MemorySize = "taskmanager.memory.segment-size", MemorySize::from_bytes(32 << 10);
    /// The scheduler, such as `Adaptive`.
    SCHEDULER: Option<String> = "jobmanager.scheduler", None;
}

/// Managed memory where it is not a share.
pub const MANAGED_MEMORY_SIZE: ConfigOption<Option<MemorySize>> =
    ConfigOption::new("taskmanager.memory.managed.size", &[], &["taskmanager.memory.size"], None);

/// Network memory as a share of Flink's.
pub const NETWORK_MEMORY_FRACTION: ConfigOption<f64> =
    ConfigOption::new("taskmanager.memory.network.fraction", &[], &["taskmanager.network.memory.fraction"], 0.1);
/// The least network memory.
pub const NETWORK_MEMORY_MIN: ConfigOption<MemorySize> = ConfigOption::new(
    "taskmanager.memory.network.min",
    &[],
    &["taskmanager.network.memory.min"],
    MemorySize::from_bytes(64 << 20),
);
/// The most network memory.
pub const NETWORK_MEMORY_MAX: ConfigOption<MemorySize> = ConfigOption::new(
    "taskmanager.memory.network.max",
    &[],
    &["taskmanager.network.memory.max"],
    MemorySize::from_bytes(i64::MAX as u64),
);

/// What the keys of options with parameters of their own start with.
const OPEN: [&str; 3] =
    ["metrics.custom-evaluator.", "scaling.custom-executor.", "scaling.parallelism-alignment.mode."];

/// The canonical key of every option of the autoscaler.
pub fn known_keys() -> impl Iterator<Item = &'static str> {
    [WHEN, LIMITS, RATES, EFFECT, ALIGNMENT, MEMORY, PLUGINS]
        .into_iter()
        .flatten()
        .copied()
        .chain([UTILIZATION_TARGET.key(), SCALE_DOWN_INTERVAL.key()])
}

/// Whether an option of the autoscaler is found under `key`: canonical, fallback or deprecated.
pub fn is_known(key: &str) -> bool {
    let special = UTILIZATION_TARGET.keys().chain(SCALE_DOWN_INTERVAL.keys());
    let name = key.strip_prefix(FALLBACK_PREFIX).or_else(|| key.strip_prefix(PREFIX));
    let by_name = name.is_some_and(|name| {
        let known = known_keys().any(|known| known.strip_prefix(PREFIX) == Some(name));
        known || OPEN.iter().any(|open| name.starts_with(open))
    });
    by_name || special.into_iter().any(|known| known == key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_is_known_by_each_of_its_keys() {
        assert_eq!(known_keys().count(), 45);
        for key in [
            "job.autoscaler.enabled",
            "kubernetes.operator.job.autoscaler.enabled",
            "job.autoscaler.target.utilization",
            "kubernetes.operator.job.autoscaler.scale-up.grace-period",
            "job.autoscaler.scaling.parallelism-alignment.mode.mine.class",
        ] {
            assert!(is_known(key), "{key}");
        }
        for key in ["job.autoscaler.enable", "job.autoscaler.", "enabled", "taskmanager.numberOfTaskSlots"] {
            assert!(!is_known(key), "{key}");
        }
    }
}
