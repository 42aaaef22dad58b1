//! `tidegate explain`: what the last pass of a job saw and decided, and why.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use clap::Args;

use super::api::ApiFlags;
use super::table::{columns, paragraph, width};
use crate::admin::{Evaluated, JobRecord, JobSummary, JobVertex, Jobs};

/// Say what the last pass of a job saw and decided, and why
///
/// Without a job, list the jobs that the daemon looks after.
#[derive(Clone, Debug, Args)]
pub(super) struct Explain {
    /// Name or id of the job.
    #[arg(value_name = "JOB")]
    job: Option<String>,

    /// The cluster that the job is in; needed where several have such a job.
    #[arg(long, value_name = "NAME")]
    cluster: Option<String>,

    #[command(flatten)]
    api: ApiFlags,

    /// Print what the daemon's API answers.
    #[arg(long)]
    json: bool,
}

impl Explain {
    #[expect(clippy::print_stdout, reason = "the answer of a command")]
    pub(super) fn run(self) -> Result<()> {
        let api = self.api.api()?;
        let Jobs { mut jobs } = api.get(&["jobs"])?;
        jobs.retain(|job| self.cluster.as_ref().is_none_or(|cluster| job.cluster == *cluster));
        let Some(wanted) = &self.job else {
            match self.json {
                true => println!("{}", serde_json::to_string_pretty(&Jobs { jobs })?),
                false => println!("{}", list(&jobs, width()).join("\n")),
            }
            return Ok(());
        };
        let named: Vec<&JobSummary> = jobs.iter().filter(|job| job.job == *wanted || job.name == *wanted).collect();
        let found = match named.as_slice() {
            [found] => found,
            [] => {
                let known: Vec<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
                bail!("there is no job `{wanted}`; looked after: {}", or_none(&known.join(", ")));
            }
            several => {
                let known: Vec<String> = several.iter().map(|job| format!("{}/{}", job.cluster, job.job)).collect();
                bail!(
                    "{} jobs are called `{wanted}`: give the id, or --cluster NAME: {}",
                    known.len(),
                    known.join(", ")
                );
            }
        };
        let path = ["jobs", &found.cluster, &found.job];
        if self.json {
            let record: serde_json::Value = api.get(&path)?;
            println!("{}", serde_json::to_string_pretty(&record)?);
        } else {
            println!("{}", explain(&api.get(&path)?, width()).join("\n"));
        }
        Ok(())
    }
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

fn list(jobs: &[JobSummary], width: usize) -> Vec<String> {
    if jobs.is_empty() {
        return vec!["no job is looked after yet".to_owned()];
    }
    let head = ["JOB", "CLUSTER", "STATUS", "LAST PASS", "STAGE", "POLICY"].map(str::to_owned).to_vec();
    let row = |job: &JobSummary| {
        vec![
            job.name.clone(),
            job.cluster.clone(),
            job.status.clone(),
            job.at.clone(),
            job.error.as_ref().map_or_else(|| job.stage.clone(), |_| format!("{} failed", job.stage)),
            job.policy.clone(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(jobs.iter().map(row)).collect();
    columns(&rows, width)
}

/// The record for people.
fn explain(record: &JobRecord, width: usize) -> Vec<String> {
    let JobRecord { summary, took_ms, samples, verdict, vertices, realization, events, .. } = record;
    let JobSummary { cluster, job, name, status, at, stage, policy, policy_digest, error } = summary;
    let version = policy_digest.as_deref().and_then(|digest| digest.get(..12)).map(|start| format!(" {start}"));
    let version = version.unwrap_or_default();
    let mut lines = vec![
        format!("{name} ({cluster}, {job}): {status}"),
        format!("pass of {at}, took {took_ms:.0} ms: {stage}, {samples} samples, policy {policy}{version}"),
    ];
    if !vertices.is_empty() {
        lines.push(String::new());
        lines.extend(columns(&table(vertices), width));
    }
    lines.push(String::new());
    if let Some(verdict) = verdict {
        let reason = verdict.reason.as_deref().filter(|reason| !reason.is_empty());
        let said = reason.map_or_else(|| verdict.action.clone(), |reason| format!("{}: {reason}", verdict.action));
        lines.extend(paragraph(&format!("decision: {said}"), "", width));
    }
    if let Some(error) = error {
        lines.extend(paragraph(&format!("failed: {error}"), "", width));
    }
    let held = match (realization.outcome.as_str(), &realization.reason) {
        ("nothing", _) => "there are none".to_owned(),
        ("in_place", _) => "Flink has them, and the job runs with them".to_owned(),
        ("pending", _) => "Flink has them, but the job does not run with them yet".to_owned(),
        ("requested", _) => "Flink was asked for them in this pass".to_owned(),
        (outcome, Some(reason)) => format!("{outcome}: {reason}"),
        (outcome, None) => outcome.to_owned(),
    };
    lines.extend(paragraph(&format!("targets: {held}"), "", width));
    for event in events {
        lines.extend(paragraph(&format!("{} {}: {}", event.kind, event.reason, event.message), "", width));
    }
    lines
}

fn table(vertices: &[JobVertex]) -> Vec<Vec<String>> {
    let head = ["VERTEX", "NOW", "TARGET", "WANTED", "MAX", "LOAD", "RATE", "NEEDED", "LAG"];
    let rows = vertices.iter().map(|vertex| {
        let number = |value: Option<u32>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let metric = |name, average| value(&vertex.evaluated, name, average);
        let load = metric("LOAD", true).map_or_else(|| "-".to_owned(), |load| format!("{:.0} %", load * 100.0));
        let rate = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"));
        let excluded = if vertex.excluded { " (excluded)" } else { "" };
        vec![
            format!("{}{excluded}", vertex.name),
            vertex.parallelism.to_string(),
            number(vertex.target),
            number(vertex.recommended),
            vertex.max_parallelism.to_string(),
            load,
            rate(metric("TRUE_PROCESSING_RATE", true)),
            rate(metric("TARGET_DATA_RATE", true)),
            rate(metric("LAG", false)),
        ]
    });
    std::iter::once(head.map(str::to_owned).to_vec()).chain(rows).collect()
}

fn value(evaluated: &BTreeMap<String, Evaluated>, name: &str, average: bool) -> Option<f64> {
    let value = evaluated.get(name)?;
    if average { value.average } else { value.current }
}
