//! A time of every day, such as `9:30-10:50`, by the rules of Quartz' `DailyCalendar`.

use super::wall::Wall;
use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// A range of times of day, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Daily {
    /// Milliseconds since midnight.
    start: i64,
    end: i64,
}

impl Daily {
    /// Reads `H:m[:s[:ms]]-H:m[:s[:ms]]`; the start must be before the end.
    pub fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_once('-')?;
        let (start, end) = (time_of_day(start)?, time_of_day(end)?);
        (start < end).then_some(Self { start, end })
    }

    /// Whether `instant` is in the range on its local day. Each end is an instant of its own, so that a range is longer
    /// or shorter where the clock is set in it.
    pub fn contains(&self, instant: Timestamp, wall: Wall<'_>) -> bool {
        let now = wall.shown_at(instant).as_millis();
        let midnight = now.saturating_sub(now.rem_euclid(DAY));
        let on_this_day = |time: i64| wall.instant_of(Timestamp::from_millis(midnight.saturating_add(time)));
        (on_this_day(self.start)..=on_this_day(self.end)).contains(&instant)
    }
}

fn time_of_day(text: &str) -> Option<i64> {
    const LIMITS_AND_UNITS: [(i64, i64); 4] = [(24, 3_600_000), (60, 60_000), (60, 1000), (1000, 1)];
    let parts: Vec<&str> = text.split(':').collect();
    if !(2..=4).contains(&parts.len()) {
        return None;
    }
    parts.into_iter().zip(LIMITS_AND_UNITS).try_fold(0, |sum, (part, (limit, unit))| {
        let number: i64 = part.parse().ok()?;
        (0..limit).contains(&number).then_some(sum + number * unit)
    })
}
