//! The bounds that Flink's adaptive scheduler keeps each vertex in.

use std::collections::BTreeMap;

use thiserror::Error;

use super::VertexId;

/// The bounds of every vertex of a job.
pub type ResourceRequirements = BTreeMap<VertexId, Bounds>;

/// Between which parallelisms Flink may run a vertex.
///
/// Cannot hold a value below 1 or a lower bound above the upper one: an upper bound of -1 ends the JobManager's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    lower: u32,
    upper: u32,
}

/// Bounds that must never be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a vertex cannot be bounded to {lower}..={upper}: bounds start at 1, and the lower one comes first")]
pub struct InvalidBounds {
    /// The lower bound.
    pub lower: i64,
    /// The upper bound.
    pub upper: i64,
}

impl Bounds {
    /// Bounds of `lower` to `upper` subtasks, both included.
    ///
    /// # Errors
    /// When a bound is below 1 or above 2^31 - 1, or they are the wrong way around.
    pub fn new(lower: i64, upper: i64) -> Result<Self, InvalidBounds> {
        match (u32::try_from(lower), u32::try_from(upper)) {
            (Ok(low), Ok(high)) if 1 <= low && low <= high && high <= i32::MAX as u32 => {
                Ok(Self { lower: low, upper: high })
            }
            _ => Err(InvalidBounds { lower, upper }),
        }
    }

    /// The fewest subtasks.
    pub fn lower(self) -> u32 {
        self.lower
    }

    /// The most subtasks.
    pub fn upper(self) -> u32 {
        self.upper
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_kills_a_job_manager_cannot_be_built() {
        for (lower, upper) in [(1, -1), (0, 1), (1, 0), (-1, -1), (2, 1), (1, i64::from(i32::MAX) + 1)] {
            assert_eq!(Bounds::new(lower, upper), Err(InvalidBounds { lower, upper }));
        }
    }

    proptest! {
        #[test]
        fn bounds_are_in_order_and_at_least_one(lower: i64, upper: i64) {
            if let Ok(bounds) = Bounds::new(lower, upper) {
                prop_assert!(1 <= bounds.lower() && bounds.lower() <= bounds.upper());
            }
        }
    }
}
