//! `grant = {…}` of a plugin: what it may touch. Secrets come from the environment or from files, never inline.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

use super::{ConfigError, KubernetesConfig, SqlConfig};
use crate::plugin::{Endpoint, Folder, Grants, Secret};

/// The `grant` of a plugin. Nothing is reachable without.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct GrantConfig {
    /// Where it may send requests to: `host:port`, or `http://host:port` without TLS.
    #[serde(deserialize_with = "endpoints")]
    pub http: Vec<Endpoint>,
    /// A file with certificate authorities that it trusts besides the system's.
    pub ca: Option<PathBuf>,
    /// What the host puts into its requests, by the name that the plugin has for it.
    pub secrets: BTreeMap<String, SecretConfig>,
    /// The Kubernetes API server that it may send requests to.
    pub kubernetes: Option<KubernetesConfig>,
    /// A folder that it sees as `/`.
    pub fs: Option<FolderConfig>,
    /// Environment variables of the host that it sees.
    pub env: Vec<String>,
    /// Databases by the names under which it opens them.
    pub sql: BTreeMap<String, SqlConfig>,
}

/// One of the `secrets`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretConfig {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it.
    pub file: Option<PathBuf>,
    /// The only place that it is sent to, written as under `http`.
    #[serde(deserialize_with = "endpoint")]
    pub to: Endpoint,
}

/// The `fs` of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FolderConfig {
    /// The folder.
    pub path: PathBuf,
    /// Whether the plugin may change what is there.
    #[serde(default)]
    pub write: bool,
}

impl GrantConfig {
    /// Whether anything is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the plugin needs. Reads secrets from the environment and from files.
    ///
    /// # Errors
    /// When something that is granted is not where it should be, or settings contradict each other.
    pub fn grants(&self, plugin: &str, folder: &Path) -> Result<Grants, ConfigError> {
        let Self { http, ca, secrets, kubernetes, fs: files, env: variables, sql } = self;
        let wrong = |setting, reason| ConfigError::Plugin { plugin: plugin.to_owned(), setting, reason };
        let variable = |setting, name: &str| {
            env::var(name).map_err(|_| wrong(setting, format!("the environment variable `{name}` is not set")))
        };
        if http.is_empty() && (ca.is_some() || !secrets.is_empty()) {
            return Err(wrong(
                "grant",
                "`ca` and `secrets` are for requests: say with `http` where they may go".to_owned(),
            ));
        }
        let read = |path: &Path| {
            let path = folder.join(path);
            fs::read(&path).map_err(|source| ConfigError::Read { path, source })
        };
        let secret = |(name, secret): (&String, &SecretConfig)| {
            let SecretConfig { env, file, to } = secret;
            let value = match (env, file) {
                (Some(name), None) => variable("grant.secrets", name)?,
                (None, Some(file)) => String::from_utf8_lossy(&read(file)?).trim().to_owned(),
                _ => return Err(wrong("grant.secrets", format!("give one of `env` and `file` for `{name}`"))),
            };
            if !http.contains(to) {
                return Err(wrong("grant.secrets", format!("`{name}` is for {to}, which is not granted by `http`")));
            }
            if value.is_empty() || value.chars().any(char::is_control) {
                return Err(wrong("grant.secrets", format!("`{name}` is empty, or more than one line")));
            }
            Ok(Secret { name: name.clone(), to: to.clone(), value })
        };
        let of_files = |FolderConfig { path, write }: &FolderConfig| {
            let path = folder.join(path);
            if !path.is_dir() {
                return Err(wrong("grant.fs", format!("`{}` is no folder", path.display())));
            }
            Ok(Folder { path, write: *write })
        };
        Ok(Grants {
            http: http.clone(),
            authorities: ca.as_deref().map(read).transpose()?,
            secrets: secrets.iter().map(secret).collect::<Result<_, _>>()?,
            kubernetes: kubernetes.as_ref().map(|server| server.grant(plugin, folder)).transpose()?,
            folder: files.as_ref().map(of_files).transpose()?,
            env: variables
                .iter()
                .map(|name| Ok((name.clone(), variable("grant.env", name)?)))
                .collect::<Result<_, ConfigError>>()?,
            databases: sql
                .iter()
                .map(|(name, database)| Ok((name.clone(), database.grant(plugin, name, folder)?)))
                .collect::<Result<_, ConfigError>>()?,
            options: BTreeMap::new(),
        })
    }
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Endpoint, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

fn endpoints<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn grants(text: &str) -> Result<Grants, String> {
        let config: GrantConfig = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        config.grants("pager", Path::new("/")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_granted_is_read() {
        let mut file = NamedTempFile::new().unwrap();
        writeln!(file, "hunter2").unwrap();
        let text = format!(
            "http = ['hooks.internal:443', 'http://127.0.0.1:8080']\nenv = ['PATH']\nfs = {{ path = 'tmp', write = true }}\n\
             secrets = {{ TOKEN = {{ file = '{}', to = 'hooks.internal:443' }} }}",
            file.path().display()
        );
        let grants = grants(&text).unwrap();
        assert_eq!(
            grants.http.iter().map(Endpoint::to_string).collect::<Vec<_>>(),
            ["hooks.internal:443", "http://127.0.0.1:8080"]
        );
        assert_eq!(grants.folder, Some(Folder { path: "/tmp".into(), write: true }));
        assert_eq!(grants.env, [("PATH".to_owned(), env::var("PATH").unwrap())]);
        assert_eq!((grants.secrets[0].name.as_str(), grants.secrets[0].value.as_str()), ("TOKEN", "hunter2"));
    }

    #[test]
    fn what_cannot_be_granted_is_refused_with_words() {
        for (text, words) in [
            ("http = ['hooks']", "`hooks` is no place for requests"),
            ("sql = { main = 'oracle://x' }", "`grant.sql` of plugin `pager`: database `main`: this is no database"),
            ("ca = '/ca.pem'", "say with `http` where they may go"),
            ("env = ['TIDEGATE_NOT_SET']", "`TIDEGATE_NOT_SET` is not set"),
            ("fs = { path = '/not/there' }", "`/not/there` is no folder"),
            ("http = ['a:1']\nca = '/not/there.pem'", "failed to read `/not/there.pem`"),
            ("http = ['a:1']\nsecrets = { X = { to = 'a:1' } }", "give one of `env` and `file` for `X`"),
            ("http = ['a:1']\nsecrets = { X = { env = 'PATH', to = 'b:1' } }", "`X` is for b:1, which is not granted"),
            ("http = ['a:1']\nsecrets = { X = 'inline' }", "invalid type"),
            ("gpu = true", "unknown field `gpu`"),
        ] {
            let error = grants(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
