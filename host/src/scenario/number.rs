//! Numbers of a scenario's file that say themselves what they may be.

use serde::{Deserialize, Deserializer, de};

/// Records per second, or of records: at least 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Amount(pub(super) f64);

/// Above 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Positive(pub(super) f64);

/// From 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Share(pub(super) f64);

/// How many: at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Count(pub(super) u32);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, |number| number >= 0.0, "at least 0").map(Self)
    }
}

impl<'de> Deserialize<'de> for Positive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, |number| number > 0.0, "above 0").map(Self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number(deserializer, |number| (0.0..=1.0).contains(&number), "from 0 to 1").map(Self)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match i64::deserialize(deserializer)? {
            number @ 1..=32_768 => Ok(Self(number as u32)),
            number => Err(de::Error::custom(format!("`{number}` cannot be: expected a whole number from 1 to 32768"))),
        }
    }
}

fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
    fits: impl Fn(f64) -> bool,
    expected: &str,
) -> Result<f64, D::Error> {
    let number = f64::deserialize(deserializer)?;
    if number.is_finite() && fits(number) {
        Ok(number)
    } else {
        Err(de::Error::custom(format!("`{number}` cannot be: expected a number {expected}")))
    }
}
