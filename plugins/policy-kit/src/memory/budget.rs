//! An amount of memory that is given out piece by piece.

/// Bytes that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemoryBudget {
    remaining: u64,
}

impl MemoryBudget {
    pub(super) fn new(total: u64) -> Self {
        Self { remaining: total }
    }

    /// Takes as much of `wanted` bytes as there is.
    pub(super) fn take(&mut self, wanted: u64) -> u64 {
        let taken = wanted.min(self.remaining);
        self.remaining -= taken;
        taken
    }

    pub(super) fn remaining(self) -> u64 {
        self.remaining
    }
}
