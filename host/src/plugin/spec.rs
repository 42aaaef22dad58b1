//! What an operator says about one plugin.

use std::path::Path;

use super::{Limits, OnFailure, Source};
use crate::config::{PluginConfig, Role};

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
    /// The jobs that it is for, as `cluster/job` with `*` for any text. Empty: all.
    pub jobs: Vec<String>,
    /// What is done when it fails.
    pub on_failure: OnFailure,
    /// After how many failures in a row, at least 1.
    pub max_failures: u32,
    /// Whether a policy only rehearses beside the one that decides.
    pub shadow: bool,
}

impl Spec {
    /// From its table; relative paths are taken from `folder`.
    pub fn new(name: &str, config: &PluginConfig, folder: &Path) -> Self {
        let PluginConfig { role, source, jobs, limits, on_failure, max_failures, shadow } = config;
        Self {
            name: name.to_owned(),
            role: *role,
            source: source.relative_to(folder),
            limits: limits.limits(),
            jobs: jobs.clone(),
            on_failure: *on_failure,
            max_failures: u32::from(max_failures.get()),
            shadow: *shadow,
        }
    }

    /// A plugin that the host carries, with every default.
    pub fn bundled(name: &str, role: Role) -> Self {
        let config = PluginConfig::of(role, Source::Bundled(name.to_owned()));
        Self::new(name, &config, Path::new(""))
    }

    /// Whether a version has to be built again to run as `other` says.
    pub(super) fn builds_as(&self, other: &Self) -> bool {
        self.role == other.role && self.source == other.source && self.limits == other.limits
    }
}
