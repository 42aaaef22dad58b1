//! HTTP for operators: is it alive, is it ready, what does it do.
//!
//! - `GET /healthz`: the process answers
//! - `GET /readyz`: every cluster has been looked at once; 503 before that
//! - `GET /metrics`: everything for Prometheus

mod metrics;
mod server;

pub use metrics::Scrape;
pub use server::serve;
