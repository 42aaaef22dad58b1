//! What crosses between guests and databases.

use time::{OffsetDateTime, PrimitiveDateTime};

/// One field of a row, or one parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
    /// Milliseconds since 1970, UTC.
    Timestamp(i64),
}

impl Value {
    /// Bytes that it costs to hand over, about.
    pub(super) fn size(&self) -> usize {
        let own = match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            _ => 0,
        };
        own + size_of::<Self>()
    }
}

/// The answer to a query.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rows {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// The date and time of an instant, in UTC; none beyond the year 9999.
pub(super) fn date_time(millis: i64) -> Option<PrimitiveDateTime> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()?;
    Some(PrimitiveDateTime::new(at.date(), at.time()))
}

/// The instant of a date and time in UTC, in whole milliseconds.
pub(super) fn millis(at: PrimitiveDateTime) -> Value {
    millis_of(at.assume_utc())
}

/// An instant in whole milliseconds.
pub(super) fn millis_of(at: OffsetDateTime) -> Value {
    let millis = at.unix_timestamp_nanos().div_euclid(1_000_000);
    Value::Timestamp(i64::try_from(millis).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_survive_their_date_and_time() {
        for at in [0, 1_700_064_000_123, -1, -86_400_001] {
            assert_eq!(millis(date_time(at).unwrap()), Value::Timestamp(at));
        }
        assert_eq!(date_time(i64::MAX), None);
    }
}
