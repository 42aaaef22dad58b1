//! What one call into a plugin may use.

use std::time::Duration;

use wasmtime::{StoreLimits, StoreLimitsBuilder};

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
    /// Bytes of log lines, standard output and standard error per call.
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

impl Limits {
    /// wasmtime's form of the limits that it enforces itself. A component of a language runtime has a handful of
    /// core instances, tables and memories.
    pub(super) fn of_store(&self) -> StoreLimits {
        StoreLimitsBuilder::new()
            .memory_size(self.memory)
            .table_elements(self.table_elements)
            .instances(20)
            .tables(20)
            .memories(4)
            .build()
    }
}
