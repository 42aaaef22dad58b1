//! What an operator says about one plugin.

use std::path::Path;
use std::time::Duration;

use wildmatch::WildMatch;

use super::OnFailure;
use crate::config::{ConfigError, EventsConfig, PluginConfig, Role};
use crate::model::JobEvent;
use crate::plugin::{Grants, Limits, Source};

/// A plugin as it is to be run: its table in the configuration, paths resolved and defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name in the configuration.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Where its bytes come from.
    pub source: Source,
    /// What a call may use.
    pub limits: Limits,
    /// What it may touch.
    pub grants: Grants,
    /// The jobs that it is for, as `cluster/job` with `*` for any text. Empty: all.
    pub jobs: Vec<String>,
    /// Which of their events a handler is told of.
    pub events: EventsConfig,
    /// When a filter is asked, over its own word on it.
    pub priority: Option<i32>,
    /// What is done when it fails.
    pub on_failure: OnFailure,
    /// After how many failures in a row, at least 1.
    pub max_failures: u32,
    /// Failures within this time of one that was counted are not counted.
    pub back_off: Duration,
    /// Whether a policy only rehearses beside the one that decides.
    pub shadow: bool,
}

impl Spec {
    /// From its table: a relative path of its own is taken from `plugins`, one of what it is granted from `folder`.
    ///
    /// # Errors
    /// When something that it is granted cannot be given to it.
    pub fn new(name: &str, config: &PluginConfig, plugins: &Path, folder: &Path) -> Result<Self, ConfigError> {
        Ok(Self::granted(name, config, plugins, config.grants(name, folder)?))
    }

    fn granted(name: &str, config: &PluginConfig, plugins: &Path, grants: Grants) -> Self {
        let PluginConfig { role, source, jobs, events, priority, on_failure, max_failures, back_off, shadow, .. } =
            config;
        Self {
            name: name.to_owned(),
            role: *role,
            source: source.relative_to(plugins),
            limits: config.limits(),
            grants,
            jobs: jobs.clone(),
            events: events.clone(),
            priority: *priority,
            on_failure: *on_failure,
            max_failures: u32::from(max_failures.get()),
            back_off: back_off.0,
            shadow: *shadow,
        }
    }

    /// A plugin that the host carries, with every default.
    pub fn bundled(name: &str, role: Role) -> Self {
        let config = PluginConfig::of(role, Source::Bundled(name.to_owned()));
        Self::granted(name, &config, Path::new(""), Grants::default())
    }

    /// Whether a handler is to be told of an event.
    pub(super) fn wants(&self, event: &JobEvent) -> bool {
        let EventsConfig { reasons, kind } = &self.events;
        let matches = |patterns: &[String], text: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| WildMatch::new(pattern).matches(text))
        };
        kind.is_none_or(|kind| kind == event.event.kind)
            && matches(reasons, &event.event.reason)
            && matches(&self.jobs, &format!("{}/{}", event.job.cluster, event.job_name))
    }

    /// Whether a version has to be built again to run as `other` says.
    pub(super) fn builds_as(&self, other: &Self) -> bool {
        let has_bundled = self.on_failure.wants_bundled() || !other.on_failure.wants_bundled();
        self.role == other.role
            && self.source == other.source
            && self.limits == other.limits
            && self.grants == other.grants
            && has_bundled
    }
}
