//! `/api/v1/plugins`: which version of each plugin is in service, which is not and why, and what to do about it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tidegate_common::time::Timestamp;
use tracing::info;

use super::refusal::Refusal;
use super::{Admin, state_store};
use crate::causes::in_one_text;
use crate::control::Difference;
use crate::follow::Sources;
use crate::metrics;
use crate::plugin::{Grants, Limits, Offer, PluginStatus, Registry, Source, SteerError, VersionStatus};
use crate::reload::ReloadState;

/// Its routes.
pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/plugins", get(list)).route("/plugins/{name}/{action}", post(steer))
}

/// The answer of the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plugins {
    /// Every plugin, by name, and behind them the state store, if it is one.
    pub plugins: Vec<Plugin>,
    /// Components in the plugins' folder that no plugin of the configuration comes from: they are not used.
    pub unnamed_files: Vec<String>,
    /// How the configuration stands.
    pub configuration: Configuration,
}

/// One plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plugin {
    /// Its name in the configuration.
    pub name: String,
    /// Such as `policy`.
    pub role: String,
    /// `bundled:<name>`, or a file.
    pub source: String,
    /// Why the source cannot be had now; what is in service stays.
    pub source_lacks: Option<String>,
    /// `active`, `shadow` for a policy that only rehearses, or `out of service`.
    pub state: String,
    /// Why it is out of service.
    pub reason: Option<String>,
    /// The SHA-256 of the version in service.
    pub active: Option<String>,
    /// The jobs of a policy, as `cluster/job`; empty for all.
    pub jobs: Vec<String>,
    /// Failures of the version in service in a row.
    pub failures: u32,
    /// So many in a row take it out of service; 0 for never.
    pub max_failures: u32,
    /// What the last failure of a state store was, also if all is well again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// How often an instance of a state store was started to serve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts: Option<u64>,
    /// What the version in service imports, beside what language runtimes do on their own.
    #[serde(default)]
    pub asks: Vec<String>,
    /// What it is granted.
    #[serde(default)]
    pub grants: PluginGrants,
    /// What it has used since the daemon began.
    #[serde(default)]
    pub used: PluginUse,
    /// What a call may use.
    pub limits: PluginLimits,
    /// Its versions, the newest first.
    pub versions: Vec<PluginVersion>,
}

/// What a plugin is granted; never a secret itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PluginGrants {
    /// Where it may send requests to.
    pub http: Vec<String>,
    /// Secrets that the host puts into its requests, as `NAME for host:port`.
    pub secrets: Vec<String>,
    /// The Kubernetes API server that it may send requests to.
    #[serde(default)]
    pub kubernetes: Option<String>,
    /// The folder that it sees.
    pub folder: Option<String>,
    /// Whether it may change what is in that.
    pub folder_write: bool,
    /// The names of its environment variables.
    pub env: Vec<String>,
    /// Databases, as `NAME at URL`, without passwords.
    #[serde(default)]
    pub databases: Vec<String>,
}

/// What a plugin has used since the daemon began, over all its versions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PluginUse {
    /// Calls that it answered.
    pub answered: u64,
    /// Calls that ended without a good answer.
    pub failed: u64,
    /// Seconds on a processor.
    pub cpu_seconds: f64,
    /// The most bytes of linear memory that one instance had.
    pub memory_peak: u64,
    /// Instances that are alive.
    pub instances: u64,
}

/// What a call may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginLimits {
    /// Milliseconds on the clock.
    pub deadline_ms: u64,
    /// Bytes of linear memory.
    pub memory: usize,
    /// Elements of all tables.
    #[serde(default)]
    pub table_elements: usize,
    /// Core instances that it may be made of.
    #[serde(default)]
    pub instances: usize,
    /// Bytes that one crossing may carry to the host.
    pub crossing: usize,
    /// Bytes of log lines.
    pub log: usize,
    /// Calls at the same time.
    pub concurrency: usize,
    /// Outgoing HTTP requests of a call at the same time.
    pub http_requests: usize,
    /// Bytes of the body of a request, and of that of its response.
    pub http_body: usize,
    /// Milliseconds from a request to the last byte of its response.
    pub http_time_ms: u64,
    /// Files and folders that a call may make.
    pub files: usize,
    /// Bytes that a call may write to files.
    pub file_bytes: usize,
}

/// One version.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginVersion {
    /// The SHA-256 of its bytes.
    pub digest: String,
    /// Where they came from.
    pub source: String,
    /// When they were found, in ISO 8601.
    pub at: String,
    /// Such as `active` or `refused`.
    pub state: String,
    /// Why it is not in service.
    pub error: Option<String>,
    /// What it said differently from the version in service when it rehearsed.
    pub differences: Vec<PluginDifference>,
}

/// Two versions of a policy say different things about one job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginDifference {
    /// The cluster's name.
    pub cluster: String,
    /// The job's id.
    pub job: String,
    /// The job's name.
    pub name: String,
    /// What the version in service says.
    pub in_service: String,
    /// What the one that rehearses says.
    pub rehearsed: String,
}

/// How the configuration stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Configuration {
    /// Since when that in force is, in ISO 8601.
    pub in_force_since: String,
    /// When another one was refused after that.
    pub refused_at: Option<String>,
    /// Why.
    pub error: Option<String>,
}

/// What came of steering a plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steered {
    /// One sentence.
    pub done: String,
    /// How the plugin stands now.
    pub plugin: Plugin,
}

async fn list(State(admin): State<Arc<Admin>>) -> Result<Json<Plugins>, Refusal> {
    let (registry, sources) = (Arc::clone(&admin.registry), Arc::clone(&admin.sources));
    let unnamed = tokio::task::spawn_blocking(move || sources.unnamed(&registry)).await;
    let of_registry = admin.registry.status();
    let state_store = admin.state_store.iter().map(|store| state_store::shown(store.status()));
    Ok(Json(Plugins {
        plugins: of_registry.iter().map(|status| plugin(status, &admin.sources)).chain(state_store).collect(),
        unnamed_files: unnamed.unwrap_or_default(),
        configuration: configuration(admin.reloads.state()),
    }))
}

async fn steer(
    State(admin): State<Arc<Admin>>,
    Path((name, action)): Path<(String, String)>,
) -> Result<Json<Steered>, Refusal> {
    info!(plugin = name, action, "asked over the API");
    let is_known = admin.registry.status().iter().any(|status| status.spec.name == name);
    if !is_known && admin.state_store.as_ref().is_some_and(|store| store.status().name == name) {
        return Err(state_store::refusal(&name));
    }
    // A task of its own: who hangs up does not stop half-way what was begun.
    let (registry, plugin_name) = (Arc::clone(&admin.registry), name.clone());
    let steered = tokio::spawn(async move { act(&registry, &plugin_name, &action).await });
    let done = steered.await.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))??;
    let statuses = admin.registry.status();
    let status = statuses.iter().find(|status| status.spec.name == name);
    let status = status.ok_or_else(|| Refusal::not_found(format!("plugin `{name}` has left meanwhile")))?;
    Ok(Json(Steered { done, plugin: plugin(status, &admin.sources) }))
}

async fn act(registry: &Registry, name: &str, action: &str) -> Result<String, Refusal> {
    let offered = |offer: Offer| match offer {
        Offer::Unchanged => "nothing has changed".to_owned(),
        Offer::Active { differences } if differences.is_empty() => "it is in service".to_owned(),
        Offer::Active { differences } => {
            format!("it is in service, and decides differently on {} jobs", differences.len())
        }
    };
    let done = match action {
        "reload" => registry.reload(name).await.map(offered),
        "rollback" => registry.roll_back(name).map(|digest| format!("version {digest:.12} is in service again")),
        "suspend" => registry.suspend(name).map(|()| "it is out of service until it is resumed".to_owned()),
        "resume" => registry.resume(name).await.map(offered),
        _ => {
            let reason = format!("`{action}` cannot be done to a plugin: reload, rollback, suspend or resume it");
            return Err(Refusal::not_found(reason));
        }
    };
    done.map_err(|error| refusal(&error))
}

fn refusal(error: &SteerError) -> Refusal {
    let status = match error {
        SteerError::NoSuchPlugin { .. } => StatusCode::NOT_FOUND,
        SteerError::NothingBefore { .. } | SteerError::NotInService { .. } | SteerError::NotSuspended { .. } => {
            StatusCode::CONFLICT
        }
        SteerError::Load { .. } | SteerError::Trial { .. } | SteerError::Rehearsal { .. } => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        SteerError::Interrupted(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Refusal::new(status, in_one_text(error))
}

fn plugin(status: &PluginStatus, sources: &Sources) -> Plugin {
    let PluginStatus { spec, active, out_of_service, source_lacks, failures, asks, used, versions } = status;
    let state = match active {
        None => "out of service",
        Some(_) if spec.shadow => "shadow",
        Some(_) => "active",
    };
    Plugin {
        name: spec.name.clone(),
        role: spec.role.name().to_owned(),
        source: spec.source.to_string(),
        source_lacks: match &spec.source {
            Source::File(path) => sources.lacks(path),
            Source::Bundled(_) | Source::Oci(_) => source_lacks.clone(),
        },
        state: state.to_owned(),
        reason: out_of_service.clone(),
        active: active.map(|digest| digest.to_string()),
        jobs: spec.jobs.clone(),
        failures: *failures,
        max_failures: spec.max_failures,
        last_failure: None,
        starts: None,
        asks: asks.clone(),
        grants: grants(&spec.grants),
        used: of_use(*used),
        limits: limits(&spec.limits),
        versions: versions.iter().map(version).collect(),
    }
}

pub(super) fn grants(grants: &Grants) -> PluginGrants {
    // Destructured, so that a new kind of grant is a compile error and not a silent one.
    let Grants { http, authorities: _, secrets, kubernetes, folder, env, databases, options: _ } = grants;
    PluginGrants {
        http: http.iter().map(ToString::to_string).collect(),
        secrets: secrets.iter().map(|secret| format!("{} for {}", secret.name, secret.to)).collect(),
        kubernetes: kubernetes.as_ref().map(ToString::to_string),
        folder: folder.as_ref().map(|folder| folder.path.display().to_string()),
        folder_write: folder.as_ref().is_some_and(|folder| folder.write),
        env: env.iter().map(|(name, _)| name.clone()).collect(),
        databases: databases.iter().map(|(name, database)| format!("{name} at {}", database.url)).collect(),
    }
}

pub(super) fn of_use(used: metrics::PluginUse) -> PluginUse {
    let metrics::PluginUse { answered, failed, cpu_seconds, memory_peak, instances } = used;
    PluginUse { answered, failed, cpu_seconds, memory_peak, instances }
}

pub(super) fn limits(limits: &Limits) -> PluginLimits {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    PluginLimits {
        deadline_ms: millis(limits.deadline),
        memory: limits.memory,
        table_elements: limits.table_elements,
        instances: limits.instances,
        crossing: limits.crossing,
        log: limits.log,
        concurrency: limits.concurrency,
        http_requests: limits.http_requests,
        http_body: limits.http_body,
        http_time_ms: millis(limits.http_time),
        files: limits.files,
        file_bytes: limits.file_bytes,
    }
}

fn version(status: &VersionStatus) -> PluginVersion {
    let VersionStatus { digest, source, at, state, error, differences } = status;
    PluginVersion {
        digest: digest.to_string(),
        source: source.clone(),
        at: at.to_string(),
        state: state.name().to_owned(),
        error: error.clone(),
        differences: differences.iter().map(difference).collect(),
    }
}

fn difference(difference: &Difference) -> PluginDifference {
    let Difference { job, job_name, in_service, rehearsed } = difference;
    PluginDifference {
        cluster: job.cluster.clone(),
        job: job.id.to_string(),
        name: job_name.clone(),
        in_service: in_service.clone(),
        rehearsed: rehearsed.clone(),
    }
}

fn configuration(state: ReloadState) -> Configuration {
    let refused = state.last.and_then(|last| Some((last.at, last.error?)));
    let (refused_at, error): (Option<Timestamp>, Option<String>) = refused.unzip();
    Configuration {
        in_force_since: state.in_force_since.to_string(),
        refused_at: refused_at.map(|at| at.to_string()),
        error,
    }
}
