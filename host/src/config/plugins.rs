//! `[plugins]`: where plugins are found.

use std::path::PathBuf;

use serde::Deserialize;

use super::Span;

/// The `[plugins]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PluginsConfig {
    /// The folder that relative sources are taken from; that of the configuration file if absent.
    pub directory: Option<PathBuf>,
    /// How often files are looked at besides what the operating system tells of them.
    pub rescan: Span,
}

impl Default for PluginsConfig {
    fn default() -> Self {
        Self { directory: None, rescan: Span::seconds(5) }
    }
}
