//! The routes.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::Scrape;

/// Serves on `listener` until `stop` is done.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    scrape: Arc<Scrape>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let routes = Router::new()
        .route("/", get(|| async { "tidegate: /healthz /readyz /metrics\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(scrape);
    axum::serve(listener, routes).with_graceful_shutdown(stop).await
}

async fn ready(State(scrape): State<Arc<Scrape>>) -> Response {
    if scrape.readiness.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not every cluster has been looked at yet\n").into_response()
    }
}

async fn metrics(State(scrape): State<Arc<Scrape>>) -> Response {
    let format = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match scrape.text() {
        Ok(text) => (format, text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
