//! Stands in for whatever a plugin sends requests to: keeps them, and answers 200.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use http_body_util::{BodyExt, Limited};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{AuthorError, Heard};

/// Bytes of a request's body that are kept.
const LONGEST_BODY: usize = 1 << 20;

/// A receiver on loopback. It ends when this is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// Starts one that tells `heard` of each request: method, path and body.
    ///
    /// # Errors
    /// When no port is to be had.
    pub async fn start(heard: Heard) -> Result<Self, AuthorError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(AuthorError::Listen)?;
        let address = listener.local_addr().map_err(AuthorError::Listen)?;
        let router = Router::new().fallback(keep).with_state(heard);
        let serving = tokio::spawn(async move {
            // It ends with the process, or when it is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, serving })
    }

    /// Its address, such as `http://127.0.0.1:40123`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn keep(State(heard): State<Heard>, request: Request) -> StatusCode {
    let (head, body) = request.into_parts();
    let (method, path) = (head.method, head.uri);
    match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => {
            let bytes = body.to_bytes();
            heard.say(format!("{method} {path} {}", String::from_utf8_lossy(&bytes)).trim_end());
            StatusCode::OK
        }
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
    }
}
