//! Whether the last scale-up of a vertex brought what it promised.

use crate::history::ScalingSummary;
use crate::metric::Metric;

/// What the last scale-up of a vertex promised and what it brought, records per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gain {
    pub(super) expected: f64,
    pub(super) actual: f64,
}

/// The gain of the scaling `last`, if it was a scale-up to the parallelism that the vertex has now.
pub(super) fn last_gain(last: &ScalingSummary, parallelism: i32, true_processing_rate: f64) -> Option<Gain> {
    if last.new_parallelism <= last.current_parallelism || last.new_parallelism != parallelism {
        return None;
    }
    let before = last.average(Metric::TrueProcessingRate.name());
    let promised = last.current(Metric::ExpectedProcessingRate.name());
    Some(Gain { expected: promised - before, actual: true_processing_rate - before })
}

impl Gain {
    /// Whether enough of the promise was kept; not if that cannot be told.
    pub(super) fn is_effective(self, threshold: f64) -> bool {
        self.actual / self.expected >= threshold
    }
}
