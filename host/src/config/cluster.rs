//! `[[cluster]]`: the Flink clusters, and how to get in.

use std::env;
use std::fs;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Table;

use super::{ConfigError, Span};
use crate::flink::{Authorization, ClientIdentity, RestOptions, TlsOptions};

/// One `[[cluster]]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClusterConfig {
    /// How logs, metrics and state call it.
    pub name: String,
    /// Flink's REST address.
    pub url: String,
    /// The time-out of one request.
    pub timeout: Option<Span>,
    /// Requests at the same time.
    pub connections: Option<NonZeroU16>,
    /// How to prove who we are.
    pub auth: Option<AuthConfig>,
    /// Certificates.
    pub tls: Option<TlsConfig>,
    /// Options of this cluster's jobs.
    #[serde(default)]
    pub options: Table,
}

/// Credentials; secrets come from the environment or from files, never inline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AuthConfig {
    /// The environment variable that holds a bearer token.
    pub bearer_env: Option<String>,
    /// The file that holds a bearer token.
    pub bearer_file: Option<PathBuf>,
    /// The user's name, for basic authentication.
    pub user: Option<String>,
    /// The environment variable that holds the user's password.
    pub password_env: Option<String>,
}

/// Files in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TlsConfig {
    /// Authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// Our own certificate.
    pub cert: Option<PathBuf>,
    /// Its key.
    pub key: Option<PathBuf>,
}

impl ClusterConfig {
    /// A cluster of which nothing but the address is known.
    pub fn at(name: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            url: url.into(),
            timeout: None,
            connections: None,
            auth: None,
            tls: None,
            options: Table::new(),
        }
    }

    /// What the REST client needs. Reads secrets from the environment and from files.
    ///
    /// # Errors
    /// When a secret is not where it should be, or settings contradict each other.
    pub fn rest_options(&self, folder: &Path) -> Result<RestOptions, ConfigError> {
        let mut rest = RestOptions::new(&self.url);
        if let Some(timeout) = self.timeout {
            rest.timeout = timeout.0;
            rest.connect_timeout = rest.connect_timeout.min(timeout.0);
        }
        if let Some(connections) = self.connections {
            rest.concurrency = usize::from(connections.get());
        }
        rest.authorization = self.auth.as_ref().map(|auth| self.authorization(auth, folder)).transpose()?;
        rest.tls = self.tls.as_ref().map(|tls| self.tls_options(tls, folder)).transpose()?.unwrap_or_default();
        Ok(rest)
    }

    fn authorization(&self, auth: &AuthConfig, folder: &Path) -> Result<Authorization, ConfigError> {
        let AuthConfig { bearer_env, bearer_file, user, password_env } = auth;
        match (bearer_env, bearer_file, user, password_env) {
            (Some(name), None, None, None) => Ok(Authorization::Bearer(self.secret_of_environment(name)?)),
            (None, Some(file), None, None) => {
                let path = folder.join(file);
                let token = fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?;
                Ok(Authorization::Bearer(token.trim().to_owned()))
            }
            (None, None, Some(user), Some(name)) => {
                let password = self.secret_of_environment(name)?;
                Ok(Authorization::Basic { user: user.clone(), password })
            }
            _ => {
                Err(self
                    .wrong("auth", "give one of `bearer-env`, `bearer-file`, or `user` with `password-env`".to_owned()))
            }
        }
    }

    fn secret_of_environment(&self, name: &str) -> Result<String, ConfigError> {
        env::var(name).map_err(|_| self.wrong("auth", format!("the environment variable `{name}` is not set")))
    }

    fn tls_options(&self, tls: &TlsConfig, folder: &Path) -> Result<TlsOptions, ConfigError> {
        let identity = match (&tls.cert, &tls.key) {
            (Some(cert), Some(key)) => Some(ClientIdentity { cert: folder.join(cert), key: folder.join(key) }),
            (None, None) => None,
            _ => return Err(self.wrong("tls", "`cert` and `key` belong together: give both or none".to_owned())),
        };
        Ok(TlsOptions { ca: tls.ca.as_ref().map(|ca| folder.join(ca)), identity })
    }

    fn wrong(&self, setting: &'static str, reason: String) -> ConfigError {
        ConfigError::Cluster { cluster: self.name.clone(), setting, reason }
    }
}
