//! The daemon against real Flink clusters. What came of its decisions is read from Flink itself.
//!
//! `cargo test --test end_to_end -- --ignored` needs a JDK, pip and about ten minutes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, while its cluster still stands")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate::trace::{Replay, Trace, compare};
use tidegate_common::configuration::Configuration;
use tidegate_tests::daemon::Daemon;
use tidegate_tests::flink::{Cluster, Job, JobOptions, Scheduler, Shape, Version};
use tidegate_tests::host::bundled_policy;
use tidegate_tests::wait::{eventually, throughout};

/// More slots than the job ever needs, so that it gets what is decided.
const SHAPE: Shape = Shape { scheduler: Scheduler::Adaptive, task_managers: 2, slots: 3 };

/// A subtask of `work` manages 500 records per second.
const JOB: JobOptions = JobOptions { parallelism: 1, max_parallelism: 12, cost_us: 2000, rate: CALM };

/// In records per second: a third of what one subtask manages.
const CALM: u32 = 150;

/// In records per second: more than two subtasks manage.
const BUSY: u32 = 1100;

/// Minutes shortened to seconds, for a job whose rescale takes one second.
///
/// Flink's rates and busy times are means over the last minute and wrong for the first one after a restart. So the
/// capacity comes from counters (aggregator `AVG`), and is never taken from the rate seen while a source catches up.
const OPTIONS: [(&str, &str); 8] = [
    ("job.autoscaler.enabled", "true"),
    ("job.autoscaler.stabilization.interval", "5s"),
    ("job.autoscaler.metrics.window", "10s"),
    ("job.autoscaler.metrics.busy-time.aggregator", "AVG"),
    ("job.autoscaler.observed-true-processing-rate.lag-threshold", "1h"),
    ("job.autoscaler.restart.time", "2s"),
    ("job.autoscaler.catch-up.duration", "1min"),
    ("job.autoscaler.scale-down.interval", "10s"),
];

#[test]
#[ignore = "starts a real Flink cluster"]
fn a_job_on_flink_1_20_follows_its_load() {
    follows_its_load(Version::V1_20);
}

#[test]
#[ignore = "starts a real Flink cluster"]
fn a_job_on_flink_2_3_follows_its_load() {
    follows_its_load(Version::V2_3);
}

fn follows_its_load(version: Version) {
    let cluster = Cluster::start(version, SHAPE).unwrap();
    let job = cluster.submit(&JOB).unwrap();
    let daemon = Daemon::start(cluster.url(), &OPTIONS, cluster.folder()).unwrap();
    let parallelism = || job.parallelism();
    let passes = || daemon.metric("tidegate_passes_total", &[]);
    eventually("a pass", Duration::from_secs(20), passes, |passes| *passes >= 1.0).unwrap();
    let recorded = cluster.folder().join("recorded.jsonl.gz");
    let recording = daemon.record(job.id(), &recorded, cluster.folder()).unwrap();

    let calm = with_work(1);
    stays(&job, &calm);
    assert_eq!(job.restores().unwrap(), 0, "a job that keeps up is left alone");

    // The first decision after the step sees little of it, so how the job gets there, and whether it then has a
    // subtask to spare, depends on the moment. Both are right for this load.
    job.set_rate(BUSY).unwrap();
    let busy = [with_work(3), with_work(4)];
    eventually("scale-up", Duration::from_secs(120), parallelism, |now| busy.contains(now)).unwrap();
    let one_second = f64::from(BUSY);
    let pending = || job.pending_records();
    eventually("catch-up", Duration::from_secs(90), pending, |pending| *pending < one_second).unwrap();
    let (enough, restores) = (job.parallelism().unwrap(), job.restores().unwrap());
    assert!(busy.contains(&enough), "{enough:?}");
    stays(&job, &enough);
    assert_eq!(job.restores().unwrap(), restores, "a job that has enough is left alone");

    job.set_rate(CALM).unwrap();
    eventually("scale-down", Duration::from_secs(150), parallelism, |now| *now == calm).unwrap();
    eventually("all tasks running", Duration::from_secs(20), || job.all_tasks_run(), |run| *run).unwrap();

    assert!(counted(&daemon, "passes", &["stage=\"executed\""]) >= 30.0);
    assert!(counted(&daemon, "decisions", &["verdict=\"hold\""]) >= 30.0);
    assert!(counted(&daemon, "decisions", &["verdict=\"scale\""]) >= 2.0, "at least once up and once down");
    assert!(counted(&daemon, "rescales", &["outcome=\"requested\""]) >= 2.0);
    assert_eq!(counted(&daemon, "rescales", &["outcome=\"failed\""]), 0.0);
    assert!(counted(&daemon, "plugin_calls", &["result=\"ok\""]) >= 100.0);
    assert_eq!(counted(&daemon, "plugin_calls", &["result=\"failed\""]), 0.0);
    assert_eq!(daemon.stop().unwrap().code(), Some(0), "how the daemon ended");
    assert!(job.all_tasks_run().unwrap(), "the job goes on without the daemon");
    let log = recording.log().unwrap();
    drop(recording);
    decides_the_same(&recorded, &log);
}

/// Asserts that a replay of what was recorded decides as the daemon did.
fn decides_the_same(recorded: &Path, log: &str) {
    let trace = Arc::new(Trace::read(recorded).unwrap());
    let mut replay = Replay::new(Arc::clone(&trace), bundled_policy(), &Configuration::default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (mut wrong, mut rescales) = (Vec::new(), 0);
    for pass in &trace.passes {
        let replayed = runtime.block_on(replay.step()).unwrap();
        rescales += usize::from(replayed.outcome.put.is_some());
        let differences = compare(pass, &replayed.outcome).unwrap();
        wrong.extend(differences.iter().map(|it| format!("pass of {} (line {}): {it}", replayed.at, pass.line)));
    }
    assert_eq!(wrong, [""; 0]);
    assert!(trace.passes.len() >= 100 && rescales >= 2, "{} passes, {rescales} rescales\n{log}", trace.passes.len());
}

#[test]
#[ignore = "starts a real Flink cluster"]
fn a_job_that_cannot_be_rescaled_is_told_what_it_needs() {
    let cluster = Cluster::start(Version::V1_20, Shape { scheduler: Scheduler::Default, ..SHAPE }).unwrap();
    let job = cluster.submit(&JobOptions { rate: BUSY, ..JOB }).unwrap();
    let daemon = Daemon::start(cluster.url(), &OPTIONS, cluster.folder()).unwrap();

    let advice = "jobmanager.scheduler: adaptive";
    eventually("advice", Duration::from_secs(60), || daemon.log(), |log| log.contains(advice)).unwrap();

    let before = counted(&daemon, "passes", &[]);
    let passes = || daemon.metric("tidegate_passes_total", &[]);
    eventually("more passes", Duration::from_secs(10), passes, |passes| *passes >= before + 3.0).unwrap();
    assert!(counted(&daemon, "rescales", &["outcome=\"impossible\""]) >= 1.0);
    assert_eq!(job.parallelism().unwrap(), with_work(1));
    assert_eq!(job.restores().unwrap(), 0);
    assert!(job.all_tasks_run().unwrap());
    assert_eq!(daemon.stop().unwrap().code(), Some(0), "how the daemon ended");
}

fn counted(daemon: &Daemon, counter: &str, labels: &[&str]) -> f64 {
    daemon.metric(&format!("tidegate_{counter}_total"), labels).unwrap()
}

/// Asserts that the job keeps its parallelism for as long as it takes to decide otherwise.
fn stays(job: &Job, expected: &BTreeMap<String, u32>) {
    let seen = throughout(Duration::from_secs(25), || job.parallelism()).unwrap();
    assert!(seen.iter().all(|seen| seen == expected), "expected {expected:?} throughout: {seen:?}");
}

/// The job with a parallelism of `work`, and 1 for the vertices that cost next to nothing.
fn with_work(parallelism: u32) -> BTreeMap<String, u32> {
    [("Source: log", 1), ("work", parallelism), ("out: Writer", 1)].map(|(name, p)| (name.to_owned(), p)).into()
}
