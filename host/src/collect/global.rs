//! Metrics of the JobManager and the TaskManagers -> collected metrics of the whole job.

use crate::flink::Aggregate;
use crate::model::{GlobalMetric, GlobalMetrics};

pub(super) const SLOTS_TOTAL: &str = "taskSlotsTotal";
pub(super) const SLOTS_AVAILABLE: &str = "taskSlotsAvailable";

pub(super) const HEAP_MAX: &str = "Status.JVM.Memory.Heap.Max";
pub(super) const HEAP_USED: &str = "Status.JVM.Memory.Heap.Used";
pub(super) const MANAGED_USED: &str = "Status.Flink.Memory.Managed.Used";
pub(super) const METASPACE_USED: &str = "Status.JVM.Memory.Metaspace.Used";
/// Not there before Flink 1.19.
pub(super) const GC_TIME: &str = "Status.JVM.GarbageCollector.All.TimeMsPerSecond";

/// What is asked of the JobManager.
pub(super) const JOB_MANAGER_METRICS: [&str; 2] = [SLOTS_TOTAL, SLOTS_AVAILABLE];
/// What every TaskManager must have.
pub(super) const TASK_MANAGER_METRICS: [&str; 4] = [HEAP_MAX, HEAP_USED, MANAGED_USED, METASPACE_USED];
/// The same, and what only later versions have.
pub(super) const TASK_MANAGER_METRICS_WITH_GC: [&str; 5] = [HEAP_MAX, HEAP_USED, MANAGED_USED, METASPACE_USED, GC_TIME];

/// The collected metrics of the whole job. What was not answered is left out.
pub(super) fn global_metrics(job_manager: &[(String, f64)], task_managers: &[Aggregate]) -> GlobalMetrics {
    let slots = |name| job_manager.iter().find(|(id, _)| id == name).map(|(_, value)| *value);
    let most = |name| task_managers.iter().find(|metric| metric.id == name).map(|metric| metric.max);
    let mut collected = GlobalMetrics::default();
    let mut put = |metric, value: Option<f64>| {
        if let Some(value) = value {
            collected.set(metric, value);
        }
    };
    if let (Some(total), Some(available)) = (slots(SLOTS_TOTAL), slots(SLOTS_AVAILABLE)) {
        put(GlobalMetric::NumTaskSlotsUsed, Some(total - available));
    }
    put(GlobalMetric::GcPressure, most(GC_TIME).map(|time| time / 1000.0));
    if let (Some(max), Some(used)) = (most(HEAP_MAX), most(HEAP_USED)) {
        put(GlobalMetric::HeapMemoryUsed, Some(used));
        // The fullest TaskManager need not be the one with the largest heap.
        put(GlobalMetric::HeapMaxUsageRatio, Some(used / max));
    }
    put(GlobalMetric::ManagedMemoryUsed, most(MANAGED_USED));
    put(GlobalMetric::MetaspaceMemoryUsed, most(METASPACE_USED));
    collected
}
