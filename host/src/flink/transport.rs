//! What carries a request to a cluster and its answer back: HTTP, or what stands in for it.

use std::fmt;

use async_trait::async_trait;

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

/// An answer, in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The bytes after the header.
    pub body: Vec<u8>,
}
