//! The memory that a TaskManager would need, from what was used of it.

use std::time::Duration;

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::number::ceil_to_decimals;
use tidegate_common::options;
use tidegate_common::value::MemorySize;

use super::budget::MemoryBudget;
use super::network::Buffers;
use super::process::ProcessMemory;
use super::slots::{estimate_slots, task_managers};
use crate::decision::{Event, Severity};
use crate::topology::Topology;

/// Entries that would stand in the way of a recommendation.
const REMOVALS: &str = "[taskmanager.memory.flink.size, taskmanager.memory.managed.size, \
                        taskmanager.memory.task.heap.size, taskmanager.memory.size]";

/// How memory is tuned.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryTuning {
    process: ProcessMemory,
    buffers: Buffers,
    slots_per_task_manager: u64,
    overhead: f64,
    maximize_managed: bool,
    compensate: bool,
    enabled: bool,
}

/// What was used, averages over the window; NaN where it is not known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Bytes of heap on the fullest TaskManager.
    pub heap: f64,
    /// Bytes of managed memory on the fullest TaskManager.
    pub managed: f64,
    /// Bytes of metaspace on the fullest TaskManager.
    pub metaspace: f64,
    /// Slots in use.
    pub slots: u64,
}

/// What a TaskManager's memory should be, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Recommendation {
    /// All of it.
    pub total: u64,
    network: u64,
    metaspace: u64,
    managed_fraction: f32,
    overhead_fraction: f32,
}

impl MemoryTuning {
    /// Reads how; none if the memory of a TaskManager is not known.
    ///
    /// # Errors
    /// When an option cannot be read.
    pub fn read(configuration: &Configuration) -> Result<Option<Self>, InvalidValue> {
        let Some(process) = ProcessMemory::derive(configuration) else {
            return Ok(None);
        };
        let slots = configuration.read(&options::NUM_TASK_SLOTS)?;
        Ok(Some(Self {
            process,
            buffers: Buffers::read(configuration)?,
            slots_per_task_manager: u64::try_from(slots).unwrap_or(1).max(1),
            overhead: configuration.read(&options::MEMORY_TUNING_OVERHEAD)?,
            maximize_managed: configuration.read(&options::MEMORY_TUNING_MAXIMIZE_MANAGED_MEMORY)?,
            compensate: configuration.read(&options::MEMORY_SCALING_ENABLED)?,
            enabled: configuration.read(&options::MEMORY_TUNING_ENABLED)?,
        }))
    }

    /// Whether recommendations are meant to be applied.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Shares the memory out for a job whose vertices change from `current` to `new` parallelisms; none if nothing would
    /// be left.
    pub fn recommend(&self, topology: &Topology, current: &[u64], new: &[u64], usage: Usage) -> Option<Recommendation> {
        let old = self.process;
        let mut budget = MemoryBudget::new(old.total);
        budget.take(old.framework_off_heap);
        budget.take(old.task_off_heap);
        budget.take(old.overhead);
        let network = budget.take(self.buffers.bytes_per_slot(topology, new) * self.slots_per_task_manager);
        let metaspace = budget.take(self.with_overhead(usage.metaspace));
        let mut heap = budget.take(self.with_overhead(usage.heap));
        let managed = if whole(usage.managed) == 0 {
            0
        } else if self.maximize_managed {
            budget.take(budget.remaining())
        } else {
            budget.take(old.managed)
        };
        heap = self.compensated(heap, usage.slots, estimate_slots(current, new, usage.slots), &mut budget);
        let total = old.total - budget.remaining();
        let changed = |new: u64, old: u64| i128::from(new) - i128::from(old);
        let flink = i128::from(old.flink())
            + changed(heap, old.heap)
            + changed(managed, old.managed)
            + changed(network, old.network);
        (total > 0).then(|| Recommendation {
            total,
            network,
            metaspace,
            managed_fraction: fraction(managed, u64::try_from(flink).unwrap_or(0)),
            overhead_fraction: fraction(old.overhead, total),
        })
    }

    /// A heap that has to hold the state of the TaskManagers that go as well, as far as the budget allows.
    fn compensated(&self, heap: u64, slots_before: u64, slots_after: u64, budget: &mut MemoryBudget) -> u64 {
        if !self.compensate {
            return heap;
        }
        let task_managers = |slots| task_managers(slots, self.slots_per_task_manager) as f64;
        let factor = task_managers(slots_before) / task_managers(slots_after);
        let wanted = whole(factor.max(1.0) * heap as f64);
        heap + budget.take(wanted.saturating_sub(heap))
    }

    fn with_overhead(&self, used: f64) -> u64 {
        whole(whole(used) as f64 * (1.0 + self.overhead))
    }
}

impl Recommendation {
    /// The options that would have to be set, in Java's order.
    fn overrides(&self) -> [(&'static str, String); 7] {
        let size = |bytes| MemorySize::from_bytes(bytes).to_string();
        [
            ("taskmanager.memory.process.size", size(self.total)),
            ("taskmanager.memory.network.max", size(self.network)),
            ("taskmanager.memory.jvm-overhead.fraction", format!("{:?}", self.overhead_fraction)),
            ("taskmanager.memory.network.min", size(self.network)),
            ("taskmanager.memory.framework.heap.size", size(0)),
            ("taskmanager.memory.jvm-metaspace.size", size(self.metaspace)),
            ("taskmanager.memory.managed.fraction", format!("{:?}", self.managed_fraction)),
        ]
    }

    /// The event that tells it.
    pub fn event(&self, enabled: bool, interval: Duration) -> Event {
        let tuning = if enabled { "enabled" } else { "disabled" };
        let lines: Vec<String> = self.overrides().iter().map(|(key, value)| format!("{key}: {value}")).collect();
        Event {
            severity: Severity::Normal,
            reason: "Configuration recommendation",
            message: format!(
                "Memory tuning recommends the following configuration (automatic tuning is {tuning}):\n{}\nRemove the \
                 following config entries if present: {REMOVALS}",
                lines.join("\n")
            ),
            message_key: Some("MemoryTuning".to_owned()),
            interval: Some(interval),
        }
    }
}

/// Whole bytes; none for what is not known.
fn whole(bytes: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bytes are cut, NaN is none")]
    let whole = bytes as u64;
    whole
}

/// A share in single precision, rounded up to three decimals.
fn fraction(part: u64, whole: u64) -> f32 {
    let exact = f64::from(part as f32 / whole as f32);
    #[expect(clippy::cast_possible_truncation, reason = "single precision is the point")]
    let rounded = ceil_to_decimals(exact, 3).unwrap_or(0.0) as f32;
    rounded
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::evaluate::Demand;
    use crate::testing::{FakeView, cases, number};

    /// The parallelism after the decision: given, or that which the default options lead to.
    fn new_parallelism(vertex: &Value) -> u64 {
        vertex["new"].as_u64().unwrap_or_else(|| {
            let demand = Demand { target_data_rate: number(&vertex["target"]), catch_up_data_rate: 0.0 };
            let capacity = demand.capacity(0.7, true, 1800.0, 300.0);
            (capacity / number(&vertex["tpr"]) * number(&vertex["parallelism"])).ceil() as u64
        })
    }

    #[test]
    fn memory_is_shared_out_as_upstream_does() {
        for case in cases("upstream_memory_tuning") {
            let mut vertices = case["vertices"].clone();
            for vertex in vertices.as_array_mut().unwrap() {
                vertex["maxParallelism"] = json!(720);
            }
            let topology = Topology::of(&FakeView::of_topology(&vertices)).unwrap();
            let vertices = vertices.as_array().unwrap();
            let current: Vec<u64> = vertices.iter().map(|vertex| vertex["parallelism"].as_u64().unwrap()).collect();
            let new: Vec<u64> = vertices.iter().map(new_parallelism).collect();
            let configuration = Configuration::from_iter([
                ("taskmanager.memory.process.size", case["taskManagerTotalBytes"].to_string()),
                ("taskmanager.numberOfTaskSlots", case["numTaskSlots"].to_string()),
                ("job.autoscaler.memory.tuning.enabled", "true".to_owned()),
                ("job.autoscaler.memory.tuning.maximize-managed-memory", case["maximizeManaged"].to_string()),
                (
                    "job.autoscaler.memory.tuning.scale-down-compensation.enabled",
                    case["scaleDownCompensation"].to_string(),
                ),
            ]);
            let usage = Usage {
                heap: number(&case["heapUsedAvg"]),
                managed: number(&case["managedUsedAvg"]),
                metaspace: number(&case["metaspaceUsedAvg"]),
                slots: case["slotsUsed"].as_u64().unwrap(),
            };
            let tuning = MemoryTuning::read(&configuration).unwrap().unwrap();
            let recommendation = tuning.recommend(&topology, &current, &new, usage).unwrap();
            let overrides: BTreeMap<_, _> = recommendation.overrides().into_iter().collect();
            assert_eq!(json!(overrides), case["expectedOverrides"], "{case}");
        }
    }

    #[test]
    fn the_heap_grows_as_task_managers_become_fewer() {
        for case in cases("upstream_memory_scaling") {
            let int = |field: &str| case[field].as_u64().unwrap();
            let mut budget = MemoryBudget::new(int("budgetBytes"));
            let configuration = Configuration::from_iter([
                ("taskmanager.memory.process.size", "4 gb".to_owned()),
                ("job.autoscaler.memory.tuning.scale-down-compensation.enabled", case["enabled"].to_string()),
            ]);
            let tuning = MemoryTuning::read(&configuration).unwrap().unwrap();
            let mut heap = int("currentBytes");
            heap = tuning.compensated(heap, int("slotsBefore"), int("parallelismAfter"), &mut budget);
            assert_eq!(heap, int("expectedBytes"), "{case}");
        }
    }

    #[test]
    fn nothing_is_recommended_where_the_memory_is_not_known() {
        for options in [
            vec![],
            vec![("taskmanager.memory.process.size", "100 mb")],
            vec![("taskmanager.memory.process.size", "4 gb"), ("taskmanager.memory.flink.size", "4 gb")],
        ] {
            assert_eq!(MemoryTuning::read(&Configuration::from_iter(options)), Ok(None));
        }
    }
}
