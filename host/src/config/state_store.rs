//! `[state-store]`: where the state of jobs is kept.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, Deserializer};

use super::plugin_options::options;
use super::{ConfigError, GrantConfig, LimitsConfig, SqlConfig};
use crate::plugin::{Grants, Limits, Source};

/// The `[state-store]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StateStoreConfig {
    /// Who keeps it.
    #[serde(deserialize_with = "keeper")]
    pub source: Keeper,
    /// What a plugin may touch.
    #[serde(default)]
    pub grant: GrantConfig,
    /// What only the plugin understands.
    #[serde(default, deserialize_with = "options")]
    pub options: BTreeMap<String, String>,
    /// What a call of a plugin may use.
    #[serde(default)]
    pub limits: LimitsConfig,
}

/// Who keeps state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keeper {
    /// The process: a restart begins anew.
    Memory,
    /// A plugin.
    Plugin(Source),
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("memory"),
            Self::Plugin(source) => source.fmt(f),
        }
    }
}

impl StateStoreConfig {
    /// State that ends with the process.
    pub fn memory() -> Self {
        Self::of(Keeper::Memory, GrantConfig::default())
    }

    /// The bundled store over an SQLite file.
    pub fn sqlite(file: &Path) -> Self {
        let main = SqlConfig::at(format!("sqlite://{}", file.display()));
        let grant = GrantConfig { sql: BTreeMap::from([("main".to_owned(), main)]), ..GrantConfig::default() };
        Self::of(Keeper::Plugin(Source::Bundled("sql".to_owned())), grant)
    }

    fn of(source: Keeper, grant: GrantConfig) -> Self {
        Self { source, grant, options: BTreeMap::new(), limits: LimitsConfig::default() }
    }

    /// What a plugin called `name` may touch. Reads secrets from the environment and from files.
    ///
    /// # Errors
    /// When something that is granted is not where it should be.
    pub fn grants(&self, name: &str, folder: &Path) -> Result<Grants, ConfigError> {
        Ok(Grants { options: self.options.clone(), ..self.grant.grants(name, folder)? })
    }

    /// What a call may use: what is configured, over the defaults of state stores.
    pub fn limits(&self) -> Limits {
        self.limits.over(Limits::of_state_store())
    }
}

fn keeper<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Keeper, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "memory" => Ok(Keeper::Memory),
        text => text.parse().map(Keeper::Plugin).map_err(de::Error::custom),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Config;
    use super::*;

    #[test]
    fn limits_go_over_those_of_state_stores() {
        let parse = |text: &str| Config::parse(Path::new("/etc/tidegate.toml"), text).unwrap().state_store.unwrap();
        let store = parse("[state-store]\nsource = \"bundled:file\"\nlimits = { deadline = \"3s\" }");
        let expected = Limits { deadline: Duration::from_secs(3), ..Limits::of_state_store() };
        assert_eq!(store.limits(), expected);
        assert_eq!(parse("[state-store]\nsource = \"memory\""), StateStoreConfig::memory());
    }
}
