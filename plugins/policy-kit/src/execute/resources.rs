//! Whether the cluster's quotas allow a decision.

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;

/// What one TaskManager takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaskManager {
    /// CPUs; 0 where they are not known, so that they count for nothing.
    pub cpu: f64,
    /// Bytes of memory; 0 where they are not known.
    pub memory: u64,
}

/// What the operator allows all TaskManagers of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Quota {
    cpu: Option<f64>,
    memory: Option<u64>,
    slots_per_task_manager: i32,
}

impl TaskManager {
    /// What the options tell of it: its memory.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        let memory = configuration.read(&options::TASK_MANAGER_PROCESS_MEMORY)?;
        Ok(Self { cpu: 0.0, memory: memory.map_or(0, |memory| memory.bytes()) })
    }
}

impl Quota {
    /// The quota of the options; none if there is none.
    pub(super) fn read(configuration: &Configuration) -> Result<Option<Self>, InvalidValue> {
        let cpu = configuration.read(&options::CPU_QUOTA)?;
        let memory = configuration.read(&options::MEMORY_QUOTA)?.map(|memory| memory.bytes());
        if cpu.is_none() && memory.is_none() {
            return Ok(None);
        }
        let slots_per_task_manager = configuration.read(&options::NUM_TASK_SLOTS)?.max(1);
        Ok(Some(Self { cpu, memory, slots_per_task_manager }))
    }

    /// Whether the job would outgrow it: `changes` are the slot sharing group, the parallelism of now and that to be of
    /// each vertex that changes. A job that does not grow always fits.
    pub(super) fn is_exceeded<'a>(
        &self,
        changes: impl IntoIterator<Item = (&'a str, i32, i32)>,
        task_manager: TaskManager,
    ) -> bool {
        let mut groups = std::collections::BTreeMap::<&str, (i32, i32)>::new();
        for (group, current, new) in changes {
            let slots = groups.entry(group).or_default();
            *slots = (slots.0.max(current), slots.1.max(new));
        }
        let task_managers = |slots: i64| slots / i64::from(self.slots_per_task_manager);
        let current = task_managers(groups.values().map(|slots| i64::from(slots.0)).sum());
        let new = task_managers(groups.values().map(|slots| i64::from(slots.1)).sum());
        if new <= current {
            return false;
        }
        let cpu = task_manager.cpu * new as f64;
        let memory = i128::from(task_manager.memory) * i128::from(new);
        self.cpu.is_some_and(|quota| cpu > quota) || self.memory.is_some_and(|quota| memory > i128::from(quota))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::cases;

    #[test]
    fn quotas_are_checked_as_upstream_does() {
        for case in cases("upstream_quota") {
            let quota = Quota {
                cpu: case["cpuQuota"].as_f64(),
                memory: case["memoryQuotaBytes"].as_u64(),
                slots_per_task_manager: 2,
            };
            let other = if case["sharedSlotGroup"].as_bool().unwrap() { "a" } else { "b" };
            // The targets of the case at a utilisation of 0.6: 210 / 0.6 and 110 / 0.6 records at 100 a subtask.
            let changes = [("a", 1, 4), (other, 1, 2)];
            let task_manager = TaskManager { cpu: 2.0, memory: 2 << 30 };
            let reached = quota.is_exceeded(changes, task_manager);
            assert_eq!(reached, case["expectedQuotaReached"].as_bool().unwrap(), "{case}");
        }
    }

    #[test]
    fn without_a_quota_there_is_nothing_to_check() {
        assert_eq!(Quota::read(&Configuration::default()), Ok(None));
    }
}
