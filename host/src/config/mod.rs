//! `tidegate.toml` as types, and what a user says instead on the command line.

mod admin;
mod changes;
mod cluster;
mod control;
mod error;
mod events;
mod file;
mod grant;
mod kubernetes;
mod limits;
mod options;
mod plugin;
mod plugin_options;
mod plugins;
mod span;
mod sql;
mod state_store;

pub use admin::{AdminConfig, Token};
pub use changes::{Changes, NamedChanges};
pub use cluster::{AuthConfig, ClusterConfig, TlsConfig};
pub use control::ControlConfig;
pub use error::ConfigError;
pub(crate) use error::with_hint;
pub use events::EventsConfig;
pub use file::{Config, ConfigFile};
pub use grant::{FolderConfig, GrantConfig, SecretConfig};
pub use kubernetes::{KubeconfigTable, KubernetesConfig};
pub use limits::LimitsConfig;
pub(crate) use options::from_table;
pub use options::parse_option;
pub use plugin::{PluginConfig, Role};
pub(crate) use plugin_options::options as plugin_options;
pub use plugins::PluginsConfig;
pub use span::Span;
pub use sql::SqlConfig;
pub use state_store::{Keeper, StateStoreConfig};

/// Every setting with its default, commented; what `tidegate run` works with where a file says nothing.
pub const DEFAULTS: &str = include_str!("default.toml");
