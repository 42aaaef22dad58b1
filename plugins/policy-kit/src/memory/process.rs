//! How Flink shares the memory of a TaskManager's process out.

use tidegate_common::configuration::{ConfigOption, Configuration, InvalidValue};
use tidegate_common::options;
use tidegate_common::value::MemorySize;

/// The parts of a TaskManager's memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// All of it.
    pub total: u64,
    /// Heap of the framework and of the tasks.
    pub heap: u64,
    /// Outside of the heap, of the framework.
    pub framework_off_heap: u64,
    /// Outside of the heap, of the tasks.
    pub task_off_heap: u64,
    /// Managed memory.
    pub managed: u64,
    /// Network memory.
    pub network: u64,
    /// Metaspace of the JVM.
    pub metaspace: u64,
    /// What else the JVM needs.
    pub overhead: u64,
}

impl ProcessMemory {
    /// Shares out the process size of the options as Flink does; none if it is not configured, or too small for its
    /// parts, or if Flink's or the tasks' memory is fixed by a size of its own.
    pub fn derive(configuration: &Configuration) -> Option<Self> {
        Self::read(configuration).ok().flatten()
    }

    /// Flink's part of it: all but what the JVM itself takes.
    pub fn flink(&self) -> u64 {
        self.heap + self.framework_off_heap + self.task_off_heap + self.managed + self.network
    }

    fn read(configuration: &Configuration) -> Result<Option<Self>, InvalidValue> {
        let bytes = |option: &ConfigOption<MemorySize>| configuration.read(option).map(MemorySize::bytes);
        let fixed = [&options::TASK_MANAGER_FLINK_MEMORY, &options::TASK_HEAP_MEMORY];
        for option in fixed {
            if configuration.read(option)?.is_some() {
                return Ok(None);
            }
        }
        let Some(total) = configuration.read(&options::TASK_MANAGER_PROCESS_MEMORY)?.map(MemorySize::bytes) else {
            return Ok(None);
        };
        let metaspace = bytes(&options::JVM_METASPACE)?;
        let overhead = share(total, configuration.read(&options::JVM_OVERHEAD_FRACTION)?)
            .max(bytes(&options::JVM_OVERHEAD_MIN)?)
            .min(bytes(&options::JVM_OVERHEAD_MAX)?);
        let Some(flink) = total.checked_sub(metaspace + overhead) else {
            return Ok(None);
        };
        let managed = match configuration.read(&options::MANAGED_MEMORY_SIZE)? {
            Some(size) => size.bytes(),
            None => share(flink, configuration.read(&options::MANAGED_MEMORY_FRACTION)?),
        };
        let network = share(flink, configuration.read(&options::NETWORK_MEMORY_FRACTION)?)
            .max(bytes(&options::NETWORK_MEMORY_MIN)?)
            .min(bytes(&options::NETWORK_MEMORY_MAX)?);
        let framework_off_heap = bytes(&options::FRAMEWORK_OFF_HEAP_MEMORY)?;
        let task_off_heap = bytes(&options::TASK_OFF_HEAP_MEMORY)?;
        let heap = flink.checked_sub(framework_off_heap + task_off_heap + managed + network);
        let framework_heap = bytes(&options::FRAMEWORK_HEAP_MEMORY)?;
        Ok(heap.filter(|heap| *heap >= framework_heap).map(|heap| Self {
            total,
            heap,
            framework_off_heap,
            task_off_heap,
            managed,
            network,
            metaspace,
            overhead,
        }))
    }
}

/// A share of some bytes. Flink's fractions are of single precision.
fn share(bytes: u64, fraction: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, reason = "single precision is the point")]
    let fraction = f64::from(fraction as f32);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of bytes is cut to bytes")]
    let share = (bytes as f64 * fraction) as u64;
    share
}
