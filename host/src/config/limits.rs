//! `limits = {…}` of a plugin: what a call may use, each value within what can be enforced.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use super::Span;
use super::span::bytes;
use crate::plugin::{ByteSize, Limits};

/// The `limits` of a plugin; what is absent has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// Wall-clock time of a call.
    #[serde(deserialize_with = "deadline")]
    pub deadline: Option<Span>,
    /// Bytes of linear memory.
    #[serde(deserialize_with = "memory")]
    pub memory: Option<usize>,
    /// Elements of all tables.
    #[serde(deserialize_with = "table_elements")]
    pub table_elements: Option<usize>,
    /// Core instances.
    #[serde(deserialize_with = "instances")]
    pub instances: Option<usize>,
    /// Bytes that one crossing may carry from the guest to the host.
    #[serde(deserialize_with = "crossing")]
    pub crossing: Option<usize>,
    /// Bytes of log lines per call.
    #[serde(deserialize_with = "log")]
    pub log: Option<usize>,
    /// Calls at the same time.
    #[serde(deserialize_with = "concurrency")]
    pub concurrency: Option<usize>,
    /// Outgoing requests at the same time.
    #[serde(deserialize_with = "http_requests")]
    pub http_requests: Option<usize>,
    /// Bytes of a request's body, and of a response's.
    #[serde(deserialize_with = "http_body")]
    pub http_body: Option<usize>,
    /// Time of one request.
    #[serde(deserialize_with = "http_time")]
    pub http_time: Option<Span>,
    /// Files and folders made by a call.
    #[serde(deserialize_with = "files")]
    pub files: Option<usize>,
    /// Bytes written to files by a call.
    #[serde(deserialize_with = "file_bytes")]
    pub file_bytes: Option<usize>,
}

impl LimitsConfig {
    /// These limits over `default`.
    pub(super) fn over(&self, default: Limits) -> Limits {
        let Self { deadline, memory, table_elements, instances, crossing, log, .. } = self;
        let Self { concurrency, http_requests, http_body, http_time, files, file_bytes, .. } = self;
        let span = |configured: &Option<Span>, default| configured.map_or(default, |span| span.0);
        Limits {
            deadline: span(deadline, default.deadline),
            memory: memory.unwrap_or(default.memory),
            table_elements: table_elements.unwrap_or(default.table_elements),
            instances: instances.unwrap_or(default.instances),
            crossing: crossing.unwrap_or(default.crossing),
            log: log.unwrap_or(default.log),
            concurrency: concurrency.unwrap_or(default.concurrency),
            http_requests: http_requests.unwrap_or(default.http_requests),
            http_body: http_body.unwrap_or(default.http_body),
            http_time: span(http_time, default.http_time),
            files: files.unwrap_or(default.files),
            file_bytes: file_bytes.unwrap_or(default.file_bytes),
        }
    }
}

fn within<'de, D: Deserializer<'de>, T: PartialOrd, W: Display>(
    value: T,
    range: RangeInclusive<T>,
    words: impl Fn(&T) -> W,
) -> Result<Option<T>, D::Error> {
    if range.contains(&value) {
        return Ok(Some(value));
    }
    let [value, least, most] = [&value, range.start(), range.end()].map(words);
    Err(de::Error::custom(format!("{value} cannot be enforced: expected {least} to {most}")))
}

fn span<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    let Span(span) = Span::deserialize(deserializer)?;
    let range = Duration::from_millis(1)..=Duration::from_secs(3600);
    Ok(within::<D, _, _>(span, range, |span| format!("{span:?}"))?.map(Span))
}

fn size<'de, D: Deserializer<'de>>(deserializer: D, range: RangeInclusive<usize>) -> Result<Option<usize>, D::Error> {
    let size = bytes(deserializer)?.unwrap_or_default();
    within::<D, _, _>(size, range, |bytes| ByteSize(*bytes))
}

fn number<'de, D: Deserializer<'de>>(deserializer: D, range: RangeInclusive<usize>) -> Result<Option<usize>, D::Error> {
    within::<D, _, _>(usize::deserialize(deserializer)?, range, |number| *number)
}

fn deadline<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span(deserializer)
}

fn http_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Span>, D::Error> {
    span(deserializer)
}

fn memory<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    size(deserializer, 64 << 10..=Limits::MOST_MEMORY)
}

fn table_elements<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    number(deserializer, 1..=Limits::MOST_TABLE_ELEMENTS)
}

fn instances<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    number(deserializer, 1..=Limits::MOST_INSTANCES)
}

fn crossing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    size(deserializer, 1 << 10..=128 << 20)
}

fn log<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    size(deserializer, 1 << 10..=16 << 20)
}

fn concurrency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    number(deserializer, 1..=Limits::MOST_CALLS)
}

fn http_requests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    number(deserializer, 1..=100)
}

fn http_body<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    size(deserializer, 1..=64 << 20)
}

fn files<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    number(deserializer, 1..=100_000)
}

fn file_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    size(deserializer, 1..=1 << 40)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Limits, String> {
        let limits: LimitsConfig = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        Ok(limits.over(Limits::default()))
    }

    #[test]
    fn what_is_configured_goes_over_the_defaults() {
        let configured = parse("deadline = '2s'\nmemory = '1mb'\nhttp-body = '1kb'\nfiles = 3").unwrap();
        let expected = Limits {
            deadline: Duration::from_secs(2),
            memory: 1 << 20,
            http_body: 1 << 10,
            files: 3,
            ..Limits::default()
        };
        assert_eq!(configured, expected);
    }

    #[test]
    fn what_cannot_be_enforced_is_refused_with_the_range_that_can() {
        for (text, words) in [
            ("deadline = '2h'", "7200s cannot be enforced: expected 1ms to 3600s"),
            ("deadline = '0s'", "more than zero"),
            ("memory = '1gb'", "1024 MiB cannot be enforced: expected 64 KiB to 256 MiB"),
            ("memory = '1kb'", "expected 64 KiB to 256 MiB"),
            ("table-elements = 20001", "20001 cannot be enforced: expected 1 to 20000"),
            ("instances = 0", "0 cannot be enforced: expected 1 to 20"),
            ("crossing = '1gb'", "expected 1 KiB to 128 MiB"),
            ("log = '17mb'", "expected 1 KiB to 16 MiB"),
            ("concurrency = 0", "expected 1 to 64"),
            ("http-requests = 101", "expected 1 to 100"),
            ("http-body = '65mb'", "expected 1 bytes to 64 MiB"),
            ("http-time = '2h'", "expected 1ms to 3600s"),
            ("files = 0", "expected 1 to 100000"),
            ("file-bytes = '2tb'", "expected 1 bytes to 1048576 MiB"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
