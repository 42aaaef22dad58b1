//! The file as a whole.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tidegate_common::configuration::Configuration;
use toml::Table;

use super::error::with_hint;
use super::options::from_table;
use super::{AdminConfig, ClusterConfig, ConfigError, ControlConfig, PluginConfig, PluginsConfig, StateStoreConfig};
use crate::model::Digest;

/// All that an operator configures.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The folder that relative paths are taken from.
    pub folder: PathBuf,
    /// Where the host keeps what it must not lose, and the compiled plugins; see [`Config::state_dir`].
    pub state_dir: Option<PathBuf>,
    /// The pace of the control loop.
    pub control: ControlConfig,
    /// Health and metrics.
    pub admin: AdminConfig,
    /// Options of all jobs.
    pub options: Configuration,
    /// The clusters, each with the options of its jobs.
    pub clusters: Vec<(ClusterConfig, Configuration)>,
    /// The plugins by name.
    pub plugins: BTreeMap<String, PluginConfig>,
    /// Where plugins are found.
    pub plugin_files: PluginsConfig,
    /// Where the state of jobs is kept; in SQLite where nothing is said.
    pub state_store: Option<StateStoreConfig>,
    /// The file that this was read from, if any.
    pub file: Option<ConfigFile>,
}

/// The file of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it held.
    pub digest: Digest,
}

/// The tables of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Tables {
    state_dir: Option<PathBuf>,
    #[serde(default)]
    control: ControlConfig,
    #[serde(default)]
    admin: AdminConfig,
    #[serde(default)]
    options: Table,
    #[serde(default)]
    cluster: Vec<ClusterConfig>,
    #[serde(default)]
    plugin: BTreeMap<String, PluginConfig>,
    #[serde(default)]
    plugins: PluginsConfig,
    state_store: Option<StateStoreConfig>,
}

impl Config {
    /// The folder that relative sources of plugins are taken from.
    pub fn plugin_folder(&self) -> PathBuf {
        self.plugin_files.directory.as_ref().map_or_else(|| self.folder.clone(), |folder| self.folder.join(folder))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or something in it cannot be meant.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let file = ConfigFile { path: path.to_owned(), digest: Digest::of(text.as_bytes()) };
        Ok(Self { file: Some(file), ..Self::parse(path, &text)? })
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// When something in it cannot be meant; the place is marked.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let tables: Tables = toml::from_str(text)
            .map_err(|error| ConfigError::at(path.to_owned(), text, error.span(), with_hint(error.message())))?;
        let Tables { state_dir, control, admin, options, cluster, plugin, plugins, state_store } = tables;
        let configuration = |table: &Table| {
            from_table(table).map_err(|wrong| {
                let place = text.find(&wrong.written).map(|start| start..start + wrong.written.len());
                ConfigError::at(path.to_owned(), text, place, wrong.reason)
            })
        };
        let options = configuration(&options)?;
        let clusters = cluster
            .into_iter()
            .map(|cluster| {
                let own = configuration(&cluster.options)?;
                Ok((cluster, own))
            })
            .collect::<Result<_, ConfigError>>()?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let state_dir = state_dir.map(|path| folder.join(path));
        Ok(Self {
            folder,
            state_dir,
            control,
            admin,
            options,
            clusters,
            plugins: plugin,
            plugin_files: plugins,
            state_store,
            file: None,
        })
    }

    /// The folder of the host's own files: as configured, else where systemd or the user's environment say. None if
    /// nobody says anything.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let of_variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        self.state_dir
            .clone()
            .or_else(|| of_variable("STATE_DIRECTORY"))
            .or_else(|| of_variable("XDG_STATE_HOME").map(|home| home.join("tidegate")))
            .or_else(|| of_variable("HOME").map(|home| home.join(".local/state/tidegate")))
    }

    /// What only shows when file and command line are put together.
    ///
    /// # Errors
    /// When there is no cluster, two have one name, or a plugin has settings that make no sense for its role.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.clusters.is_empty() {
            return Err(ConfigError::NoCluster);
        }
        for (name, plugin) in &self.plugins {
            if let Some((setting, reason)) = plugin.nonsense() {
                return Err(ConfigError::Plugin { plugin: name.clone(), setting, reason: reason.to_owned() });
            }
        }
        for (index, (cluster, _)) in self.clusters.iter().enumerate() {
            if self.clusters.iter().skip(index + 1).any(|(other, _)| other.name == cluster.name) {
                return Err(ConfigError::SameName { name: cluster.name.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{DEFAULTS, Role, Span};
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(Path::new("/etc/tidegate/tidegate.toml"), text)
    }

    #[test]
    fn the_commented_defaults_are_the_defaults() {
        let config = parse(DEFAULTS).unwrap();
        assert_eq!(config.control, ControlConfig::default());
        assert_eq!(config.admin, AdminConfig::default());
        assert_eq!(config.plugin_files, PluginsConfig::default());
        assert_eq!(config.options.get("job.autoscaler.enabled"), Some("false"));
        assert!(config.clusters.is_empty() && config.plugins.is_empty());
    }

    #[test]
    fn every_commented_example_is_valid() {
        let uncommented: Vec<&str> = DEFAULTS
            .lines()
            .map(|line| {
                line.strip_prefix("# ").filter(|rest| rest.starts_with('[') || rest.contains(" = ")).unwrap_or(line)
            })
            .collect();
        let config = parse(&uncommented.join("\n")).unwrap();
        let (cluster, options) = &config.clusters[0];
        assert_eq!((cluster.name.as_str(), cluster.timeout), ("orders", Some(Span::seconds(10))));
        assert_eq!(options.get("job.autoscaler.enabled"), Some("true"));
        let plugin = &config.plugins["my-policy"];
        assert_eq!((plugin.role, plugin.jobs.as_slice()), (Role::Policy, ["orders/*".to_owned()].as_slice()));
        let limits = plugin.limits();
        assert_eq!((limits.deadline, limits.memory), (Duration::from_secs(1), 64 << 20));
        assert_eq!(limits, crate::plugin::Limits::default(), "the example shows the defaults");
        let pager = &config.plugins["pager"];
        assert_eq!((pager.role, pager.grant.http.len(), pager.grant.secrets.len()), (Role::EventHandler, 1, 1));
    }

    #[test]
    fn what_cannot_be_meant_is_marked_and_the_nearest_key_named() {
        for (text, line, expected, marked) in [
            ("[control]\nintervall = \"5s\"", 2, "did you mean `interval`?", "^^^^^^^^^"),
            ("[contrl]", 1, "did you mean `control`?", "^^^^^^"),
            ("[control]\ninterval = \"5 parsecs\"", 2, "`5 parsecs` is no duration", "^^^^^^^^^^^"),
            ("[control]\ninterval = \"0s\"", 2, "more than zero", "^^^^"),
            ("[plugin.x]\nrole = \"polici\"\nsource = \"x.wasm\"", 2, "did you mean `policy`?", "^^^^^^^^"),
            ("[plugin.x]\nrole = \"policy\"\nsource = \"oci://x\"", 3, "names no registry", "^^^^^^^^^"),
            ("[[cluster]]\nname = \"a\"", 1, "missing field `url`", "^"),
            (
                "[options]\n\"job.autoscaler.metrics.windw\" = \"5m\"",
                2,
                "did you mean `job.autoscaler.metrics.window`?",
                "^^^",
            ),
            ("[admin\n", 1, "", "^"),
        ] {
            match parse(text) {
                Err(ConfigError::Parse { line: found, reason, excerpt, .. }) => {
                    assert_eq!(found, line, "{text}\n{reason}");
                    assert!(reason.contains(expected), "{text}\n{reason}");
                    assert!(excerpt.contains(marked), "{text}\n{excerpt}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn settings_that_make_no_sense_for_a_role_are_refused() {
        let cluster = "[[cluster]]\nname = \"a\"\nurl = \"http://x\"\n[plugin.p]\nsource = \"p.wasm\"\n";
        for (settings, expected) in [
            ("role = \"filter\"\njobs = [\"*\"]\npriority = -3", None),
            ("role = \"policy\"\npriority = 1", Some("only filters have one")),
            ("role = \"evaluator\"\njobs = [\"*\"]", Some("jobs name it in their own options")),
            ("role = \"aligner\"", None),
            ("role = \"event-handler\"\njobs = [\"*\"]\nevents = { kind = \"warning\" }\noptions = { a = 1 }", None),
            ("role = \"event-handler\"\npriority = 1", Some("only filters have one")),
            ("role = \"policy\"\nevents = { kind = \"warning\" }", Some("only event handlers are told")),
            ("role = \"filter\"\noptions = { a = 1 }", Some("only event handlers have them")),
        ] {
            let found = parse(&format!("{cluster}{settings}")).unwrap().check();
            match (found, expected) {
                (Ok(()), None) => {}
                (Err(error), Some(words)) => {
                    let text = error.to_string();
                    assert!(text.contains(words) && text.contains("`p`"), "{text}");
                }
                (found, _) => panic!("{settings}: {found:?}"),
            }
        }
    }

    #[test]
    fn extensions_have_less_time_than_the_policies_that_wait_for_them() {
        for (role, deadline) in [("policy", 1000), ("event-handler", 30_000), ("evaluator", 200), ("filter", 200)] {
            let config = parse(&format!("[plugin.p]\nrole = \"{role}\"\nsource = \"p.wasm\"")).unwrap();
            assert_eq!(config.plugins["p"].limits().deadline, Duration::from_millis(deadline), "{role}");
        }
    }

    #[test]
    fn clusters_need_a_name_of_their_own() {
        let twice = "[[cluster]]\nname = \"a\"\nurl = \"http://x\"\n[[cluster]]\nname = \"a\"\nurl = \"http://y\"";
        assert!(matches!(parse(twice).unwrap().check(), Err(ConfigError::SameName { .. })));
        assert!(matches!(parse("").unwrap().check(), Err(ConfigError::NoCluster)));
    }
}
