//! A job as its cluster lists it.

use std::fmt;
use std::sync::Arc;

use tidegate_common::configuration::Configuration;

use super::JobId;

/// What tells one job from another for as long as it is looked after.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    /// The cluster's name in the configuration.
    pub cluster: String,
    /// The submission.
    pub id: JobId,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.id)
    }
}

/// One entry of a cluster's job list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The submission.
    pub id: JobId,
    /// The name that it was submitted under.
    pub name: String,
    /// Its effective status.
    pub status: JobStatus,
}

/// Everything that a pass starts from.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// Which job.
    pub key: JobKey,
    /// The name that it was submitted under.
    pub name: String,
    /// Its effective status.
    pub status: JobStatus,
    /// The daemon's options, overlaid with the cluster's, overlaid with the job's own configuration.
    pub configuration: Arc<Configuration>,
}

/// A job's status. `Running` only when every task runs or has finished: a job that waits for slots is `Created`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "Flink's own names")]
pub enum JobStatus {
    Initializing,
    Created,
    Running,
    Failing,
    Failed,
    Cancelling,
    Canceled,
    Finished,
    Restarting,
    Suspended,
    Reconciling,
    /// What a later Flink may add.
    Unknown,
}

impl JobStatus {
    /// The status of a job that Flink calls `state` and of whose `total` tasks `settled` run or have finished.
    pub fn effective(state: &str, settled: u64, total: u64) -> Self {
        match state {
            "RUNNING" if settled == total => Self::Running,
            "RUNNING" | "CREATED" => Self::Created,
            "INITIALIZING" => Self::Initializing,
            "FAILING" => Self::Failing,
            "FAILED" => Self::Failed,
            "CANCELLING" => Self::Cancelling,
            "CANCELED" => Self::Canceled,
            "FINISHED" => Self::Finished,
            "RESTARTING" => Self::Restarting,
            "SUSPENDED" => Self::Suspended,
            "RECONCILING" => Self::Reconciling,
            _ => Self::Unknown,
        }
    }

    /// Whether the job is over.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Failed | Self::Canceled | Self::Finished)
    }

    /// Whether the job is over, or on its way there. Only a JobManager that fails meanwhile can bring it back.
    pub fn is_ending(self) -> bool {
        matches!(self, Self::Failing | Self::Failed | Self::Cancelling | Self::Canceled | Self::Finished)
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Initializing => "INITIALIZING",
            Self::Created => "CREATED",
            Self::Running => "RUNNING",
            Self::Failing => "FAILING",
            Self::Failed => "FAILED",
            Self::Cancelling => "CANCELLING",
            Self::Canceled => "CANCELED",
            Self::Finished => "FINISHED",
            Self::Restarting => "RESTARTING",
            Self::Suspended => "SUSPENDED",
            Self::Reconciling => "RECONCILING",
            Self::Unknown => "UNKNOWN",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_the_one_that_upstream_asserts() {
        for case in tidegate_vectors::cases("upstream_effective_status") {
            let tasks = |field: &str| case[field].as_u64().unwrap();
            let (running, finished, other) = (tasks("numRunning"), tasks("numFinished"), tasks("numOther"));
            let total = running + finished + other;
            let status = JobStatus::effective(case["status"].as_str().unwrap(), running + finished, total);
            assert_eq!(status.to_string(), case["expected"].as_str().unwrap(), "{case}");
        }
    }

    #[test]
    fn a_job_runs_when_all_its_tasks_do() {
        for (state, settled, total, expected) in [
            ("RUNNING", 4, 4, JobStatus::Running),
            ("RUNNING", 3, 4, JobStatus::Created),
            ("RUNNING", 0, 0, JobStatus::Running),
            ("CREATED", 0, 0, JobStatus::Created),
            ("FAILED", 0, 4, JobStatus::Failed),
            ("NEVER_HEARD_OF", 4, 4, JobStatus::Unknown),
        ] {
            assert_eq!(JobStatus::effective(state, settled, total), expected, "{state} {settled}/{total}");
        }
    }
}
