//! How Flink shares the memory of a TaskManager's process out.

use tidegate_common::configuration::{ConfigOption, Configuration};
use tidegate_common::options;
use tidegate_common::value::{MemorySize, Value};

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

/// A part that is a share of something else, within limits.
#[derive(Clone, Copy, Debug)]
struct Range {
    min: u64,
    max: u64,
    fraction: f64,
}

/// What the options say about Flink's own memory, in bytes.
struct Wishes {
    framework_heap: u64,
    framework_off_heap: u64,
    task_heap: Option<u64>,
    task_off_heap: u64,
    managed: Option<u64>,
    managed_range: Range,
    network: Range,
}

/// What is left to be shared out where the rest is given.
struct Parts {
    task_heap: u64,
    managed: u64,
    network: u64,
}

impl ProcessMemory {
    /// Shares out the process size of the options as Flink does: by the sizes of the task heap and of managed memory if
    /// both are given, else by the size of Flink's memory if that is given, else from the process size down. None where
    /// the process size is not configured, or where Flink would refuse to start.
    pub fn derive(configuration: &Configuration) -> Option<Self> {
        let total = read(configuration, &options::TASK_MANAGER_PROCESS_MEMORY)??.bytes();
        let metaspace = read(configuration, &options::JVM_METASPACE)?.bytes();
        let overhead = Range::read(
            configuration,
            (&options::JVM_OVERHEAD_MIN, &options::JVM_OVERHEAD_MAX, &options::JVM_OVERHEAD_FRACTION),
        )?;
        let flink = read(configuration, &options::TASK_MANAGER_FLINK_MEMORY)?.map(MemorySize::bytes);
        let wishes = Wishes::read(configuration)?;

        let parts = match (wishes.task_heap.zip(wishes.managed), flink) {
            (Some((task_heap, managed)), flink) => wishes.around(task_heap, managed, flink)?,
            (None, Some(flink)) => wishes.within(flink)?,
            (None, None) => wishes.within(total.checked_sub(sum([metaspace, overhead.of(total)]))?)?,
        };
        let Wishes { framework_off_heap, task_off_heap, .. } = wishes;
        let Parts { task_heap, managed, network } = parts;
        let heap = sum([wishes.framework_heap, task_heap]);
        let rest = total.checked_sub(sum([heap, framework_off_heap, task_off_heap, managed, network, metaspace]))?;
        overhead.admits(rest).then_some(Self {
            total,
            heap,
            framework_off_heap,
            task_off_heap,
            managed,
            network,
            metaspace,
            overhead: rest,
        })
    }

    /// Flink's part of it: all but what the JVM itself takes.
    pub fn flink(&self) -> u64 {
        self.heap + self.framework_off_heap + self.task_off_heap + self.managed + self.network
    }
}

impl Wishes {
    fn read(configuration: &Configuration) -> Option<Self> {
        let bytes = |option: &ConfigOption<MemorySize>| read(configuration, option).map(MemorySize::bytes);
        let managed_fraction = read(configuration, &options::MANAGED_MEMORY_FRACTION)?;
        Some(Self {
            framework_heap: bytes(&options::FRAMEWORK_HEAP_MEMORY)?,
            framework_off_heap: bytes(&options::FRAMEWORK_OFF_HEAP_MEMORY)?,
            task_heap: read(configuration, &options::TASK_HEAP_MEMORY)?.map(MemorySize::bytes),
            task_off_heap: bytes(&options::TASK_OFF_HEAP_MEMORY)?,
            managed: read(configuration, &options::MANAGED_MEMORY_SIZE)?.map(MemorySize::bytes),
            managed_range: Range { min: 0, max: u64::MAX, fraction: managed_fraction },
            network: Range::read(
                configuration,
                (&options::NETWORK_MEMORY_MIN, &options::NETWORK_MEMORY_MAX, &options::NETWORK_MEMORY_FRACTION),
            )?,
        })
    }

    /// Around a task heap and managed memory that are given: network memory is what is left of Flink's, or a share of
    /// what comes to be Flink's.
    fn around(&self, task_heap: u64, managed: u64, flink: Option<u64>) -> Option<Parts> {
        let rest = self.without_network(task_heap, managed);
        let network = match flink {
            Some(flink) => flink.checked_sub(rest).filter(|network| self.network.admits(*network))?,
            None => self.network.beside(rest),
        };
        Some(Parts { task_heap, managed, network })
    }

    /// Within Flink's memory: network memory is what a given task heap leaves; else the task heap is what is left.
    fn within(&self, flink: u64) -> Option<Parts> {
        let managed = match self.managed {
            Some(managed) => managed,
            None => self.managed_range.is_sound().then(|| self.managed_range.of(flink))?,
        };
        if let Some(task_heap) = self.task_heap {
            return self.around(task_heap, managed, Some(flink));
        }
        let network = self.network.of(flink);
        let task_heap = flink.checked_sub(sum([self.without_network(0, managed), network]))?;
        Some(Parts { task_heap, managed, network })
    }

    fn without_network(&self, task_heap: u64, managed: u64) -> u64 {
        sum([self.framework_heap, self.framework_off_heap, task_heap, self.task_off_heap, managed])
    }
}

impl Range {
    fn read(
        configuration: &Configuration,
        (min, max, fraction): (&ConfigOption<MemorySize>, &ConfigOption<MemorySize>, &ConfigOption<f64>),
    ) -> Option<Self> {
        let (min, max) = (read(configuration, min)?.bytes(), read(configuration, max)?.bytes());
        let range = Self { min, max, fraction: read(configuration, fraction)? };
        range.is_sound().then_some(range)
    }

    fn is_sound(self) -> bool {
        self.min <= self.max && (0.0..1.0).contains(&self.fraction)
    }

    fn admits(self, bytes: u64) -> bool {
        (self.min..=self.max).contains(&bytes)
    }

    /// The share of `whole`.
    fn of(self, whole: u64) -> u64 {
        share(whole, single(self.fraction)).clamp(self.min, self.max)
    }

    /// The share of what it makes up together with `rest`.
    fn beside(self, rest: u64) -> u64 {
        let fraction = single(self.fraction);
        share(rest, fraction / (1.0 - fraction)).clamp(self.min, self.max)
    }
}

fn read<T: Value + Clone>(configuration: &Configuration, option: &ConfigOption<T>) -> Option<T> {
    configuration.read(option).ok()
}

fn sum<const N: usize>(parts: [u64; N]) -> u64 {
    parts.into_iter().fold(0, u64::saturating_add)
}

/// Flink's fractions are of single precision.
fn single(fraction: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, reason = "single precision is the point")]
    let single = fraction as f32;
    f64::from(single)
}

fn share(bytes: u64, fraction: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of bytes is cut to bytes")]
    let share = (bytes as f64 * fraction) as u64;
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    /// Heap, managed, network and overhead in MB, rounded.
    fn shared(entries: &[(&str, &str)]) -> Option<[u64; 4]> {
        let configuration =
            entries.iter().map(|(key, value)| (format!("taskmanager.memory.{key}"), *value)).collect::<Configuration>();
        let memory = ProcessMemory::derive(&configuration)?;
        assert_eq!(memory.total, memory.flink() + memory.metaspace + memory.overhead);
        Some([memory.heap, memory.managed, memory.network, memory.overhead].map(|bytes| (bytes + MB / 2) / MB))
    }

    #[test]
    fn memory_is_shared_out_as_flink_does() {
        for (entries, expected) in [
            // Flink's own default: 1728 MB of a process are 1280 MB of Flink.
            (vec![("process.size", "1728m")], Some([512, 512, 128, 192])),
            (vec![("process.size", "2g"), ("managed.size", "100m")], Some([1200, 100, 159, 205])),
            (vec![("process.size", "2g"), ("size", "100m")], Some([1200, 100, 159, 205])),
            // Of what Flink has, and the JVM gets the rest.
            (vec![("process.size", "4g"), ("flink.size", "3g")], Some([1408, 1229, 307, 768])),
            (vec![("process.size", "4g"), ("flink.size", "3g"), ("jvm-overhead.max", "700m")], None),
            (vec![("process.size", "2g"), ("flink.size", "2g")], None),
            // A task heap leaves the rest to the network.
            (vec![("process.size", "1728m"), ("task.heap.size", "300m")], Some([428, 512, 212, 192])),
            (vec![("process.size", "1728m"), ("task.heap.size", "300m"), ("network.max", "200m")], None),
            (vec![("process.size", "1728m"), ("task.heap.size", "800m")], None),
            // Both sizes are given: the network is a ninth of the rest, the JVM gets what is left.
            (
                vec![("process.size", "1800m"), ("task.heap.size", "384m"), ("managed.size", "512m")],
                Some([512, 512, 128, 264]),
            ),
            (vec![("process.size", "4g"), ("task.heap.size", "384m"), ("managed.size", "512m")], None),
            (
                vec![
                    ("process.size", "1728m"),
                    ("flink.size", "1280m"),
                    ("task.heap.size", "384m"),
                    ("managed.size", "500m"),
                ],
                Some([512, 500, 140, 192]),
            ),
            // What Flink would not start with.
            (vec![("process.size", "1728m"), ("network.min", "2m"), ("network.max", "1m")], None),
            (vec![("process.size", "1728m"), ("managed.fraction", "1.0")], None),
            (vec![("process.size", "1728m"), ("managed.fraction", "x")], None),
            (vec![("process.size", "500m")], None),
            (vec![("flink.size", "1280m")], None),
        ] {
            assert_eq!(shared(&entries), expected, "{entries:?}");
        }
    }
}
