//! An ordinary client of the server.
#![expect(clippy::expect_used, reason = "a test whose world cannot be set up has failed")]

use std::net::SocketAddr;

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use reqwest::Certificate;
use tidegate_test_tls::Authority;

use super::Request;

/// Sends requests to one server, on one connection that is kept.
#[derive(Clone, Debug)]
pub struct Client {
    client: reqwest::Client,
    base: String,
    token: String,
}

impl Client {
    pub(super) fn new(address: SocketAddr, authority: &Authority, token: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let authority = Certificate::from_pem(authority.pem().as_bytes()).expect("an authority");
        let client = reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build();
        Self { client: client.expect("a client"), base: format!("https://{address}"), token: token.to_owned() }
    }

    /// Sends what somebody has sent before, and reads the whole answer, of which it says the status.
    ///
    /// # Errors
    ///
    /// No answer, or none to its end.
    pub async fn send(&self, request: &Request) -> Result<u16, reqwest::Error> {
        let Request { method, target, accept, content_type, body, .. } = request.clone();
        let request = self.client.request(method, format!("{}{target}", self.base)).bearer_auth(&self.token);
        let request = request.header(ACCEPT, accept).header(CONTENT_TYPE, content_type);
        let answer = request.body(body).send().await?;
        let status = answer.status();
        // To its end, or the connection could not be used again.
        answer.bytes().await?;
        Ok(status.as_u16())
    }
}
