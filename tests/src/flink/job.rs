//! The example job, built, submitted, loaded and looked at.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::json;

use crate::error::HarnessError;
use crate::flink::distribution::Distribution;
use crate::flink::rest::Rest;
use crate::process::output;
use crate::wait::eventually;

const RUN_WITHIN: Duration = Duration::from_secs(60);

/// What the example job is started with; see `examples/flink-job`.
#[derive(Clone, Copy, Debug)]
pub struct JobOptions {
    /// Parallelism of every vertex at the start.
    pub parallelism: u32,
    /// Number of key groups.
    pub max_parallelism: u32,
    /// Time of the task `work` that a record costs, in microseconds.
    pub cost_us: u32,
    /// Load at the start, in records per second.
    pub rate: u32,
}

/// The example job on a cluster.
#[derive(Debug)]
pub struct Job {
    rest: Rest,
    id: String,
    rates: PathBuf,
}

impl Job {
    /// Submits a jar of the example job and waits until all tasks run.
    pub(super) fn submit(rest: &Rest, jar: &Path, options: &JobOptions, folder: &Path) -> Result<Self, HarnessError> {
        let rates = folder.join("rates");
        append_rate(&rates, options.rate)?;
        let arguments = json!({ "programArgsList": [
            "--rate-file",
            rates,
            "--parallelism",
            options.parallelism.to_string(),
            "--max-parallelism",
            options.max_parallelism.to_string(),
            "--cost-us",
            options.cost_us.to_string(),
        ]});
        let uploaded: Uploaded = rest.upload("/jars/upload", jar)?;
        let jar_id = uploaded.filename.rsplit('/').next().unwrap_or_default();
        let started: Started = rest.post(&format!("/jars/{jar_id}/run"), &arguments)?;
        let job = Self { rest: rest.clone(), id: started.jobid, rates };
        eventually("all tasks of the job running", RUN_WITHIN, || job.all_tasks_run(), |run| *run)?;
        Ok(job)
    }

    /// Its id, 32 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Changes the load, from now on, in records per second.
    ///
    /// # Errors
    ///
    /// The file of the rates cannot be written.
    pub fn set_rate(&self, rate: u32) -> Result<(), HarnessError> {
        append_rate(&self.rates, rate)
    }

    /// Whether every task of the job runs: not while it restarts or waits for slots.
    ///
    /// # Errors
    ///
    /// The cluster does not tell.
    pub fn all_tasks_run(&self) -> Result<bool, HarnessError> {
        let jobs: Jobs = self.rest.get("/jobs/overview")?;
        let job = jobs.jobs.iter().find(|job| job.jid == self.id);
        Ok(job.is_some_and(|job| job.state == "RUNNING" && job.tasks.total > 0 && job.tasks.running == job.tasks.total))
    }

    /// The parallelism that each vertex runs with, by name.
    ///
    /// # Errors
    ///
    /// The cluster does not tell: not while the job restarts. Flink then shows a parallelism of 1.
    pub fn parallelism(&self) -> Result<BTreeMap<String, u32>, HarnessError> {
        let job = self.details()?;
        let runs = job.state == "RUNNING" && job.vertices.iter().all(|vertex| vertex.status == "RUNNING");
        if !runs {
            return Err(HarnessError::missing("running job", job.state)());
        }
        Ok(job.vertices.into_iter().map(|vertex| (vertex.name, vertex.parallelism)).collect())
    }

    /// How often the job has been restored from a checkpoint: once for every rescale and every failure.
    ///
    /// # Errors
    ///
    /// The cluster does not tell.
    pub fn restores(&self) -> Result<u32, HarnessError> {
        let checkpoints: Checkpoints = self.rest.get(&format!("/jobs/{}/checkpoints", self.id))?;
        Ok(checkpoints.counts.restored)
    }

    /// The records that have arrived and that the source has not read yet.
    ///
    /// # Errors
    ///
    /// The cluster does not tell: not while the job restarts.
    pub fn pending_records(&self) -> Result<f64, HarnessError> {
        let job = self.details()?;
        let source = job.vertices.iter().find(|vertex| vertex.name == "Source: log");
        let source = source.ok_or_else(HarnessError::missing("source", &self.id))?;
        let metrics = format!("/jobs/{}/vertices/{}/subtasks/metrics", self.id, source.id);
        let pending: Vec<Aggregate> = self.rest.get(&format!("{metrics}?get=Source__log.pendingRecords&agg=sum"))?;
        pending.first().map(|pending| pending.sum).ok_or_else(HarnessError::missing("pendingRecords", metrics))
    }

    fn details(&self) -> Result<Details, HarnessError> {
        self.rest.get(&format!("/jobs/{}", self.id))
    }
}

#[derive(Deserialize)]
struct Uploaded {
    filename: String,
}

#[derive(Deserialize)]
struct Started {
    jobid: String,
}

#[derive(Deserialize)]
struct Jobs {
    jobs: Vec<Summary>,
}

#[derive(Deserialize)]
struct Summary {
    jid: String,
    state: String,
    tasks: Tasks,
}

#[derive(Deserialize)]
struct Tasks {
    total: u32,
    running: u32,
}

#[derive(Deserialize)]
struct Details {
    state: String,
    vertices: Vec<Vertex>,
}

#[derive(Deserialize)]
struct Vertex {
    id: String,
    name: String,
    status: String,
    parallelism: u32,
}

#[derive(Deserialize)]
struct Checkpoints {
    counts: Counts,
}

#[derive(Deserialize)]
struct Counts {
    restored: u32,
}

#[derive(Deserialize)]
struct Aggregate {
    sum: f64,
}

/// Compiles the example job against a release and packs it, as its README says.
pub(super) fn build_jar(distribution: &Distribution, folder: &Path) -> Result<PathBuf, HarnessError> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/flink-job/RateJob.java");
    let class_path = distribution.class_path();
    let (source, class_path) = (source.to_string_lossy(), class_path.to_string_lossy());
    output("javac", &["-nowarn", "--release", "17", "-cp", &class_path, "-d", "classes", &source], folder)?;
    output("jar", &["cfe", "rate-job.jar", "RateJob", "-C", "classes", "."], folder)?;
    Ok(folder.join("rate-job.jar"))
}

fn append_rate(rates: &Path, rate: u32) -> Result<(), HarnessError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut file = OpenOptions::new().create(true).append(true).open(rates).map_err(HarnessError::file(rates))?;
    writeln!(file, "{now} {rate}").map_err(HarnessError::file(rates))
}
