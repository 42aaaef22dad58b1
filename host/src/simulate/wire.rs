//! The bodies of Flink's REST API, with the keys of version 1.20; a job's details stand in `details`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::engine::{JobState, Phase};
use super::metrics::Aggregated;
use crate::model::{Bounds, JobId, VertexId};

/// `/config`
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Config<'a> {
    pub(super) refresh_interval: u32,
    pub(super) timezone_name: &'a str,
    pub(super) timezone_offset: u32,
    pub(super) flink_version: &'a str,
    pub(super) flink_revision: &'a str,
    pub(super) features: Features,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Features {
    pub(super) web_submit: bool,
    pub(super) web_cancel: bool,
    pub(super) web_rescale: bool,
    pub(super) web_history: bool,
}

/// `/overview`
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Overview<'a> {
    pub(super) taskmanagers: u32,
    pub(super) slots_total: u32,
    pub(super) slots_available: u32,
    pub(super) jobs_running: usize,
    pub(super) jobs_finished: usize,
    pub(super) jobs_cancelled: usize,
    pub(super) jobs_failed: usize,
    pub(super) flink_version: &'a str,
    pub(super) flink_commit: &'a str,
}

/// `/jobs/overview`
#[derive(Serialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<JobOverview>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct JobOverview {
    jid: JobId,
    name: String,
    start_time: i64,
    end_time: i64,
    duration: i64,
    state: &'static str,
    last_modification: i64,
    tasks: TaskTotals,
}

#[derive(Default, Serialize)]
struct TaskTotals {
    running: u32,
    canceling: u32,
    canceled: u32,
    total: u32,
    created: u32,
    scheduled: u32,
    deploying: u32,
    reconciling: u32,
    finished: u32,
    initializing: u32,
    failed: u32,
}

impl JobOverview {
    pub(super) fn new(id: JobId, job: &JobState) -> Self {
        let total = job.parallelism().iter().sum();
        Self {
            jid: id,
            name: job.shape().name.clone(),
            start_time: job.started().as_millis(),
            end_time: -1,
            duration: job.now().as_millis() - job.started().as_millis(),
            state: state(job),
            last_modification: job.running_since().as_millis(),
            tasks: match job.phase() {
                Phase::Running => TaskTotals { running: total, total, ..TaskTotals::default() },
                Phase::Restarting { .. } => TaskTotals { canceling: total, total, ..TaskTotals::default() },
                Phase::Created { .. } => TaskTotals::default(),
            },
        }
    }
}

/// One entry of `/jobs/:id/jobmanager/config`
#[derive(Serialize)]
pub(super) struct Entry<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

/// One entry of a list of metrics
#[derive(Serialize)]
pub(super) struct MetricName<'a> {
    pub(super) id: &'a str,
}

/// One entry of `/jobmanager/metrics?get=`
#[derive(Serialize)]
pub(super) struct MetricText<'a> {
    pub(super) id: &'a str,
    pub(super) value: String,
}

/// One entry of `…/metrics?get=&agg=`
#[derive(Serialize)]
pub(super) struct MetricNumbers<'a> {
    pub(super) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) avg: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) skew: Option<f64>,
}

/// Which aggregations were asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Aggregations {
    pub(super) min: bool,
    pub(super) max: bool,
    pub(super) avg: bool,
    pub(super) sum: bool,
    pub(super) skew: bool,
}

impl<'a> MetricNumbers<'a> {
    pub(super) fn new(id: &'a str, numbers: Aggregated, wanted: Aggregations) -> Self {
        Self {
            id,
            min: wanted.min.then_some(numbers.min),
            max: wanted.max.then_some(numbers.max),
            avg: wanted.avg.then_some(numbers.avg),
            sum: wanted.sum.then_some(numbers.sum),
            skew: wanted.skew.then_some(numbers.skew),
        }
    }
}

/// `/jobs/:id/resource-requirements`
pub(super) type Requirements = BTreeMap<VertexId, Requirement>;

#[derive(Serialize)]
pub(super) struct Requirement {
    parallelism: BoundsBody,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BoundsBody {
    lower_bound: u32,
    upper_bound: u32,
}

impl From<Bounds> for Requirement {
    fn from(bounds: Bounds) -> Self {
        Self { parallelism: BoundsBody { lower_bound: bounds.lower(), upper_bound: bounds.upper() } }
    }
}

/// The body of every error
#[derive(Serialize)]
pub(super) struct Errors {
    pub(super) errors: Vec<String>,
}

/// The state of a job, in Flink's words.
pub(super) fn state(job: &JobState) -> &'static str {
    match job.phase() {
        Phase::Running => "RUNNING",
        Phase::Restarting { .. } => "RESTARTING",
        Phase::Created { .. } => "CREATED",
    }
}
