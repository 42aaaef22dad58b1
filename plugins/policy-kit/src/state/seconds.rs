//! Instants and spans in JSON, as Java writes them: decimal seconds with nine decimals.

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;
use tidegate_common::time::Timestamp;

use super::double;

pub(crate) fn serialize<S: Serializer>(instant: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    write(instant.as_millis(), serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    read(deserializer).map(Timestamp::from_millis)
}

/// Spans in milliseconds that may be missing or negative.
pub(crate) mod optional_span {
    use super::{Deserialize, Deserializer, Serializer, read, write};

    pub(crate) fn serialize<S: Serializer>(millis: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
        match millis {
            Some(millis) => write(*millis, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
        struct Span(i64);

        impl<'de> Deserialize<'de> for Span {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                read(deserializer).map(Self)
            }
        }

        Ok(Option::<Span>::deserialize(deserializer)?.map(|span| span.0))
    }
}

fn write<S: Serializer>(millis: i64, serializer: S) -> Result<S::Ok, S::Error> {
    let sign = if millis < 0 { "-" } else { "" };
    let size = millis.unsigned_abs();
    let text = format!("{sign}{}.{:03}000000", size / 1000, size % 1000);
    RawValue::from_string(text).map_err(S::Error::custom)?.serialize(serializer)
}

/// A double holds the milliseconds of every instant of the next ten thousand years exactly enough to be rounded to.
fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let millis = (double::deserialize(deserializer)? * 1000.0).round();
    if !millis.is_finite() {
        return Err(D::Error::custom("not a time"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is integral, and saturates far outside of all times")]
    Ok(millis as i64)
}
