//! `/config`, `/jobs/overview`, `/jobs/:id/jobmanager/config`.

use std::borrow::Cow;

use serde::Deserialize;

use crate::model::{Job, JobId, JobStatus};

/// What the cluster says of itself.
#[derive(Deserialize)]
pub(in crate::flink) struct ClusterConfiguration<'a> {
    #[serde(rename = "flink-version", borrow)]
    pub(in crate::flink) flink_version: Cow<'a, str>,
}

/// Every job that the cluster lists.
#[derive(Deserialize)]
pub(in crate::flink) struct JobsOverview<'a> {
    #[serde(borrow)]
    jobs: Vec<JobOverview<'a>>,
}

#[derive(Deserialize)]
struct JobOverview<'a> {
    jid: JobId,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    state: Cow<'a, str>,
    tasks: Tasks,
}

#[derive(Deserialize)]
struct Tasks {
    total: u64,
    running: u64,
    finished: u64,
}

/// One entry of a configuration.
#[derive(Deserialize)]
pub(in crate::flink) struct ConfigurationEntry {
    pub(in crate::flink) key: String,
    pub(in crate::flink) value: Option<String>,
}

impl JobsOverview<'_> {
    pub(in crate::flink) fn into_jobs(self) -> Vec<Job> {
        self.jobs
            .into_iter()
            .map(|job| Job {
                id: job.jid,
                status: JobStatus::effective(&job.state, job.tasks.running + job.tasks.finished, job.tasks.total),
                name: job.name.into_owned(),
            })
            .collect()
    }
}
