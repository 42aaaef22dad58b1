//! `grant = { sql = {…} }`: databases, each by the name under which the plugin opens it.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::{ConfigError, Span};
use crate::plugin::{SqlGrant, SqlTls};

/// A database: its URL, or a table with that and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SqlConfig(SqlTable);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct SqlTable {
    url: String,
    password_env: Option<String>,
    password_file: Option<PathBuf>,
    tls: Option<TlsWord>,
    ca: Option<PathBuf>,
    timeout: Option<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TlsWord {
    Off,
    Require,
    Verify,
}

impl SqlConfig {
    /// A database of which there is nothing to say but where it is.
    pub fn at(url: impl Into<String>) -> Self {
        let url = url.into();
        Self(SqlTable { url, password_env: None, password_file: None, tls: None, ca: None, timeout: None })
    }

    /// What `plugin` is granted as `name`. Reads the password from the environment or from a file.
    ///
    /// # Errors
    /// When the URL cannot be meant, or the password is not where it should be.
    pub(super) fn grant(&self, plugin: &str, name: &str, folder: &Path) -> Result<SqlGrant, ConfigError> {
        let wrong = |reason: String| ConfigError::Plugin {
            plugin: plugin.to_owned(),
            setting: "grant.sql",
            reason: format!("database `{name}`: {reason}"),
        };
        let SqlTable { url, password_env, password_file, tls, ca, timeout } = &self.0;
        let mut grant = SqlGrant::new(url, folder).map_err(|error| wrong(error.to_string()))?;
        grant.password = match (password_env, password_file) {
            (None, None) => None,
            (Some(name), None) => {
                Some(env::var(name).map_err(|_| wrong(format!("the environment variable `{name}` is not set")))?)
            }
            (None, Some(file)) => {
                let path = folder.join(file);
                let text = fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?;
                Some(text.trim_end_matches(['\r', '\n']).to_owned())
            }
            _ => return Err(wrong("give one of `password-env` and `password-file`".to_owned())),
        };
        grant.tls = tls.map(|word| match word {
            TlsWord::Off => SqlTls::Off,
            TlsWord::Require => SqlTls::Require,
            TlsWord::Verify => SqlTls::Verify,
        });
        grant.ca = ca.as_ref().map(|ca| folder.join(ca));
        grant.timeout = timeout.map(|timeout| timeout.0);
        Ok(grant)
    }
}

impl<'de> Deserialize<'de> for SqlConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = SqlConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a database's URL, or a table with its `url`")
            }

            fn visit_str<E: de::Error>(self, url: &str) -> Result<SqlConfig, E> {
                Ok(SqlConfig::at(url))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SqlConfig, A::Error> {
                SqlTable::deserialize(MapAccessDeserializer::new(map)).map(SqlConfig)
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::GrantConfig;
    use super::*;

    #[test]
    fn a_database_is_a_url_or_a_table() {
        let folder = Path::new("/etc/tidegate");
        let parse = |grant| toml::from_str::<GrantConfig>(&format!("sql = {{ main = {grant} }}"));
        let main = |grant| parse(grant).unwrap().grants("x", folder).map(|mut all| all.databases.remove("main"));
        let grant = main("\"sqlite://x.db\"").unwrap().unwrap();
        assert_eq!(grant.file(), Some(Path::new("/etc/tidegate/x.db")));
        let grant = main("{ url = \"mysql://me@db/x\", tls = \"verify\", ca = \"ca.pem\", timeout = \"2s\" }")
            .unwrap()
            .unwrap();
        assert_eq!(grant.ca.as_deref(), Some(Path::new("/etc/tidegate/ca.pem")));
        assert_eq!((grant.tls, grant.timeout), (Some(SqlTls::Verify), Some(std::time::Duration::from_secs(2))));
        for (wrong, expected) in [
            ("\"postgres://me:secret@db/x\"", "a password does not belong into the file"),
            ("{ url = \"postgres://me@db/x\", password-env = \"NO_SUCH_VARIABLE\" }", "`NO_SUCH_VARIABLE` is not set"),
            ("{ url = \"postgres://me@db/x\", password-env = \"A\", password-file = \"b\" }", "give one of"),
        ] {
            let error = main(wrong).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{wrong}: {error}");
        }
        assert!(parse("{ url = \"sqlite://x\", pasword-env = \"A\" }").is_err());
        assert!(parse("7").is_err());
    }
}
