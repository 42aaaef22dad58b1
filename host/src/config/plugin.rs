//! `[plugin.<name>]`: who decides, and who is told.

use std::fmt;
use std::num::NonZeroU16;
use std::path::Path;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{ConfigError, GrantConfig, LimitsConfig};
use crate::plugin::{Fallback, Grants, Limits, OnFailure, Source};

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
    /// What it may touch.
    #[serde(default)]
    pub grant: GrantConfig,
    /// What is done when it fails.
    #[serde(default, deserialize_with = "on_failure")]
    pub on_failure: OnFailure,
    /// After how many failures in a row.
    #[serde(default = "three")]
    pub max_failures: NonZeroU16,
    /// Whether a policy only rehearses beside the one that decides.
    #[serde(default)]
    pub shadow: bool,
}

impl PluginConfig {
    /// A plugin of which nothing but its role and its source is said.
    pub fn of(role: Role, source: Source) -> Self {
        Self {
            role,
            source,
            jobs: Vec::new(),
            limits: LimitsConfig::default(),
            grant: GrantConfig::default(),
            on_failure: OnFailure::default(),
            max_failures: three(),
            shadow: false,
        }
    }

    /// What the plugin called `name` may touch. Reads secrets from the environment and from files.
    ///
    /// # Errors
    /// When something that is granted is not where it should be, or plugins of this role have no grants.
    pub fn grants(&self, name: &str, folder: &Path) -> Result<Grants, ConfigError> {
        if self.role == Role::Policy && !self.grant.is_empty() {
            let reason = "a policy can be granted nothing: it is a pure function of what it is shown, so that decisions \
                          can be replayed";
            return Err(ConfigError::Plugin { plugin: name.to_owned(), setting: "grant", reason: reason.to_owned() });
        }
        self.grant.grants(name, folder)
    }

    /// What a call may use: what is configured, over the defaults of the role.
    pub fn limits(&self) -> Limits {
        self.limits.over(match self.role {
            Role::Policy => Limits::default(),
            Role::EventHandler => Limits::of_event_handlers(),
        })
    }
}

const fn three() -> NonZeroU16 {
    match NonZeroU16::new(3) {
        Some(three) => three,
        None => NonZeroU16::MIN,
    }
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

fn source<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Source, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}

/// One word for every kind of failure, or a table with a word for each kind.
fn on_failure<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OnFailure, D::Error> {
    deserializer.deserialize_any(Words)
}

struct Words;

impl<'de> Visitor<'de> for Words {
    type Value = OnFailure;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"hold\", \"previous\", \"bundled\", or a table such as { call = \"previous\" }")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<OnFailure, E> {
        let choice = fallback(word)?;
        Ok(OnFailure { load: choice, check: choice, call: choice, answer: choice })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OnFailure, A::Error> {
        let mut all = OnFailure::default();
        while let Some((kind, word)) = map.next_entry::<String, String>()? {
            let choice = fallback(&word)?;
            match kind.as_str() {
                "load" => all.load = choice,
                "check" => all.check = choice,
                "call" => all.call = choice,
                "answer" => all.answer = choice,
                other => return Err(de::Error::unknown_field(other, &["load", "check", "call", "answer"])),
            }
        }
        Ok(all)
    }
}

fn fallback<E: de::Error>(word: &str) -> Result<Fallback, E> {
    match word {
        "hold" => Ok(Fallback::Hold),
        "previous" => Ok(Fallback::Previous),
        "bundled" => Ok(Fallback::Bundled),
        other => Err(de::Error::unknown_variant(other, &["hold", "previous", "bundled"])),
    }
}
