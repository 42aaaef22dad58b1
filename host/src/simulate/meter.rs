//! What a vertex has done, and how fast its meters say that it goes.

use std::collections::VecDeque;
use std::time::Duration;

use tidegate_common::time::Timestamp;

/// Counters of one vertex since it was started, or their growth in a second. All subtasks together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Totals {
    /// Records processed.
    pub(super) records_in: f64,
    /// Records sent, to all outputs.
    pub(super) records_out: f64,
    /// Milliseconds busy, sum over the subtasks.
    pub(super) busy_ms: f64,
    /// Milliseconds in which the vertex waited for a later one whenever it was not busy, of each subtask.
    pub(super) blocked_ms: f64,
    /// The part of `busy_ms` that fell into `blocked_ms`.
    pub(super) busy_while_blocked_ms: f64,
}

/// The meters of one vertex.
#[derive(Clone, Debug)]
pub(super) enum Meters {
    /// They show the last moment.
    Present(Totals),
    /// They show means over a moving window, as Flink's do.
    Window(Window),
}

/// Counters as they were at moments a twelfth of the window apart, the oldest first.
#[derive(Clone, Debug)]
pub(super) struct Window {
    length: Duration,
    marks: VecDeque<(Timestamp, Totals)>,
}

impl Totals {
    /// These counters with what happens in `seconds` at `rates` added.
    pub(super) fn plus(self, rates: Self, seconds: f64) -> Self {
        self.zip(rates, |total, rate| total + rate * seconds)
    }

    fn zip(self, other: Self, join: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            records_in: join(self.records_in, other.records_in),
            records_out: join(self.records_out, other.records_out),
            busy_ms: join(self.busy_ms, other.busy_ms),
            blocked_ms: join(self.blocked_ms, other.blocked_ms),
            busy_while_blocked_ms: join(self.busy_while_blocked_ms, other.busy_while_blocked_ms),
        }
    }
}

impl Meters {
    /// The meters of a vertex that starts `now`.
    pub(super) fn starting(now: Timestamp, window: Option<Duration>) -> Self {
        match window {
            None => Self::Present(Totals::default()),
            Some(length) => Self::Window(Window { length, marks: VecDeque::from([(now, Totals::default())]) }),
        }
    }

    /// Takes note of the counters at `now`, which grew by `rates` at the last moment.
    pub(super) fn update(&mut self, now: Timestamp, totals: Totals, rates: Totals) {
        match self {
            Self::Present(present) => *present = rates,
            Self::Window(window) => window.mark(now, totals),
        }
    }

    /// Growth in each second; none while nothing has been measured yet.
    pub(super) fn rates(&self) -> Option<Totals> {
        match self {
            Self::Present(rates) => Some(*rates),
            Self::Window(window) => window.rates(),
        }
    }
}

impl Window {
    fn mark(&mut self, now: Timestamp, totals: Totals) {
        let due = self.marks.back().is_none_or(|(last, _)| last.plus(self.length / 12) <= now);
        if due {
            self.marks.push_back((now, totals));
        }
        while self.marks.len() > 13 {
            self.marks.pop_front();
        }
    }

    fn rates(&self) -> Option<Totals> {
        let ((start, before), (end, after)) = (self.marks.front()?, self.marks.back()?);
        let measured = seconds_between(*start, *end);
        if measured <= 0.0 {
            return None;
        }
        // Flink divides times by the time measured, but records by the whole window, full or not.
        let whole = self.length.as_secs_f64().max(measured);
        let mut rates = after.zip(*before, |after, before| (after - before) / measured);
        rates.records_in *= measured / whole;
        rates.records_out *= measured / whole;
        Some(rates)
    }
}

/// Seconds from `start` to `end`.
pub(super) fn seconds_between(start: Timestamp, end: Timestamp) -> f64 {
    (end.as_millis() - start.as_millis()) as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn a_moving_window_under_reports_rates_until_it_is_full() {
        let rates = Totals { records_in: 500.0, busy_ms: 800.0, ..Totals::default() };
        let mut meters = Meters::starting(at(0), Some(Duration::from_secs(60)));
        let mut totals = Totals::default();
        assert_eq!(meters.rates(), None);
        let mut seen = Vec::new();
        for second in 1..=70 {
            totals = totals.plus(rates, 1.0);
            meters.update(at(second), totals, rates);
            if let (4 | 6 | 31 | 66, Some(rates)) = (second, meters.rates()) {
                seen.push((second, rates.records_in.round(), rates.busy_ms.round()));
            }
        }
        assert_eq!(seen, [(6, 42.0, 800.0), (31, 250.0, 800.0), (66, 500.0, 800.0)]);
    }
}
