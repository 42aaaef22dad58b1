//! What an operator grants: a database by name, and how to get in.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use thiserror::Error;

use super::session::{Connections, Pooled};

/// Connections at once to one database, for each plugin.
const CONNECTIONS: u32 = 4;

/// How long a connection may take to be opened.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// The time-out of a statement where the operator gives none.
const STATEMENT_WITHIN: Duration = Duration::from_secs(5);

/// A connection that nobody has used for so long is closed.
const IDLE_FOR: Duration = Duration::from_secs(300);

/// A database that a plugin may open.
#[derive(Clone, PartialEq, Eq)]
pub struct SqlGrant {
    /// `sqlite://file`, `postgres://user@host:port/database` or `mysql://…`; without a password.
    pub url: String,
    /// The user's password.
    pub password: Option<String>,
    /// How far the connection is protected; by the URL's `sslmode`, and where that says nothing, encrypted if the server
    /// offers it.
    pub tls: Option<SqlTls>,
    /// An authority to trust, in PEM, instead of the system's.
    pub ca: Option<PathBuf>,
    /// The time-out of a statement.
    pub timeout: Option<Duration>,
}

impl fmt::Debug for SqlGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlGrant").field("url", &self.url).finish_non_exhaustive()
    }
}

/// How far a connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlTls {
    /// Not at all.
    Off,
    /// Encrypted; anybody could be the server.
    Require,
    /// Encrypted, and the server's certificate is checked.
    Verify,
}

/// A database that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct InvalidSqlGrant {
    reason: String,
}

impl InvalidSqlGrant {
    fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

impl SqlGrant {
    /// A database at this URL. The path of an SQLite file is taken from `folder`.
    ///
    /// # Errors
    /// When the URL names no database that is known, or holds a password.
    pub fn new(url: &str, folder: &Path) -> Result<Self, InvalidSqlGrant> {
        let unknown = || {
            InvalidSqlGrant::new(
                "this is no database: expected `sqlite://FILE`, `postgres://USER@HOST/DATABASE` or \
                 `mysql://USER@HOST/DATABASE`",
            )
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(unknown)?;
        let url = match scheme {
            "sqlite" if rest.is_empty() || rest.contains(['?', '\0']) => return Err(unknown()),
            "sqlite" => format!("sqlite://{}", folder.join(rest).display()),
            "postgres" | "postgresql" | "mysql" | "mariadb" => {
                let authority = rest.split(['/', '?']).next().unwrap_or_default();
                let user = authority.rsplit_once('@').map(|(user, _)| user).unwrap_or_default();
                if user.contains(':') || rest.to_ascii_lowercase().contains("password=") {
                    return Err(InvalidSqlGrant::new(
                        "a password does not belong into the file: give `password-env` or `password-file`",
                    ));
                }
                url.to_owned()
            }
            _ => return Err(unknown()),
        };
        let grant = Self { url, password: None, tls: None, ca: None, timeout: None };
        grant.check().map(|()| grant)
    }

    /// Whether the database is a file of this machine.
    pub fn file(&self) -> Option<&Path> {
        self.url.strip_prefix("sqlite://").map(Path::new)
    }

    /// Whether its URL can be meant.
    fn check(&self) -> Result<(), InvalidSqlGrant> {
        if self.file().is_some() {
            Ok(())
        } else if self.url.starts_with("postgres") {
            self.url.parse::<PgConnectOptions>().map(drop).map_err(invalid)
        } else {
            self.url.parse::<MySqlConnectOptions>().map(drop).map_err(invalid)
        }
    }

    /// A pool for this database. Nothing is connected to yet; must be called within a runtime to be used in it.
    pub(super) fn connections(&self) -> Result<Box<dyn Connections>, InvalidSqlGrant> {
        let patience = self.timeout.unwrap_or(STATEMENT_WITHIN);
        if let Some(file) = self.file() {
            // With the log written through at every commit, a power cut loses nothing that was confirmed.
            let options = SqliteConnectOptions::new()
                .filename(file)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .busy_timeout(patience / 2);
            let pool = SqlitePoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(CONNECT_WITHIN)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
                .connect_lazy_with(options);
            Ok(Box::new(Pooled { pool, patience }))
        } else if self.url.starts_with("postgres") {
            let mut options: PgConnectOptions = self.url.parse().map_err(invalid)?;
            options = options.application_name("tidegate");
            if let Some(password) = &self.password {
                options = options.password(password);
            }
            if let Some(ca) = &self.ca {
                options = options.ssl_root_cert(ca).ssl_mode(PgSslMode::VerifyFull);
            }
            options = match self.tls {
                None => options,
                Some(SqlTls::Off) => options.ssl_mode(PgSslMode::Disable),
                Some(SqlTls::Require) => options.ssl_mode(PgSslMode::Require),
                Some(SqlTls::Verify) => options.ssl_mode(PgSslMode::VerifyFull),
            };
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(CONNECT_WITHIN)
                .idle_timeout(IDLE_FOR)
                .connect_lazy_with(options);
            Ok(Box::new(Pooled { pool, patience }))
        } else {
            let mut options: MySqlConnectOptions = self.url.parse().map_err(invalid)?;
            if let Some(password) = &self.password {
                options = options.password(password);
            }
            if let Some(ca) = &self.ca {
                options = options.ssl_ca(ca).ssl_mode(MySqlSslMode::VerifyIdentity);
            }
            options = match self.tls {
                None => options,
                Some(SqlTls::Off) => options.ssl_mode(MySqlSslMode::Disabled),
                Some(SqlTls::Require) => options.ssl_mode(MySqlSslMode::Required),
                Some(SqlTls::Verify) => options.ssl_mode(MySqlSslMode::VerifyIdentity),
            };
            let pool = MySqlPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(CONNECT_WITHIN)
                .idle_timeout(IDLE_FOR)
                .connect_lazy_with(options);
            Ok(Box::new(Pooled { pool, patience }))
        }
    }
}

fn invalid(error: sqlx::Error) -> InvalidSqlGrant {
    InvalidSqlGrant::new(format!("this is no database's address: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_database_and_holds_no_password() {
        let folder = Path::new("/etc/tidegate");
        let grant = SqlGrant::new("sqlite://tidegate.db", folder).unwrap();
        assert_eq!(grant.file(), Some(Path::new("/etc/tidegate/tidegate.db")));
        assert_eq!(SqlGrant::new("sqlite:///x/y.db", folder).unwrap().file(), Some(Path::new("/x/y.db")));
        for right in
            ["postgres://me@db/x", "postgresql://db:5433/x?sslmode=require", "mysql://me@db/x", "mariadb://db/x"]
        {
            assert_eq!(SqlGrant::new(right, folder).unwrap().file(), None, "{right}");
        }
        for (wrong, expected) in [
            ("tidegate.db", "this is no database"),
            ("oracle://x/y", "this is no database"),
            ("sqlite://", "this is no database"),
            ("sqlite://x?mode=memory", "this is no database"),
            ("postgres://me:secret@db/x", "a password does not belong"),
            ("postgres://db/x?user=me&password=secret", "a password does not belong"),
            ("mysql://me@db:port/x", "this is no database's address"),
        ] {
            let error = SqlGrant::new(wrong, folder).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{wrong}: {error}");
        }
    }
}
