//! The routes.

use std::future::Future;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use super::refusal::Refusal;
use super::{Access, Scrape, access, jobs, plugins, record};
use crate::control::{Records, Taps};
use crate::follow::Sources;
use crate::plugin::{Registry, WasmStateStore};
use crate::reload::Reloads;

/// What the routes show.
pub struct Admin {
    /// What Prometheus scrapes.
    pub scrape: Scrape,
    /// What passes saw and decided.
    pub records: Arc<Records>,
    /// Who records jobs.
    pub taps: Arc<Taps>,
    /// The plugins.
    pub registry: Arc<Registry>,
    /// The plugin that keeps state; none where the process does.
    pub state_store: Option<Arc<WasmStateStore>>,
    /// What is wrong with the plugins' files.
    pub sources: Arc<Sources>,
    /// What came of the last reload of the configuration.
    pub reloads: Arc<Reloads>,
    /// Who may use the API.
    pub access: Arc<Access>,
}

/// Serves on `listener` until `stop` is done.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    admin: Arc<Admin>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, routes(admin)).with_graceful_shutdown(stop).await
}

fn routes(admin: Arc<Admin>) -> Router {
    let api = Router::new()
        .merge(jobs::routes())
        .merge(plugins::routes())
        .merge(record::routes())
        .fallback(|| async { Refusal::not_found("there is no such thing below /api/v1") })
        .layer(from_fn_with_state(Arc::clone(&admin.access), access::check));
    Router::new()
        .route("/", get(|| async { "tidegate: /healthz /readyz /metrics /api/v1/jobs /api/v1/plugins\n" }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .nest("/api/v1", api)
        .with_state(admin)
}

async fn ready(State(admin): State<Arc<Admin>>) -> Response {
    if admin.scrape.readiness.is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not every cluster has been looked at yet\n").into_response()
    }
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    let format = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    match admin.scrape.text() {
        Ok(text) => (format, text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
