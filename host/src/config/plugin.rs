//! `[plugin.<name>]`: who decides, and who is told.

use serde::Deserialize;

use super::Span;
use super::span::bytes;
use crate::plugin::{Limits, Source};

/// One `[plugin.<name>]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PluginConfig {
    /// What it is for.
    pub role: Role,
    /// `bundled:<name>`, or a file.
    #[serde(deserialize_with = "source")]
    pub source: Source,
    /// Which jobs a policy decides for, as `cluster/job` with `*` for any text. Empty: all.
    #[serde(default)]
    pub jobs: Vec<String>,
    /// What a call may use.
    #[serde(default)]
    pub limits: LimitsConfig,
}

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Decides.
    Policy,
    /// Is told.
    EventHandler,
}

/// The `limits` of a plugin; what is absent has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// Wall-clock time of a call.
    pub deadline: Option<Span>,
    /// Bytes of linear memory.
    #[serde(deserialize_with = "bytes")]
    pub memory: Option<usize>,
    /// Bytes that one crossing may carry from the guest to the host.
    #[serde(deserialize_with = "bytes")]
    pub crossing: Option<usize>,
    /// Bytes of log lines per call.
    #[serde(deserialize_with = "bytes")]
    pub log: Option<usize>,
    /// Calls at the same time.
    pub concurrency: Option<std::num::NonZeroU16>,
}

impl LimitsConfig {
    /// These limits over the defaults.
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            deadline: self.deadline.map_or(default.deadline, |deadline| deadline.0),
            memory: self.memory.unwrap_or(default.memory),
            crossing: self.crossing.unwrap_or(default.crossing),
            log: self.log.unwrap_or(default.log),
            concurrency: self.concurrency.map_or(default.concurrency, |calls| usize::from(calls.get())),
            ..default
        }
    }
}

fn source<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
