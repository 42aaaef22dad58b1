//! HTTP for operators: is it alive, is it ready, what does it do, and why.
//!
//! - `GET /healthz`: the process answers
//! - `GET /readyz`: every cluster has been looked at once; 503 before that
//! - `GET /metrics`: everything for Prometheus
//! - `GET /api/v1/jobs`: every job, and how far its last pass got
//! - `GET /api/v1/jobs/<cluster>/<id or name>`: the decision record of its last pass
//! - `GET /api/v1/record?job=<id or name>`: the job's passes from now on, in the lines of a trace
//! - `GET /api/v1/plugins`: every plugin, its versions, the state store, and how the configuration stands
//! - `POST /api/v1/plugins/<name>/<action>`: `reload`, `rollback`, `suspend` or `resume` it
//!
//! What is below `/api` asks for a token where there is one; see [`Access`].

mod access;
mod jobs;
mod metrics;
mod plugins;
mod record;
mod refusal;
mod server;
mod state_store;

pub use access::Access;
pub use jobs::{Evaluated, JobEvent, JobRealization, JobRecord, JobSummary, JobVerdict, JobVertex, Jobs};
pub use metrics::Scrape;
pub use plugins::{
    Configuration, Plugin, PluginDifference, PluginGrants, PluginLimits, PluginUse, PluginVersion, Plugins, Steered,
};
pub use server::{Admin, serve};
