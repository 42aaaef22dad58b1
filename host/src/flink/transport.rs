//! What carries a request to a cluster and its answer back: HTTP, or what stands in for it.

use std::fmt;

use async_trait::async_trait;
use reqwest::Url;

use super::FlinkError;

/// One way to a cluster. Everything above it is the same code whichever it is.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync {
    /// What `path` is called in messages.
    fn url(&self, path: &str) -> String;

    /// Sends a request and waits for the whole answer, whatever its status says.
    ///
    /// # Errors
    /// When there is no answer.
    async fn exchange(&self, request: Request<'_>) -> Result<Response, FlinkError>;
}

/// A request to Flink's REST API: GET, or PUT where there is a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// From the first slash after the address on, without the query.
    pub path: &'a str,
    /// Names and values, not yet encoded: they hold whatever an operator's name holds.
    pub query: &'a [(&'a str, &'a str)],
    /// JSON to put there.
    pub put: Option<Vec<u8>>,
}

impl Request<'_> {
    /// Path and query as they stand in HTTP's first line, encoded.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            return self.path.to_owned();
        }
        // Only a whole address can be encoded; what stands before the path is cut off again.
        let Ok(mut url) = Url::parse("http://flink") else { return self.path.to_owned() };
        url.query_pairs_mut().extend_pairs(self.query);
        format!("{}?{}", self.path, url.query().unwrap_or_default())
    }
}

/// An answer, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The bytes after the header.
    pub body: Vec<u8>,
}
