//! What one call into a plugin may use.

use std::fmt;
use std::time::Duration;

use wasmtime::{Error, ResourceLimiter, Result};

/// Limits of a plugin. Each is enforced on every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Wall-clock time of a call, waiting on the host included.
    pub deadline: Duration,
    /// Bytes of all linear memories together. What the host hands to the guest lies there, too.
    pub memory: usize,
    /// Elements of all tables together.
    pub table_elements: usize,
    /// Core instances that a component may be made of.
    pub instances: usize,
    /// Bytes that one crossing may carry from the guest to the host.
    pub crossing: usize,
    /// Bytes of log lines, standard output and standard error per call, with 100 more for each line.
    pub log: usize,
    /// Calls at the same time.
    pub concurrency: usize,
    /// Outgoing HTTP requests of a call at the same time.
    pub http_requests: usize,
    /// Bytes of the body of an outgoing request, and of that of its response.
    pub http_body: usize,
    /// Time from an outgoing request's start to the last byte of its response.
    pub http_time: Duration,
    /// Files and folders that a call may make.
    pub files: usize,
    /// Bytes that a call may write to files.
    pub file_bytes: usize,
}

impl Limits {
    /// The largest `memory` that the pool of instances has room for.
    pub const MOST_MEMORY: usize = 256 << 20;

    /// The most elements that a table in the pool has.
    pub const MOST_TABLE_ELEMENTS: usize = 20_000;

    /// The most core instances that the pool has for one component.
    pub const MOST_INSTANCES: usize = 20;

    /// The most calls of one plugin at the same time: half of what the pool has room for, so that others have the rest.
    pub const MOST_CALLS: usize = 64;

    /// The defaults of event handlers: no pass waits for them, and somebody may have to answer them. They can log a line of
    /// the longest for each event of a call.
    #[must_use]
    pub fn of_event_handlers() -> Self {
        Self { deadline: Duration::from_secs(30), log: 512 << 10, ..Self::default() }
    }
}

impl Limits {
    /// The defaults for evaluators, filters and aligners: a policy's call waits for several of theirs, so that each has
    /// less time.
    #[must_use]
    pub fn of_extension() -> Self {
        Self { deadline: Duration::from_millis(200), ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(1),
            memory: 64 << 20,
            table_elements: Self::MOST_TABLE_ELEMENTS,
            instances: Self::MOST_INSTANCES,
            crossing: 8 << 20,
            log: 64 << 10,
            concurrency: 16,
            http_requests: 8,
            http_body: 1 << 20,
            http_time: Duration::from_secs(10),
            files: 100,
            file_bytes: 64 << 20,
        }
    }
}

/// A number of bytes, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub usize);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        match bytes {
            _ if bytes > 0 && bytes % (1 << 20) == 0 => write!(f, "{} MiB", bytes >> 20),
            _ if bytes > 0 && bytes % (1 << 10) == 0 => write!(f, "{} KiB", bytes >> 10),
            _ => write!(f, "{bytes} bytes"),
        }
    }
}

/// What wasmtime asks before an instance grows. It remembers what it denied, since wasmtime's own words about a guest
/// that gives up afterwards are those of any abort.
#[derive(Debug)]
pub(super) struct StoreGuard {
    memory: Budget,
    tables: Budget,
    instances: usize,
}

/// Something of which all parts of an instance together may have so much.
#[derive(Debug)]
struct Budget {
    limit: usize,
    used: usize,
    /// What was granted last: it is taken back when it could not be had.
    last: usize,
    is_denied: bool,
}

impl Budget {
    fn of(limit: usize) -> Self {
        Self { limit, used: 0, last: 0, is_denied: false }
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = desired.saturating_sub(current);
        let is_granted = more <= self.limit.saturating_sub(self.used);
        self.last = if is_granted { more } else { 0 };
        self.used += self.last;
        self.is_denied |= !is_granted;
        is_granted
    }

    fn take_back(&mut self) {
        self.used -= std::mem::take(&mut self.last);
        self.is_denied = true;
    }
}

impl StoreGuard {
    /// Bytes of linear memory that the instance has: memories never shrink.
    pub(super) fn memory(&self) -> usize {
        self.memory.used
    }

    /// Whether the guest was denied memory.
    pub(super) fn is_memory_denied(&self) -> bool {
        self.memory.is_denied
    }

    /// Whether the guest was denied table elements.
    pub(super) fn is_table_denied(&self) -> bool {
        self.tables.is_denied
    }
}

impl ResourceLimiter for StoreGuard {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.memory.grow(current, desired))
    }

    fn memory_grow_failed(&mut self, _: Error) -> Result<()> {
        self.memory.take_back();
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(self.tables.grow(current, desired))
    }

    fn table_grow_failed(&mut self, _: Error) -> Result<()> {
        self.tables.take_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        // A component of a language runtime has two at most.
        4
    }
}

impl Limits {
    /// The defaults of a state store, which waits for a database, and moves all of a job's samples at once.
    pub fn of_state_store() -> Self {
        Self {
            deadline: Duration::from_secs(12),
            memory: 256 << 20,
            crossing: 64 << 20,
            http_body: 4 << 20,
            ..Self::default()
        }
    }

    /// wasmtime's form of the limits that it enforces itself.
    pub(super) fn of_store(&self) -> StoreGuard {
        StoreGuard {
            memory: Budget::of(self.memory),
            tables: Budget::of(self.table_elements),
            instances: self.instances,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories_together() {
        let mut guard = Limits { memory: 100, ..Limits::default() }.of_store();
        assert!(guard.memory_growing(0, 60, None).unwrap(), "one memory");
        assert!(guard.memory_growing(0, 30, None).unwrap(), "another");
        assert!(!guard.is_memory_denied());
        assert!(!guard.memory_growing(60, 80, None).unwrap(), "each is below the limit, but not both");
        assert!(guard.is_memory_denied());
        assert!(guard.memory_growing(30, 40, None).unwrap(), "what was denied is not used");
    }

    #[test]
    fn what_could_not_be_had_is_not_used() {
        let mut guard = Limits { table_elements: 10, ..Limits::default() }.of_store();
        assert!(guard.table_growing(0, 10, None).unwrap());
        guard.table_grow_failed(Error::msg("no")).unwrap();
        assert!(guard.is_table_denied());
        assert!(guard.table_growing(0, 10, None).unwrap());
    }

    #[test]
    fn bytes_are_told_in_the_unit_that_they_were_meant_in() {
        for (bytes, text) in [(64 << 20, "64 MiB"), (1 << 10, "1 KiB"), (1500, "1500 bytes"), (0, "0 bytes")] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }
}
