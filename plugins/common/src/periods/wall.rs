//! The clock on the wall: instants as local time shows them, and local times as instants.

use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// Local time in some zone. A local time is told as the instant at which a clock in UTC shows the same.
#[derive(Clone, Copy)]
pub struct Wall<'a> {
    ahead: &'a dyn Fn(Timestamp) -> i32,
}

impl<'a> Wall<'a> {
    /// In the zone that is `ahead(instant)` seconds ahead of UTC at an instant.
    pub const fn new(ahead: &'a dyn Fn(Timestamp) -> i32) -> Self {
        Self { ahead }
    }

    /// What the clock shows at `instant`.
    pub fn shown_at(&self, instant: Timestamp) -> Timestamp {
        later(instant, self.ahead(instant))
    }

    /// When the clock shows `local`, as `java.util.Calendar` has it: of two such instants, where the clock is set back,
    /// the later; of none, where it is set forward, the one that it would be had it not been.
    pub fn instant_of(&self, local: Timestamp) -> Timestamp {
        // No zone sets its clocks twice in two days.
        let before = self.ahead(later(local, -DAY));
        let after = self.ahead(later(local, DAY));
        let candidates = [before, after].map(|ahead| (later(local, -ahead), ahead));
        let shown = candidates.into_iter().filter(|(instant, ahead)| self.ahead(*instant) == *ahead);
        shown.map(|(instant, _)| instant).max().unwrap_or_else(|| later(local, -before))
    }

    /// In milliseconds.
    fn ahead(&self, instant: Timestamp) -> i64 {
        i64::from((self.ahead)(instant)) * 1000
    }
}

fn later(instant: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(instant.as_millis().saturating_add(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i32 = 3600;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Europe/Berlin in 2026.
    fn berlin(instant: Timestamp) -> i32 {
        if (at("2026-03-29T01:00:00Z")..at("2026-10-25T01:00:00Z")).contains(&instant) { 2 * HOUR } else { HOUR }
    }

    /// The instants are those that `java.util.Calendar` of OpenJDK 17 makes of the local times.
    #[test]
    fn a_local_time_is_the_instant_that_java_makes_of_it() {
        for (local, instant) in [
            ("2026-01-15T02:30:00Z", "2026-01-15T01:30:00Z"),
            ("2026-07-15T02:30:00Z", "2026-07-15T00:30:00Z"),
            // There is no half past two on this day.
            ("2026-03-29T01:59:59Z", "2026-03-29T00:59:59Z"),
            ("2026-03-29T02:30:00Z", "2026-03-29T01:30:00Z"),
            ("2026-03-29T03:00:00Z", "2026-03-29T01:00:00Z"),
            // And two on this one.
            ("2026-10-25T01:59:59Z", "2026-10-24T23:59:59Z"),
            ("2026-10-25T02:00:00Z", "2026-10-25T01:00:00Z"),
            ("2026-10-25T02:30:00Z", "2026-10-25T01:30:00Z"),
            ("2026-10-25T03:00:00Z", "2026-10-25T02:00:00Z"),
        ] {
            assert_eq!(Wall::new(&berlin).instant_of(at(local)), at(instant), "{local}");
        }
    }

    #[test]
    fn what_a_clock_shows_is_that_instant_again() {
        let wall = Wall::new(&berlin);
        for hour in 0..24 * 365 {
            let instant = later(at("2026-01-01T00:00:00Z"), hour * 3_600_000);
            let again = wall.instant_of(wall.shown_at(instant));
            // But for the first of two hours.
            let is_first = instant == at("2026-10-25T00:00:00Z");
            assert_eq!(again == instant, !is_first, "{instant}");
        }
    }

    #[test]
    fn instants_at_the_end_of_time_are_no_trouble() {
        for end in [i64::MIN, i64::MAX] {
            for ahead in [i32::MIN, 0, i32::MAX] {
                let zone = move |_| ahead;
                let wall = Wall::new(&zone);
                wall.instant_of(wall.shown_at(Timestamp::from_millis(end)));
            }
        }
    }
}
