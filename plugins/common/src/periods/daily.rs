//! A time of every day, such as `9:30-10:50`, by the rules of Quartz' `DailyCalendar`.

use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// A range of times of day in UTC, both ends included.
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

    /// Whether `instant` is in the range on its day.
    pub fn contains(&self, instant: Timestamp) -> bool {
        (self.start..=self.end).contains(&instant.as_millis().rem_euclid(DAY))
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
