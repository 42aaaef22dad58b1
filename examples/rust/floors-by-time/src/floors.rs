//! Which floor there is at a time of a day of the week.

use jiff::Timestamp;
use jiff::tz::Offset;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Floors by time. Of several at a time the highest counts.
pub struct Floors(Vec<Floor>);

struct Floor {
    /// By their place in the week, from Monday.
    first_day: usize,
    last_day: usize,
    /// Minutes of the day; the end does not belong to it.
    from: u32,
    to: u32,
    rate: f64,
}

impl Floors {
    /// Reads `DAY[-DAY] HH:MM-HH:MM RATE; …`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let floors = text.split(';').map(str::trim).filter(|floor| !floor.is_empty());
        let floor = |text: &str| {
            let wrong = || format!("`floors`: `{text}` is no floor such as `Mon-Fri 08:00-20:00 2000`");
            floor(text).ok_or_else(wrong)
        };
        floors.map(floor).collect::<Result<_, _>>().map(Self)
    }

    /// The floor at an instant, in milliseconds since 1970, where local time is so many seconds ahead of UTC.
    pub fn at(&self, now: i64, utc_offset: i32) -> Result<Option<f64>, String> {
        let now = Timestamp::from_millisecond(now).map_err(|error| error.to_string())?;
        let local = Offset::from_seconds(utc_offset).map_err(|error| error.to_string())?.to_datetime(now);
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or_default();
        let minute =
            u32::try_from(local.hour()).unwrap_or_default() * 60 + u32::try_from(local.minute()).unwrap_or_default();
        let holds = |it: &&Floor| (it.first_day..=it.last_day).contains(&day) && (it.from..it.to).contains(&minute);
        Ok(self.0.iter().filter(holds).map(|floor| floor.rate).max_by(f64::total_cmp))
    }
}

fn floor(text: &str) -> Option<Floor> {
    let mut words = text.split_whitespace();
    let (days, times, rate) = (words.next()?, words.next()?, words.next()?);
    let (first, last) = days.split_once('-').unwrap_or((days, days));
    let day = |name: &str| DAYS.iter().position(|day| *day == name);
    let (from, to) = times.split_once('-')?;
    let floor = Floor {
        first_day: day(first)?,
        last_day: day(last)?,
        from: minute(from)?,
        to: minute(to)?,
        rate: rate.parse().ok()?,
    };
    let is_meant =
        floor.first_day <= floor.last_day && floor.from < floor.to && floor.rate.is_finite() && floor.rate > 0.0;
    (is_meant && words.next().is_none()).then_some(floor)
}

/// The minute of the day; 24:00 is its end.
fn minute(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60 && hours * 60 + minutes <= 24 * 60).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_holds_on_its_days_at_its_times_in_local_time() {
        let floors = Floors::parse("Mon-Fri 08:00-20:00 2000; Fri 18:00-24:00 3000; Sun 00:00-06:00 5").unwrap();
        // A Thursday, 2026-11-26, midnight UTC.
        const THURSDAY: i64 = 1_795_651_200_000;
        const HOUR: i64 = 3_600_000;
        for (hours, utc_offset, expected) in [
            (7, 0, None),
            (7, 3600, Some(2000.0)),
            (8, 0, Some(2000.0)),
            (20, 0, None),
            (24 + 18, 0, Some(3000.0)),
            (24 + 23, 0, Some(3000.0)),
            (24 + 23, 7200, None),
            (48 + 12, 0, None),
            (72 + 3, 0, Some(5.0)),
            (72 + 3, -4 * 3600, None),
        ] {
            assert_eq!(floors.at(THURSDAY + hours * HOUR, utc_offset), Ok(expected), "{hours} {utc_offset}");
        }
    }

    #[test]
    fn a_floor_that_cannot_be_meant_is_named() {
        for text in [
            "Mon",
            "Mon 8-9 5",
            "Mo 08:00-09:00 5",
            "Fri-Mon 08:00-09:00 5",
            "Mon 09:00-08:00 5",
            "Mon 08:00-25:00 5",
            "Mon 08:00-09:00 -5",
            "Mon 08:00-09:00 5 6",
        ] {
            assert!(Floors::parse(text).is_err_and(|error| error.contains(text)), "{text}");
        }
    }
}
