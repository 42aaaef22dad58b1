//! What one call into a plugin may use.

use std::time::Duration;

use wasmtime::{ResourceLimiter, Result, StoreLimits, StoreLimitsBuilder};

/// Limits of a plugin. Each is enforced on every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of a call, waiting on the host included.
    pub deadline: Duration,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Bytes that one crossing may carry from the guest to the host.
    pub crossing: usize,
    /// Bytes of log lines, standard output and standard error per call, with 100 more for each line.
    pub log: usize,
    /// Calls at the same time.
    pub concurrency: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(1),
            memory: 64 << 20,
            table_elements: 20_000,
            crossing: 8 << 20,
            log: 64 << 10,
            concurrency: 16,
        }
    }
}

/// The limits that wasmtime asks about, and whether a guest has run into that of its memory: its own words about that
/// are those of any abort.
pub(super) struct StoreGuard {
    limits: StoreLimits,
    is_memory_denied: bool,
}

impl StoreGuard {
    pub(super) fn is_memory_denied(&self) -> bool {
        self.is_memory_denied
    }
}

impl ResourceLimiter for StoreGuard {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let granted = self.limits.memory_growing(current, desired, maximum)?;
        self.is_memory_denied |= !granted;
        Ok(granted)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.limits.table_growing(current, desired, maximum)
    }

    fn instances(&self) -> usize {
        self.limits.instances()
    }

    fn tables(&self) -> usize {
        self.limits.tables()
    }

    fn memories(&self) -> usize {
        self.limits.memories()
    }
}

impl Limits {
    /// wasmtime's form of the limits that it enforces itself. A component of a language runtime has a handful of
    /// core instances, tables and memories.
    pub(super) fn of_store(&self) -> StoreGuard {
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .table_elements(self.table_elements)
            .instances(20)
            .tables(20)
            .memories(4)
            .build();
        StoreGuard { limits, is_memory_denied: false }
    }
}
