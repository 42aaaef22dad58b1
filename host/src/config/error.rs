//! What is wrong with a configuration: where, why, and what was probably meant.

use std::io;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;
use tidegate_common::options::known_keys;

/// A configuration that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no configuration.
    #[error("{}:{line}:{column}: {reason}\n{excerpt}", path.display())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong, and what was probably meant.
        reason: String,
        /// The line, the place marked below it.
        excerpt: String,
    },
    /// No cluster is named anywhere.
    #[error("no cluster is configured: add a [[cluster]] table to the configuration, or give --cluster URL")]
    NoCluster,
    /// Two clusters with one name.
    #[error("two clusters are called `{name}`: names must differ, since logs, metrics and state go by them")]
    SameName {
        /// The name.
        name: String,
    },
    /// A setting of `[admin]` cannot be used.
    #[error("`{setting}` in [admin]: {reason}")]
    Admin {
        /// Which setting.
        setting: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A setting of a plugin cannot be used.
    #[error("`{setting}` of plugin `{plugin}`: {reason}")]
    Plugin {
        /// Which plugin.
        plugin: String,
        /// Which setting.
        setting: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A setting of a cluster cannot be used.
    #[error("`{setting}` of cluster `{cluster}`: {reason}")]
    Cluster {
        /// Which cluster.
        cluster: String,
        /// Which setting.
        setting: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl ConfigError {
    /// Something wrong at one place of a file's text.
    pub(crate) fn at(path: PathBuf, text: &str, place: Option<Range<usize>>, reason: String) -> Self {
        let start = place.as_ref().map_or(0, |place| place.start.min(text.len()));
        let before = text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let content = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
        let width = place.map_or(1, |place| place.len()).clamp(1, content.len().saturating_sub(column - 1).max(1));
        let excerpt = format!("    {content}\n    {}{}", " ".repeat(column - 1), "^".repeat(width));
        Self::Parse { path, line, column, reason, excerpt }
    }
}

/// TOML's own words for an unknown key, with the nearest of the keys that it lists.
pub(crate) fn with_hint(message: &str) -> String {
    let Some(rest) = message.strip_prefix("unknown field ").or_else(|| message.strip_prefix("unknown variant ")) else {
        return message.to_owned();
    };
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let written = quoted.next().unwrap_or_default();
    match nearest(written, quoted) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message.to_owned(),
    }
}

/// The autoscaler's option that is nearest to `key`.
pub(super) fn nearest_option(key: &str) -> Option<&'static str> {
    nearest(key, known_keys())
}

/// The candidate nearest to `written`, if one is near enough to be meant.
fn nearest<'a>(written: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (candidate, strsim::normalized_damerau_levenshtein(written, candidate)))
        .filter(|(_, likeness)| *likeness > 0.6)
        .max_by(|(_, one), (_, other)| one.total_cmp(other))
        .map(|(candidate, _)| candidate)
}
