//! The API of a running daemon, from the other side.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body};

use crate::config::{AdminConfig, Config, Token};

/// How long the daemon may take to answer: a large plugin is compiled meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes of an answer that are read at most.
const MOST: u64 = 64 << 20;

/// Which daemon, and what proves that it may be asked.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ApiFlags {
    /// Address of the daemon, such as http://127.0.0.1:9180; what its configuration says, or that one, if absent.
    #[arg(long, value_name = "URL")]
    daemon: Option<String>,

    /// The daemon's configuration file: its [admin] says where the daemon is, and with which token.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The environment variable that holds the daemon's token; TIDEGATE_TOKEN if absent.
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
}

/// A daemon that can be asked.
pub(super) struct Api {
    agent: Agent,
    url: String,
    token: Option<Token>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

impl ApiFlags {
    pub(super) fn api(&self) -> Result<Api> {
        let (mut admin, folder) = match &self.config {
            Some(path) => {
                let config = Config::read(path)?;
                (config.admin, config.folder)
            }
            None => (AdminConfig::default(), PathBuf::new()),
        };
        let url = match &self.daemon {
            Some(url) if url.contains("://") => url.trim_end_matches('/').to_owned(),
            Some(address) => format!("http://{address}"),
            None => format!("http://{}", reachable(&admin)),
        };
        if let Some(name) = &self.token_env {
            admin = AdminConfig { token_env: Some(name.clone()), token_file: None, ..AdminConfig::default() };
        } else {
            // Whether there has to be one is the daemon's business.
            admin.listen = AdminConfig::default().listen;
        }
        let token = admin.token(Path::new(&folder))?;
        let config = Agent::config_builder().http_status_as_error(false).proxy(None).timeout_global(Some(PATIENCE));
        Ok(Api { agent: config.build().into(), url, token })
    }
}

/// Where a daemon that listens like this can be reached from its own machine.
fn reachable(admin: &AdminConfig) -> std::net::SocketAddr {
    let mut address = admin.listen;
    if address.ip().is_unspecified() {
        address.set_ip(AdminConfig::default().listen.ip());
    }
    address
}

impl Api {
    /// What the daemon tells at `path`.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        let request = self.agent.get(self.at(path));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {}", token.reveal())),
            None => request,
        };
        self.answer(request.call())
    }

    /// Asks the daemon to do what `path` says.
    pub(super) fn post<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T> {
        let request = self.agent.post(self.at(path));
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {}", token.reveal())),
            None => request,
        };
        self.answer(request.send_empty())
    }

    fn at(&self, path: &[&str]) -> String {
        let parts: String = path.iter().map(|part| format!("/{}", encoded(part))).collect();
        format!("{}/api/v1{parts}", self.url)
    }

    fn answer<T: DeserializeOwned>(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<T> {
        let url = &self.url;
        let mut answer = answer.with_context(|| {
            format!("cannot reach a daemon at {url}: check that it runs, and name another with --daemon URL")
        })?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(MOST).read_to_string();
        let body = body.with_context(|| format!("the answer of {url} broke off"))?;
        if status.is_success() {
            return serde_json::from_str(&body)
                .map_err(|error| anyhow!("{url} is no tidegate of this version: its answer cannot be read: {error}"));
        }
        match serde_json::from_str::<Refusal>(&body) {
            Ok(Refusal { error }) if status == StatusCode::UNAUTHORIZED => {
                bail!("the daemon refuses: {error} (here with --token-env NAME or --config FILE)")
            }
            Ok(Refusal { error }) => bail!("{error}"),
            Err(_) => bail!("{url} is no tidegate of this version: it answers with status {status}"),
        }
    }
}

/// A part of a path, in which a slash is a character like any other.
fn encoded(part: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    part.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_encoded_part_by_part() {
        let api = Api { agent: Agent::new_with_defaults(), url: "http://x".to_owned(), token: None };
        assert_eq!(api.at(&["jobs", "c:1", "a/b ü"]), "http://x/api/v1/jobs/c:1/a%2Fb%20%C3%BC");
    }

    #[test]
    fn the_daemon_is_where_its_configuration_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidegate.toml");
        std::fs::write(folder.path().join("token"), "s3cret").unwrap();
        std::fs::write(&path, "[admin]\nlisten = \"0.0.0.0:1234\"\ntoken-file = \"token\"").unwrap();
        let api = ApiFlags { config: Some(path), ..ApiFlags::default() }.api().unwrap();
        assert_eq!((api.url.as_str(), api.token), ("http://127.0.0.1:1234", Some(Token::new("s3cret"))));
        let api = ApiFlags { daemon: Some("localhost:1".to_owned()), ..ApiFlags::default() }.api().unwrap();
        assert_eq!(api.url, "http://localhost:1");
        let api = ApiFlags { daemon: Some("http://h:1/".to_owned()), ..ApiFlags::default() }.api().unwrap();
        assert_eq!(api.url, "http://h:1");
    }
}
