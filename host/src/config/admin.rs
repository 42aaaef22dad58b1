//! `[admin]`: where health, metrics and the API are served, and to whom.

use std::env;
use std::fmt;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ConfigError;

/// The environment variable that a token is looked for in where the file names none.
const TOKEN_VARIABLE: &str = "TIDEGATE_TOKEN";

/// The `[admin]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AdminConfig {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The environment variable that holds the API's token.
    pub token_env: Option<String>,
    /// The file that holds the API's token.
    pub token_file: Option<PathBuf>,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9180)), token_env: None, token_file: None }
    }
}

impl AdminConfig {
    /// All of it but where it listens.
    pub(super) fn without_address(&self) -> Self {
        Self { listen: Self::default().listen, ..self.clone() }
    }

    /// The token that the API asks for, if any. Reads it from the environment or from its file.
    ///
    /// # Errors
    /// When a token is not where it should be, is empty, or when there is none although others than this machine's own
    /// users can reach the API.
    pub fn token(&self, folder: &Path) -> Result<Option<Token>, ConfigError> {
        let wrong = |setting, reason| ConfigError::Admin { setting, reason };
        let token = match (&self.token_env, &self.token_file) {
            (Some(_), Some(_)) => {
                return Err(wrong("token-env", "give this or `token-file`, not both".to_owned()));
            }
            (Some(name), None) => {
                let unset = || wrong("token-env", format!("the environment variable `{name}` is not set"));
                Some(("token-env", env::var(name).map_err(|_| unset())?))
            }
            (None, Some(file)) => {
                let path = folder.join(file);
                let text = fs::read_to_string(&path).map_err(|source| ConfigError::Read { path, source })?;
                Some(("token-file", text))
            }
            (None, None) => env::var(TOKEN_VARIABLE).ok().map(|text| (TOKEN_VARIABLE, text)),
        };
        match token {
            Some((setting, text)) if text.trim().is_empty() => Err(wrong(setting, "the token is empty".to_owned())),
            Some((_, text)) => Ok(Some(Token(text.trim().to_owned()))),
            None if self.listen.ip().is_loopback() => Ok(None),
            None => Err(wrong(
                "listen",
                format!(
                    "others can reach {}, and could steer the daemon: give the API a token with `token-file`, \
                     `token-env` or the environment variable {TOKEN_VARIABLE}, or listen on 127.0.0.1",
                    self.listen
                ),
            )),
        }
    }
}

/// What proves that somebody may use the API. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// This text, as it is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(listen: &str, file: Option<&str>) -> AdminConfig {
        let listen = listen.parse().unwrap();
        AdminConfig { listen, token_env: None, token_file: file.map(PathBuf::from) }
    }

    #[test]
    fn only_this_machine_is_served_without_a_token() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("token"), " s3cret\n").unwrap();
        fs::write(folder.path().join("empty"), "\n").unwrap();
        let token = |listen, file| admin(listen, file).token(folder.path()).map_err(|error| error.to_string());
        let secret = Some(Token::new("s3cret"));
        for (listen, file, expected) in [
            ("127.0.0.1:1", None, Ok(None)),
            ("[::1]:1", None, Ok(None)),
            ("127.0.0.1:1", Some("token"), Ok(secret.clone())),
            ("0.0.0.0:1", Some("token"), Ok(secret)),
            ("0.0.0.0:1", None, Err("others can reach 0.0.0.0:1")),
            ("[::]:1", None, Err("TIDEGATE_TOKEN")),
            ("10.0.0.1:1", Some("empty"), Err("`token-file` in [admin]: the token is empty")),
            ("127.0.0.1:1", Some("nowhere"), Err("failed to read")),
        ] {
            match (token(listen, file), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{listen} {file:?}"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{listen} {file:?}: {found}"),
                other => panic!("{listen} {file:?}: {other:?}"),
            }
        }
        let unset = AdminConfig { token_env: Some("TIDEGATE_NO_SUCH_VARIABLE".to_owned()), ..AdminConfig::default() };
        let said = unset.token(folder.path()).unwrap_err().to_string();
        assert!(said.contains("`TIDEGATE_NO_SUCH_VARIABLE` is not set"), "{said}");
        assert_eq!(format!("{:?}", Token::new("s3cret")), "Token");
    }
}
