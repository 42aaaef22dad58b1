//! What is done when a plugin fails, and when it has failed too often. Time is an argument.

use std::time::{Duration, Instant};

/// How a plugin can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It cannot be put in service.
    Load,
    /// It did not say whether a job's options are right.
    Check,
    /// It trapped, ran past a limit, or said that it failed.
    Call,
    /// Its answer breaks the contract, or a guard rail.
    Answer,
}

impl FailureKind {
    /// A stable word for the configuration, the log and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Check => "check",
            Self::Call => "call",
            Self::Answer => "answer",
        }
    }
}

/// What takes the place of a version that failed too often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fallback {
    /// Nothing: the jobs stay as they are.
    #[default]
    Hold,
    /// The version that was in service before, as far as it is still good.
    Previous,
    /// The one that the host carries.
    Bundled,
}

/// The operator's choice for each kind of failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OnFailure {
    /// Where no version can be put in service: one that is in service stays in any case.
    pub load: Fallback,
    /// See [`FailureKind::Check`].
    pub check: Fallback,
    /// See [`FailureKind::Call`].
    pub call: Fallback,
    /// See [`FailureKind::Answer`].
    pub answer: Fallback,
}

impl OnFailure {
    /// The choice for one kind.
    pub const fn of(self, kind: FailureKind) -> Fallback {
        match kind {
            FailureKind::Load => self.load,
            FailureKind::Check => self.check,
            FailureKind::Call => self.call,
            FailureKind::Answer => self.answer,
        }
    }

    /// Whether the bundled one may be needed.
    pub(crate) fn wants_bundled(self) -> bool {
        [self.load, self.check, self.call, self.answer].contains(&Fallback::Bundled)
    }
}

/// Failures with no success between them.
///
/// Those of one moment count once: a machine that stands still for a second makes the calls of many jobs run past their
/// deadline together, and that alone must take no plugin out of service.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InARow {
    failures: u32,
    counted: Option<Instant>,
}

impl InARow {
    /// One more, at `now`; how many there are, those left out that came within `back_off` of one that was counted.
    pub(super) fn failed(&mut self, now: Instant, back_off: Duration) -> u32 {
        let is_same = self.counted.is_some_and(|counted| now.saturating_duration_since(counted) < back_off);
        if !is_same {
            self.failures = self.failures.saturating_add(1);
            self.counted = Some(now);
        }
        self.failures
    }

    /// How many there are.
    pub(super) fn failures(self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_moment_count_once() {
        let start = Instant::now();
        let mut in_a_row = InARow::default();
        let mut after = |seconds| in_a_row.failed(start + Duration::from_secs(seconds), Duration::from_secs(10));
        assert_eq!([0, 1, 9, 10, 19, 20].map(&mut after), [1, 1, 1, 2, 2, 3]);
        let mut every = InARow::default();
        assert_eq!([(); 3].map(|()| every.failed(start, Duration::ZERO)), [1, 2, 3]);
    }
}
