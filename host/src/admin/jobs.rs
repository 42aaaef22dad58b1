//! `/api/v1/jobs`: what the last pass of each job saw and decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use super::Admin;
use super::refusal::Refusal;
use crate::control::{DecisionRecord, Realization};
use crate::model::{Event, EventKind, Verdict};

/// Its routes.
pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/jobs", get(list)).route("/jobs/{cluster}/{job}", get(one))
}

/// One line of the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobSummary {
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// The job's id.
    pub job: String,
    /// The name that it was submitted under.
    pub name: String,
    /// Such as `RUNNING`.
    pub status: String,
    /// When its last pass began, in ISO 8601.
    pub at: String,
    /// How far the pass got.
    pub stage: String,
    /// Which policy was asked.
    pub policy: String,
    /// Which version of it: the SHA-256 of its code, where it is a component in service.
    #[serde(default)]
    pub policy_digest: Option<String>,
    /// Why the pass failed.
    pub error: Option<String>,
}

/// The decision record of one pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobRecord {
    /// The job, and how far its pass got.
    #[serde(flatten)]
    pub summary: JobSummary,
    /// How long the pass took, in milliseconds.
    pub took_ms: f64,
    /// Samples in the metric window.
    pub samples: usize,
    /// What the policy said, if it was asked and answered.
    pub verdict: Option<JobVerdict>,
    /// The job's vertices in topological order, where they were seen.
    pub vertices: Vec<JobVertex>,
    /// Evaluated metrics of the whole job.
    pub evaluated: BTreeMap<String, Evaluated>,
    /// What came of holding the targets.
    pub realization: JobRealization,
    /// What there was to tell, in order and before de-duplication.
    pub events: Vec<JobEvent>,
}

/// What a policy said.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobVerdict {
    /// `scale` or `hold`.
    pub action: String,
    /// Why it holds.
    pub reason: Option<String>,
}

/// One vertex.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobVertex {
    /// Flink's id of it.
    pub id: String,
    /// As Flink shows it.
    pub name: String,
    /// Subtasks now.
    pub parallelism: u32,
    /// The most that it can have.
    pub max_parallelism: u32,
    /// Subtasks that are held.
    pub target: Option<u32>,
    /// Subtasks that the policy recommends, applied or not.
    pub recommended: Option<u32>,
    /// Whether it must stay as it is.
    pub excluded: bool,
    /// Metrics as the policy evaluated them.
    pub evaluated: BTreeMap<String, Evaluated>,
}

/// The latest value of a metric, and its average over the window.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Evaluated {
    /// Absent where there is none, or it is not finite.
    pub current: Option<f64>,
    /// Absent where there is none, or it is not finite.
    pub average: Option<f64>,
}

/// What came of holding the targets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobRealization {
    /// Such as `in_place`.
    pub outcome: String,
    /// Why they are not held.
    pub reason: Option<String>,
}

/// One event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobEvent {
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A stable word.
    pub reason: String,
    /// For people.
    pub message: String,
}

/// The answer of the list.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Jobs {
    /// Every job that is looked after, ordered by cluster and id.
    pub jobs: Vec<JobSummary>,
}

async fn list(State(admin): State<Arc<Admin>>) -> Json<Jobs> {
    let records = admin.records.latest();
    Json(Jobs { jobs: records.iter().map(|record| JobSummary::from(record.as_ref())).collect() })
}

/// By id, or by name where only one job has it.
async fn one(
    State(admin): State<Arc<Admin>>,
    Path((cluster, job)): Path<(String, String)>,
) -> Result<Json<JobRecord>, Refusal> {
    let latest = admin.records.latest();
    let of_cluster = || latest.iter().filter(|record| record.job.cluster == cluster);
    let named: Vec<_> = of_cluster().filter(|it| it.job.id.to_string() == job || it.job_name == job).collect();
    match named.as_slice() {
        [record] => Ok(Json(JobRecord::from(record.as_ref()))),
        [] => {
            let known: Vec<&str> = of_cluster().map(|record| record.job_name.as_str()).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Refusal::not_found(format!("there is no job `{job}` in cluster `{cluster}`; looked after: {known}")))
        }
        several => {
            let ids: Vec<String> = several.iter().map(|record| record.job.id.to_string()).collect();
            let reason = format!("{} jobs are called `{job}`: ask for one by its id: {}", ids.len(), ids.join(", "));
            Err(Refusal::not_found(reason))
        }
    }
}

impl From<&DecisionRecord> for JobSummary {
    fn from(record: &DecisionRecord) -> Self {
        Self {
            cluster: record.job.cluster.clone(),
            job: record.job.id.to_string(),
            name: record.job_name.clone(),
            status: record.status.to_string(),
            at: record.at.to_string(),
            stage: record.stage.name().to_owned(),
            policy: record.policy.clone(),
            policy_digest: record.policy_digest.map(|digest| digest.to_string()),
            error: record.error.clone(),
        }
    }
}

impl From<&DecisionRecord> for JobRecord {
    fn from(record: &DecisionRecord) -> Self {
        let globals = record.decision.iter().flat_map(|decision| &decision.evaluated_global);
        Self {
            summary: record.into(),
            took_ms: record.took.as_secs_f64() * 1000.0,
            samples: record.samples,
            verdict: record.decision.as_ref().map(|decision| JobVerdict::from(&decision.verdict)),
            vertices: vertices(record),
            evaluated: globals
                .map(|scalar| (scalar.metric.clone(), Evaluated::new(scalar.current, scalar.average)))
                .filter(|(_, evaluated)| !evaluated.is_nothing())
                .collect(),
            realization: JobRealization::from(&record.realization),
            events: record.events.iter().map(JobEvent::from).collect(),
        }
    }
}

fn vertices(record: &DecisionRecord) -> Vec<JobVertex> {
    let vertices = record.topology.iter().flat_map(|topology| &topology.vertices).enumerate();
    vertices
        .map(|(index, vertex)| JobVertex {
            id: vertex.id.to_string(),
            name: vertex.name.clone(),
            parallelism: vertex.parallelism,
            max_parallelism: vertex.max_parallelism,
            target: record.targets.get(&vertex.id).copied(),
            recommended: record
                .decision
                .as_ref()
                .and_then(|decision| decision.recommended.get(index).copied())
                .filter(|parallelism| *parallelism > 0),
            excluded: record.excluded.contains(&vertex.id),
            evaluated: evaluated(record, index),
        })
        .collect()
}

fn evaluated(record: &DecisionRecord, index: usize) -> BTreeMap<String, Evaluated> {
    let columns = record.decision.iter().flat_map(|decision| &decision.evaluated);
    let value = |values: &[f64]| values.get(index).copied().unwrap_or(f64::NAN);
    columns
        .map(|column| (column.metric.clone(), Evaluated::new(value(&column.current), value(&column.average))))
        .filter(|(_, evaluated)| !evaluated.is_nothing())
        .collect()
}

impl Evaluated {
    fn new(current: f64, average: f64) -> Self {
        let finite = |value: f64| value.is_finite().then_some(value);
        Self { current: finite(current), average: finite(average) }
    }

    fn is_nothing(&self) -> bool {
        self.current.is_none() && self.average.is_none()
    }
}

impl From<&Verdict> for JobVerdict {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Scale(_) => Self { action: "scale".to_owned(), reason: None },
            Verdict::Hold { reason } => Self { action: "hold".to_owned(), reason: Some(reason.clone()) },
        }
    }
}

impl From<&Realization> for JobRealization {
    fn from(realization: &Realization) -> Self {
        let reason = match realization {
            Realization::Impossible { reason } | Realization::Failed { reason } => Some(reason.clone()),
            _ => None,
        };
        Self { outcome: realization.name().to_owned(), reason }
    }
}

impl From<&Event> for JobEvent {
    fn from(event: &Event) -> Self {
        let kind = match event.kind {
            EventKind::Normal => "Normal",
            EventKind::Warning => "Warning",
        };
        Self { kind: kind.to_owned(), reason: event.reason.clone(), message: event.message.clone() }
    }
}
