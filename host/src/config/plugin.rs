//! `[plugin.<name>]`: who decides, and who is told.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU16;
use std::path::Path;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::plugin_options::options;
use super::{ConfigError, EventsConfig, GrantConfig, LimitsConfig, Span};
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
    /// Which jobs a policy decides for, or an event handler is told of, as `cluster/job` with `*` for any text. Empty: all. Before the changes of which
    /// jobs a filter stands, whether or not they name it. Empty: only those that name it.
    #[serde(default)]
    pub jobs: Vec<String>,
    /// When a filter is asked, over its own word on it; lower numbers first.
    pub priority: Option<i32>,
    /// What a call may use.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What it may touch.
    #[serde(default)]
    pub grant: GrantConfig,
    /// What only the plugin understands.
    #[serde(default, deserialize_with = "options")]
    pub options: BTreeMap<String, String>,
    /// Which events an event handler is told of.
    #[serde(default)]
    pub events: EventsConfig,
    /// What is done when it fails.
    #[serde(default, deserialize_with = "on_failure")]
    pub on_failure: OnFailure,
    /// After how many failures in a row.
    #[serde(default = "three")]
    pub max_failures: NonZeroU16,
    /// Failures within this time of one that was counted are not counted.
    #[serde(default = "ten_seconds")]
    pub back_off: Span,
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
            priority: None,
            limits: LimitsConfig::default(),
            grant: GrantConfig::default(),
            options: BTreeMap::new(),
            events: EventsConfig::default(),
            on_failure: OnFailure::default(),
            max_failures: three(),
            back_off: ten_seconds(),
            shadow: false,
        }
    }

    /// What the plugin called `name` may touch. Reads secrets from the environment and from files.
    ///
    /// # Errors
    /// When something that is granted is not where it should be, or plugins of this role have no grants.
    pub fn grants(&self, name: &str, folder: &Path) -> Result<Grants, ConfigError> {
        if self.role != Role::EventHandler && !self.grant.is_empty() {
            let reason = "a policy, and what helps it, can be granted nothing: it is a pure function of what it is shown, so \
                          that decisions can be replayed";
            return Err(ConfigError::Plugin { plugin: name.to_owned(), setting: "grant", reason: reason.to_owned() });
        }
        Ok(Grants { options: self.options.clone(), ..self.grant.grants(name, folder)? })
    }

    /// What a call may use: what is configured, over the defaults of the role.
    pub fn limits(&self) -> Limits {
        self.limits.over(match self.role {
            Role::Policy => Limits::default(),
            Role::EventHandler => Limits::of_event_handlers(),
            Role::Evaluator | Role::Aligner | Role::Filter => Limits::of_extension(),
        })
    }
}

fn ten_seconds() -> Span {
    Span::seconds(10)
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
    /// Adds to what a policy evaluates, for the jobs that name it.
    Evaluator,
    /// Chooses parallelisms that spread load well, for the jobs that name it.
    Aligner,
    /// Modifies or vetoes what a policy wants to change.
    Filter,
}

impl Role {
    /// Its word in configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::EventHandler => "event-handler",
            Self::Evaluator => "evaluator",
            Self::Aligner => "aligner",
            Self::Filter => "filter",
        }
    }
}

impl PluginConfig {
    /// What makes no sense for a plugin of its role.
    /// The setting, and what to do about it.
    pub(super) fn nonsense(&self) -> Option<(&'static str, &'static str)> {
        match self.role {
            Role::Evaluator | Role::Aligner | Role::Filter if self.on_failure.wants_bundled() => {
                Some(("on-failure", "no plugin of its role is bundled: let it be hold or previous"))
            }
            Role::EventHandler => self.priority.map(|_| ("priority", "only filters have one: remove it")),
            _ if self.events != EventsConfig::default() => {
                Some(("events", "only event handlers are told of any: remove it"))
            }
            _ if !self.options.is_empty() => {
                Some(("options", "only event handlers have them; a policy's are those of its jobs, in [options]"))
            }
            Role::Evaluator | Role::Aligner if !self.jobs.is_empty() => {
                Some(("jobs", "jobs name it in their own options: remove it"))
            }
            Role::Filter => None,
            _ if self.priority.is_some() => Some(("priority", "only filters have one: remove it")),
            _ => None,
        }
    }
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
