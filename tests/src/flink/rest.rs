//! Flink's REST API as far as the tests look at it: a client of their own, so that they do not trust the one they test.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::unversioned::multipart::Form;

use crate::error::HarnessError;

/// A client of one cluster.
#[derive(Clone, Debug)]
pub struct Rest {
    url: String,
    agent: ureq::Agent,
}

impl Rest {
    /// For the cluster at `http://HOST:PORT`.
    #[must_use]
    pub fn new(url: String) -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(30)));
        Self { url, agent: config.build().new_agent() }
    }

    /// Where the cluster is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Asks for a path that begins with `/`.
    ///
    /// # Errors
    ///
    /// No answer, an error status, or not the JSON that was expected.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, HarnessError> {
        self.call(path, |url| self.agent.get(url).call()?.body_mut().read_json())
    }

    pub(super) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, HarnessError> {
        self.call(path, |url| self.agent.post(url).send_json(body)?.body_mut().read_json())
    }

    pub(super) fn upload<T: DeserializeOwned>(&self, path: &str, jar: &Path) -> Result<T, HarnessError> {
        let form = || Form::new().file("jarfile", jar).map_err(ureq::Error::from);
        self.call(path, |url| self.agent.post(url).send(form()?)?.body_mut().read_json())
    }

    fn call<T>(&self, path: &str, call: impl FnOnce(&str) -> Result<T, ureq::Error>) -> Result<T, HarnessError> {
        let url = format!("{}{path}", self.url);
        call(&url).map_err(|source| HarnessError::Http { url, source: Box::new(source) })
    }
}
