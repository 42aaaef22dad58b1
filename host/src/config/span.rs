//! Durations and sizes in Flink's syntax, as TOML strings.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};
use tidegate_common::value::{MemorySize, Value};

/// A duration above zero, written as Flink writes it: `10s`, `5 min`, `500ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub Duration);

impl Span {
    /// So many seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match Duration::parse(text) {
            Some(duration) if duration > Duration::ZERO => Ok(Self(duration)),
            Some(_) => Err(format!("`{text}` is too short: expected more than zero")),
            None => Err(format!("`{text}` is no duration: expected a number and a unit, such as \"10s\" or \"5 min\"")),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Reads a number of bytes in Flink's syntax: `64mb`, `64 kb`.
pub(super) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let size = MemorySize::parse(&text).and_then(|size| usize::try_from(size.bytes()).ok()).filter(|size| *size > 0);
    let expected = || de::Error::custom(format!("`{text}` is no size: expected a number and a unit, such as \"64mb\""));
    size.map(Some).ok_or_else(expected)
}
