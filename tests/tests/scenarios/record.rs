//! A live job, recorded and replayed: what the host decided is decided again.

use std::sync::Arc;

use tidegate::control::TapedPass;
use tidegate::simulate::{JobShape, Load};
use tidegate::trace::{Replay, Tape, Trace, compare};
use tidegate_common::configuration::Configuration;
use tidegate_tests::host::{Host, Scenario, bundled_policy};
use tokio::sync::mpsc::Receiver;

use crate::{pipeline, short_of_three};

/// The recorder, and the lines so far.
struct Recording {
    passes: Receiver<Arc<TapedPass>>,
    tape: Tape,
    text: String,
}

impl Recording {
    fn of(host: &Host, name: &str) -> Self {
        Self { passes: host.record(name), tape: Tape::new(usize::MAX), text: String::new() }
    }

    /// Takes what there is.
    fn take(&mut self) {
        while let Ok(pass) = self.passes.try_recv() {
            let lines = self.tape.lines(&pass).unwrap();
            for line in lines.header.iter().chain([&lines.pass]) {
                self.text += line;
                self.text.push('\n');
            }
        }
    }

    async fn passes(&mut self, host: &mut Host, passes: usize) {
        for _ in 0..passes {
            host.pass().await;
            self.take();
        }
    }
}

/// Replays what was recorded, and asserts that each pass does what the host did. The trace, for a closer look.
async fn assert_decides_the_same(text: &str) -> Arc<Trace> {
    let trace = Arc::new(Trace::parse("recorded", text.as_bytes()).unwrap());
    let mut replay = Replay::new(Arc::clone(&trace), bundled_policy(), &Configuration::default());
    let mut wrong = Vec::new();
    for recorded in &trace.passes {
        let pass = replay.step().await.unwrap();
        let differences = compare(recorded, &pass.outcome).unwrap();
        wrong.extend(differences.iter().map(|it| format!("line {}: {it}", recorded.line)));
    }
    assert_eq!(wrong, [""; 0]);
    trace
}

fn stages(trace: &Trace) -> Vec<&str> {
    trace.passes.iter().map(|pass| pass.decided.as_ref().unwrap().stage.as_str()).collect()
}

fn puts(trace: &Trace) -> usize {
    trace.passes.iter().filter(|pass| pass.decided.as_ref().unwrap().put.is_some()).count()
}

#[tokio::test]
async fn a_job_that_is_recorded_from_its_start_on_is_decided_alike_when_it_is_replayed() {
    let mut host = Scenario::of([short_of_three("orders"), short_of_three("clicks")]).start().await;
    let mut recording = Recording::of(&host, "orders");
    recording.passes(&mut host, 30).await;
    let trace = assert_decides_the_same(&recording.text).await;
    assert_eq!((trace.passes.len(), puts(&trace)), (30, host.puts("orders").len()));
    assert!(puts(&trace) > 0 && stages(&trace).contains(&"window_not_full"), "{:?}", stages(&trace));
    assert!(!recording.text.contains("clicks"), "the other job is nobody's business");
}

#[tokio::test]
async fn a_recording_that_begins_in_the_middle_starts_from_what_the_host_remembers() {
    let slow = "job.autoscaler.scale-down.interval";
    let mut host = Scenario::of([short_of_three("orders")]).option(slow, "1min").start().await;
    // Into a window that is half full after a rescale, with a history and a restart that is being measured.
    while host.puts("orders").is_empty() {
        host.pass().await;
    }
    host.passes(4).await;
    let mut recording = Recording::of(&host, "orders");
    recording.passes(&mut host, 4).await;
    host.cluster.set_load(host.job("orders"), &Load::Constant(150.0)).unwrap();
    recording.passes(&mut host, 40).await;
    let trace = assert_decides_the_same(&recording.text).await;
    assert!(puts(&trace) > 0, "it is scaled down");
    let first = trace.passes[0].start.as_ref().unwrap();
    assert!(first.state.contains_key("collectedMetrics") && first.state.contains_key("scalingHistory"));
    assert!(trace.passes[0].decided.as_ref().unwrap().samples > 1);
}

#[tokio::test]
async fn what_goes_wrong_meanwhile_goes_wrong_in_the_replay() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    let mut recording = Recording::of(&host, "orders");
    let job = host.job("orders");
    recording.passes(&mut host, 3).await;
    for path in ["/jobmanager/metrics".to_owned(), format!("/jobs/{job}"), format!("/jobs/{job}/jobmanager/config")] {
        for status in [500, 404, 503] {
            host.cluster.fail(&path, status);
            recording.passes(&mut host, 1).await;
            host.cluster.heal(&path);
        }
    }
    host.cluster.restart(job).unwrap();
    recording.passes(&mut host, 8).await;
    let requirements = format!("/jobs/{job}/resource-requirements");
    host.cluster.fail(&requirements, 500);
    recording.passes(&mut host, 6).await;
    host.cluster.heal(&requirements);
    recording.passes(&mut host, 6).await;
    let trace = assert_decides_the_same(&recording.text).await;
    assert!(puts(&trace) > 0);
    for stage in ["none", "collecting", "executed"] {
        assert!(stages(&trace).contains(&stage), "{stage}: {:?}", stages(&trace));
    }
    let errors = trace.passes.iter().flat_map(|pass| &pass.decided.as_ref().unwrap().events);
    assert!(errors.filter(|event| event.reason == "AutoscalerError").count() >= 6);
}

#[tokio::test]
async fn passes_that_a_slow_recorder_misses_are_counted_and_the_recording_goes_on_behind_them() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    let mut recording = Recording::of(&host, "orders");
    host.passes(20).await;
    recording.passes(&mut host, 10).await;
    let trace = assert_decides_the_same(&recording.text).await;
    let lost: u64 = trace.passes.iter().filter_map(|pass| pass.start.as_ref()).map(|start| start.lost).sum();
    assert_eq!(trace.passes.len() as u64 + lost, 30);
    assert!(lost > 0);
    assert_eq!(host.records("orders").len(), 30, "no pass waits for a recorder");
}

#[tokio::test]
async fn a_recording_ends_with_its_job() {
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    let mut recording = Recording::of(&host, "orders");
    recording.passes(&mut host, 2).await;
    host.cluster.remove(host.job("orders")).unwrap();
    host.passes(2).await;
    assert!(recording.passes.recv().await.is_none());
}

#[tokio::test]
async fn no_secret_gets_into_a_trace() {
    const SECRET: &str = "hunter2";
    let secrets: JobShape = pipeline("orders", Load::Constant(500.0))
        .configured("s3.secret-key", SECRET)
        .configured("$internal.application.program-args", format!("--password;{SECRET}"))
        .configured("taskmanager.env.DB_PASSWORD", SECRET)
        .configured("env.java.opts", format!("-Dtoken={SECRET}"))
        .configured("security.kerberos.login.principal", SECRET)
        .configured("taskmanager.numberOfTaskSlots", "4");
    let mut host =
        Scenario::of([secrets]).option("taskmanager.api-key", SECRET).option("some.other.option", SECRET).start().await;
    let mut recording = Recording::of(&host, "orders");
    recording.passes(&mut host, 12).await;
    assert!(!recording.text.contains(SECRET));
    assert!(recording.text.contains("taskmanager.numberOfTaskSlots"), "the rest is there");
    let address = host.url().trim_start_matches("http://");
    let without_events = recording.text.lines().filter(|line| !line.contains("AutoscalerError"));
    assert!(without_events.into_iter().all(|line| !line.contains(address)), "nor where the cluster is");
    assert_decides_the_same(&recording.text).await;
}
