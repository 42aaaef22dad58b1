//! Instants, in whole milliseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;
use thiserror::Error;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `millis` after 1970.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The instant `span` later.
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The instant `span` earlier.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A text that is no instant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{text}` is not an instant: expected ISO-8601 such as 2026-01-31T12:00:00Z")]
pub struct InvalidTimestamp {
    text: String,
}

impl Timestamp {
    /// The date and the time of day in UTC; none outside of the years from -9999 to 9999.
    pub fn utc(self) -> Option<OffsetDateTime> {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).ok()
    }
}

impl fmt::Display for Timestamp {
    /// Writes ISO-8601 in UTC, as Java writes an `Instant`: milliseconds only where there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(utc) = self.utc() else {
            return write!(f, "{} ms", self.0);
        };
        let (year, month, day) = (utc.year(), u8::from(utc.month()), utc.day());
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", utc.hour(), utc.minute(), utc.second())?;
        match utc.millisecond() {
            0 => f.write_str("Z"),
            millis => write!(f, ".{millis:03}Z"),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads ISO-8601; what is finer than a millisecond is cut off.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        let instant = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| InvalidTimestamp { text: text.to_owned() })?;
        let millis = instant.unix_timestamp_nanos().div_euclid(1_000_000);
        i64::try_from(millis).map(Self).map_err(|_| InvalidTimestamp { text: text.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_instant_is_written_as_java_writes_it() {
        for (millis, text) in [
            (1_700_064_000_000, "2023-11-15T16:00:00Z"),
            (1_700_064_000_500, "2023-11-15T16:00:00.500Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
        }
        assert_eq!("2023-11-15T16:00:00.123456789Z".parse(), Ok(Timestamp::from_millis(1_700_064_000_123)));
        assert!("2023-11-15".parse::<Timestamp>().is_err());
    }

    proptest! {
        #[test]
        fn an_instant_survives_its_text(millis in 0..253_402_300_800_000_i64) {
            let instant = Timestamp::from_millis(millis);
            prop_assert_eq!(instant.to_string().parse(), Ok(instant));
        }
    }
}
