//! Whether an instant lies in one of the configured periods.

use thiserror::Error;

use super::cron::Cron;
use super::daily::Daily;
use super::wall::Wall;
use crate::options::EXCLUDED_PERIODS;
use crate::time::Timestamp;

/// A text that is no period. Its text is Flink's own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidPeriod {
    /// A part of it is neither a daily range nor a cron expression.
    #[error(
        "Invalid value {0} in the autoscaler config {key}, the value is neither a valid daily expression nor a valid \
         cron expression",
        key = EXCLUDED_PERIODS.key()
    )]
    Neither(String),
    /// Its two parts are of one kind.
    #[error(
        "Invalid value {0} in the autoscaler config {key}, the value can not be configured as dailyExpression && \
         dailyExpression or cronExpression && cronExpression",
        key = EXCLUDED_PERIODS.key()
    )]
    SameKind(String),
    /// It has more than two parts.
    #[error("Invalid value {0} in the autoscaler config {key}", key = EXCLUDED_PERIODS.key())]
    TooManyParts(String),
}

/// A part of a period.
enum Part {
    Daily(Daily),
    Cron(Box<Cron>),
}

/// Whether `now` lies in one of `periods`, in local time. The Java autoscaler takes the process' default zone.
///
/// # Errors
/// The first period that is none, unless one before it holds the instant.
pub fn is_excluded(periods: &[String], now: Timestamp, wall: Wall<'_>) -> Result<bool, InvalidPeriod> {
    for period in periods {
        if parts(period)?.iter().all(|part| part.contains(now, wall)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Checks that every period is a daily range, a cron expression, or one of each joined by `&&`.
///
/// # Errors
/// The first period that is not.
pub fn validate_periods(periods: &[String]) -> Result<(), InvalidPeriod> {
    for period in periods {
        if texts(period).len() > 2 {
            return Err(InvalidPeriod::TooManyParts(period.clone()));
        }
        if let [Part::Daily(_), Part::Daily(_)] | [Part::Cron(_), Part::Cron(_)] = parts(period)?.as_slice() {
            return Err(InvalidPeriod::SameKind(period.clone()));
        }
    }
    Ok(())
}

/// The parts of a period; what is empty at the end is none.
fn texts(period: &str) -> Vec<&str> {
    let mut texts: Vec<&str> = period.split("&&").collect();
    while texts.len() > 1 && texts.last().is_some_and(|text| text.is_empty()) {
        texts.pop();
    }
    texts
}

fn parts(period: &str) -> Result<Vec<Part>, InvalidPeriod> {
    texts(period)
        .into_iter()
        .map(|text| Part::parse(text.trim()).ok_or_else(|| InvalidPeriod::Neither(period.to_owned())))
        .collect()
}

impl Part {
    fn parse(text: &str) -> Option<Self> {
        Daily::parse(text).map(Self::Daily).or_else(|| Cron::parse(text).map(Box::new).map(Self::Cron))
    }

    fn contains(&self, now: Timestamp, wall: Wall<'_>) -> bool {
        match self {
            Self::Daily(daily) => daily.contains(now, wall),
            Self::Cron(cron) => cron.contains(wall.shown_at(now)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use tidegate_vectors::cases;

    use super::*;
    use crate::value::Value;

    fn utc() -> Wall<'static> {
        Wall::new(&|_| 0)
    }

    fn instant(text: &Json) -> Timestamp {
        text.as_str().unwrap().parse().unwrap()
    }

    fn strings(list: &Json) -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item.as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn periods_are_those_of_the_java_autoscaler() {
        for case in cases("peer_excluded_periods") {
            let periods = Vec::<String>::parse(case["periods"].as_str().unwrap()).unwrap();
            let error = validate_periods(&periods).err().map(|error| error.to_string());
            assert_eq!(error.as_deref(), case["error"].as_str(), "{case}");
            for at in case["at"].as_array().into_iter().flatten() {
                assert_eq!(
                    is_excluded(&periods, instant(&at[0]), utc()),
                    Ok(at[1].as_bool().unwrap()),
                    "{at} of {case}"
                );
            }
        }
    }

    #[test]
    fn instants_are_judged_as_the_reference_does() {
        for case in cases("oracle_excluded_periods") {
            let periods = [case["expression"].as_str().unwrap().to_owned()];
            assert_eq!(validate_periods(&periods).is_ok(), case["expectedValid"].as_bool().unwrap(), "{case}");
            for at in case["instants"].as_array().unwrap() {
                let excluded = is_excluded(&periods, instant(&at["instant"]), utc());
                assert_eq!(excluded.ok(), at["expected"].as_bool(), "{at} of {}", periods[0]);
            }
        }
    }

    #[test]
    fn the_facts_of_the_upstream_tests_hold() {
        for case in cases("upstream_excluded_periods") {
            let at = format!("{}Z", case["localDateTime"].as_str().unwrap()).parse().unwrap();
            let excluded = is_excluded(&strings(&case["expressions"]), at, utc()).unwrap();
            assert_eq!(excluded, case["expected"].as_bool().unwrap(), "{case}");
        }
        for case in cases("upstream_excluded_periods_validation") {
            let valid = validate_periods(&strings(&case["expressions"])).is_ok();
            assert_eq!(valid, case["expectedValid"].as_bool().unwrap(), "{case}");
        }
    }

    /// By Quartz' `DailyCalendar` each end of a range is resolved in the zone, not the time of day of the instant.
    #[test]
    fn a_range_ends_when_the_clock_on_the_wall_shows_its_end() {
        // Clocks are set from 3:00 back to 2:00 at this instant, from +02:00 to +01:00.
        let back: Timestamp = "2026-10-25T01:00:00Z".parse().unwrap();
        let ahead = |instant: Timestamp| if instant < back { 7200 } else { 3600 };
        let wall = Wall::new(&ahead);
        for (period, at, excluded) in [
            // The first half past two is before the second one, at which the range begins.
            ("2:30-4:00", "2026-10-25T00:30:00Z", false),
            ("2:30-4:00", "2026-10-25T01:30:00Z", true),
            // The range reaches to the second half past two, over all of the hour before.
            ("1:00-2:30", "2026-10-25T00:45:00Z", true),
            ("1:00-2:30", "2026-10-25T01:30:00Z", true),
            ("1:00-2:30", "2026-10-25T01:30:00.001Z", false),
            // A cron expression names both.
            ("* 30 2 * * ?", "2026-10-25T00:30:00Z", true),
            ("* 30 2 * * ?", "2026-10-25T01:30:00Z", true),
        ] {
            let found = is_excluded(&[period.to_owned()], at.parse().unwrap(), wall);
            assert_eq!(found, Ok(excluded), "{period} {at}");
        }
    }
}
