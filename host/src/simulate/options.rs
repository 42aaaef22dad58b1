//! How a simulated cluster behaves.

use std::time::Duration;

/// The cluster around the jobs. The default is a kind one: what it says is true at once.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterOptions {
    /// The version that it says it has.
    pub flink_version: String,
    /// How many TaskManagers it has.
    pub task_managers: u32,
    /// Slots of each.
    pub slots_per_task_manager: u32,
    /// From the beginning of a rescale until the job runs again.
    pub downtime: Duration,
    /// How much longer a job waits that did not get all slots that it may use
    /// (`jobmanager.adaptive-scheduler.resource-stabilization-timeout`).
    pub resource_wait: Duration,
    /// The least time between a job's start and its next rescale
    /// (`jobmanager.adaptive-scheduler.scaling-interval.min`).
    pub cooldown: Duration,
    /// Trap: meters are means of a moving window (60 s in Flink) that begins empty at each start, which
    /// under-reports rates until it is full. Absent: meters show the present.
    pub meter_window: Option<Duration>,
    /// Trap: a job's graph and metrics are answered from a picture up to this old.
    pub stale: Duration,
    /// Waited for before every answer, on the machine's clock: a cluster that is far away.
    pub latency: Duration,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            flink_version: "1.20.5".to_owned(),
            task_managers: 8,
            slots_per_task_manager: 8,
            downtime: Duration::from_millis(1500),
            resource_wait: Duration::from_secs(10),
            cooldown: Duration::ZERO,
            meter_window: None,
            stale: Duration::ZERO,
            latency: Duration::ZERO,
        }
    }
}

/// What every TaskManager's metrics say. Bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskManager {
    /// Heap in use.
    pub heap_used: f64,
    /// The most heap that it can have.
    pub heap_max: f64,
    /// Managed memory in use.
    pub managed_used: f64,
    /// All managed memory.
    pub managed_total: f64,
    /// Metaspace in use.
    pub metaspace_used: f64,
    /// The most metaspace that it can have.
    pub metaspace_max: f64,
    /// Milliseconds of garbage collection in each second. Absent: the metric does not exist, as before Flink 1.19.
    pub gc_ms_per_second: Option<f64>,
}

impl Default for TaskManager {
    fn default() -> Self {
        const MIB: f64 = 1024.0 * 1024.0;
        Self {
            heap_used: 180.0 * MIB,
            heap_max: 495.0 * MIB,
            managed_used: 0.0,
            managed_total: 32.0 * MIB,
            metaspace_used: 41.0 * MIB,
            metaspace_max: 256.0 * MIB,
            gc_ms_per_second: Some(2.0),
        }
    }
}
