//! The time zone that excluded periods are judged in: the process' own, as the Java autoscaler does.

use jiff::tz::{Offset, TimeZone};
use thiserror::Error;
use tidegate_common::time::Timestamp;
use tracing::warn;

use crate::causes::in_one_text;

/// A time zone. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A text that names no zone.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{name}` is no time zone: expected a name such as `Europe/Berlin`, or an offset such as `+02:00`")]
pub struct UnknownZone {
    name: String,
}

/// The process' zone cannot be had.
#[derive(Debug, Error)]
#[error("the time zone of this process cannot be found; set `TZ` to a name such as `Europe/Berlin`")]
pub struct NoZone(#[source] jiff::Error);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl Zone {
    /// That of this process: `TZ`, else the system's.
    ///
    /// # Errors
    /// When `TZ` names none, or the system has none.
    pub fn of_process() -> Result<Self, NoZone> {
        TimeZone::try_system().map(Self).map_err(NoZone)
    }

    /// That of this process, or UTC, with a warning, where there is none.
    pub fn here() -> Self {
        Self::of_process().unwrap_or_else(|error| {
            let error = in_one_text(&error);
            warn!(error, "excluded periods are judged in UTC");
            Self::default()
        })
    }

    /// From a name of the time zone database, or an offset from UTC.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn named(name: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone { name: name.to_owned() };
        if let Ok(zone) = TimeZone::get(name) {
            return Ok(Self(zone));
        }
        seconds(name)
            .and_then(|ahead| Offset::from_seconds(ahead).ok())
            .map(|it| Self(TimeZone::fixed(it)))
            .ok_or_else(unknown)
    }

    /// Seconds that local time is ahead of UTC at `instant`.
    pub fn offset_at(&self, instant: Timestamp) -> i32 {
        // What jiff cannot represent is no time of a pass: it is judged as the nearest that it can.
        let millis =
            instant.as_millis().clamp(jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        jiff::Timestamp::from_millisecond(millis).map_or(0, |instant| self.0.to_offset(instant).seconds())
    }

    /// A text that [`Zone::named`] makes the same zone of, or at least one that has the same time at `instant`: a
    /// system's zone need not have a name.
    pub fn name_at(&self, instant: Timestamp) -> String {
        match self.0.iana_name() {
            Some(name) => name.to_owned(),
            None => offset(self.offset_at(instant)),
        }
    }
}

/// Such as `+02:00`.
fn offset(seconds: i32) -> String {
    let (sign, ahead) = if seconds < 0 { ('-', -seconds) } else { ('+', seconds) };
    let (hours, minutes, rest) = (ahead / 3600, ahead / 60 % 60, ahead % 60);
    if rest == 0 {
        format!("{sign}{hours:02}:{minutes:02}")
    } else {
        format!("{sign}{hours:02}:{minutes:02}:{rest:02}")
    }
}

/// What such a text says.
fn seconds(offset: &str) -> Option<i32> {
    let (sign, ahead) = match offset.split_at_checked(1)? {
        ("+", ahead) => (1, ahead),
        ("-", behind) => (-1, behind),
        _ => return None,
    };
    let parts: Vec<i32> = ahead
        .split(':')
        .map(|part| part.parse().ok().filter(|value| part.len() == 2 && (0..60).contains(value)))
        .collect::<Option<_>>()?;
    match parts.as_slice() {
        [hours, minutes] => Some(sign * (hours * 3600 + minutes * 60)),
        [hours, minutes, rest] => Some(sign * (hours * 3600 + minutes * 60 + rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_zone_knows_its_summer() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        for (instant, hours) in [
            ("2026-01-15T12:00:00Z", 1),
            ("2026-03-29T00:59:59Z", 1),
            ("2026-03-29T01:00:00Z", 2),
            ("2026-10-25T00:59:59Z", 2),
            ("2026-10-25T01:00:00Z", 1),
        ] {
            assert_eq!(berlin.offset_at(at(instant)), hours * 3600, "{instant}");
        }
        assert_eq!(berlin.name_at(at("2026-01-15T12:00:00Z")), "Europe/Berlin");
        assert_eq!(Zone::named("Asia/Kolkata").unwrap().offset_at(at("2026-01-15T12:00:00Z")), 19_800);
        assert_eq!(Zone::default().offset_at(Timestamp::from_millis(i64::MAX)), 0);
    }

    #[test]
    fn an_offset_is_a_zone_too() {
        for (text, seconds) in [("+02:00", 7200), ("-03:30", -12_600), ("+00:00", 0)] {
            let zone = Zone::named(text).unwrap();
            assert_eq!(zone.offset_at(Timestamp::default()), seconds, "{text}");
            assert_eq!(offset(seconds), text);
        }
        for wrong in ["", "Berlin", "+2", "02:00", "+ab:cd", "Europe/Nowhere"] {
            assert!(Zone::named(wrong).is_err(), "{wrong}");
        }
        assert_eq!(Zone::named("UTC").unwrap().name_at(Timestamp::default()), "UTC");
    }
}
