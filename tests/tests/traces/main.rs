//! The golden traces: recorded jobs, and what Apache's Java autoscaler did about them in every pass.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod upstream;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate::metrics::Metrics;
use tidegate::plugin::{Limits, Runtime, Source, WasmPolicy};
use tidegate::policy::Policy;
use tidegate::trace::{Replay, ReplayedPass, Trace, compare};
use tidegate_common::configuration::Configuration;
use tidegate_tests::native::NativePolicy;
use tokio::task::JoinSet;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("traces")
}

/// The number of passes of every trace, as the index has it.
fn index() -> BTreeMap<String, usize> {
    let index = fs::read_to_string(folder().join("index.tsv")).unwrap();
    let entry = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        (columns[0].to_owned(), columns[3].parse().unwrap())
    };
    index.lines().skip(1).map(entry).collect()
}

fn component() -> Arc<dyn Policy> {
    // How fast the machine is has no say here.
    let limits = Limits { deadline: Duration::from_secs(60), ..Limits::default() };
    let source = Source::Bundled("default-policy".to_owned());
    let metrics = Arc::new(Metrics::default());
    Arc::new(WasmPolicy::load("component", &source, limits, &Runtime::new().unwrap(), metrics).unwrap())
}

/// What of a pass has to be the same bit for bit, whoever decided. The doubles are in the outcome, written out in full.
fn exactly(pass: &ReplayedPass) -> impl PartialEq + Debug {
    let decision = pass.record.as_ref().and_then(|record| record.decision.as_ref());
    let outcome = serde_json::to_string(&pass.outcome).unwrap();
    (outcome, &pass.state, decision.map(|decision| (&decision.verdict, &decision.recommended)))
}

/// Replays one trace twice, pass beside pass: its name, how many passes were compared, and what was wrong.
async fn check(name: String, component: Arc<dyn Policy>) -> (String, usize, Vec<String>) {
    let trace = Arc::new(Trace::read(&folder().join(format!("{name}.jsonl.gz"))).unwrap());
    let options = Configuration::default();
    let mut replays = [component, Arc::new(NativePolicy)].map(|it| Replay::new(Arc::clone(&trace), it, &options));
    let mut wrong = Vec::new();
    for recorded in &trace.passes {
        let [component, native] = &mut replays;
        let (component, native) = (component.step().await.unwrap(), native.step().await.unwrap());
        let place = format!("{}:{}", trace.name, recorded.line);
        let differences = compare(recorded, &component.outcome).unwrap();
        wrong.extend(differences.iter().map(|difference| format!("{place}: {difference}")));
        if exactly(&component) != exactly(&native) {
            wrong.push(format!("{place}: component {:?}, native {:?}", exactly(&component), exactly(&native)));
        }
    }
    (name, trace.passes.len(), wrong)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_golden_trace_is_decided_as_the_java_autoscaler_did() {
    let started = Instant::now();
    let component = component();
    let compiled = started.elapsed();
    let index = index();
    assert_eq!(index.len(), 110);
    let mut checks = JoinSet::new();
    for name in index.keys() {
        checks.spawn(check(name.clone(), Arc::clone(&component)));
    }
    let (mut compared, mut wrong) = (BTreeMap::new(), Vec::new());
    while let Some(checked) = checks.join_next().await {
        let (name, passes, found) = checked.unwrap();
        compared.insert(name, passes);
        wrong.extend(found);
    }
    let passes: usize = compared.values().sum();
    writeln!(
        stdout(),
        "golden traces: {passes} passes compared in {:?}, {compiled:?} of it to compile the policy",
        started.elapsed()
    )
    .unwrap();
    assert_eq!(wrong, [""; 0]);
    assert_eq!(compared, index);
}

/// What was done in each pass of a trace.
async fn done(trace: Trace) -> Vec<(bool, Option<String>)> {
    let mut replay = Replay::new(Arc::new(trace), Arc::new(NativePolicy), &Configuration::default());
    let mut done = Vec::new();
    while let Some(pass) = replay.step().await {
        done.push((pass.outcome.scaled, serde_json::to_string(&pass.outcome.put).ok()));
    }
    done
}

#[tokio::test]
async fn excluded_periods_are_judged_in_the_zone_of_the_trace() {
    let file = fs::File::open(folder().join("excluded-list.jsonl.gz")).unwrap();
    let text = std::io::read_to_string(flate2::read::MultiGzDecoder::new(file)).unwrap();
    let replaced = |pairs: &[(&str, &str)]| {
        let text = pairs.iter().fold(text.clone(), |text, (from, to)| {
            assert!(text.contains(from), "{from}");
            text.replacen(from, to, 1)
        });
        Trace::parse("moved", text.as_bytes()).unwrap()
    };
    // In March 2026 New York is four hours behind UTC from the 8th on.
    let periods = ("9:00:00-9:20:00;* 30-45 9 * * ?", "5:00:00-5:20:00;* 30-45 5 * * ?");
    let zone = ("\"timezone\":\"UTC\"", "\"timezone\":\"America/New_York\"");
    let recorded = done(replaced(&[])).await;
    assert_eq!(done(replaced(&[periods, zone])).await, recorded);
    assert_ne!(done(replaced(&[periods])).await, recorded);
    let unknown = text.replacen(zone.0, "\"timezone\":\"Mars\"", 1);
    assert!(Trace::parse("unknown", unknown.as_bytes()).unwrap_err().to_string().contains("its `timezone` is unknown"));
}

#[tokio::test]
async fn an_option_that_cannot_be_read_is_told_in_the_words_of_the_java_autoscaler() {
    let trace = Arc::new(Trace::read(&folder().join("balanced.jsonl.gz")).unwrap());
    let error = "AutoscalerError";
    for (key, value, stage, reason, message) in [
        ("metrics.window", "5 parsecs", "collecting", error, "Could not parse value '5 parsecs' for key '{}'."),
        ("restart.time", "soon", "collecting", error, "Could not parse value 'soon' for key '{}'."),
        ("vertex.max-parallelism", "x", "executing", error, "Could not parse value 'x' for key '{}'."),
        ("utilization.target", "x", "none", error, "Could not parse value 'x' for key '{}'."),
        (
            "scale-up.max-factor",
            "x",
            "none",
            "AutoScaler Options Validation",
            "Invalid value in the autoscaler config {}",
        ),
    ] {
        let key = format!("job.autoscaler.{key}");
        let options = Configuration::from_iter([(key.as_str(), value)]);
        let mut replay = Replay::new(Arc::clone(&trace), Arc::new(NativePolicy), &options);
        let mut told = None;
        while let Some(pass) = replay.step().await
            && told.is_none()
        {
            told = pass.outcome.events.into_iter().next().map(|event| (pass.outcome.stage, event));
        }
        let (found, event) = told.unwrap();
        let expected = message.replace("{}", &key);
        assert_eq!((found.as_str(), event.reason.as_str(), event.message), (stage, reason, expected));
        assert_eq!(event.interval_s.is_some(), reason != error, "{key}");
    }
}

#[tokio::test]
async fn options_go_over_those_of_the_trace() {
    let trace = Arc::new(Trace::read(&folder().join("not-running.jsonl.gz")).unwrap());
    let options = Configuration::from_iter([("job.autoscaler.scaling.enabled", "false")]);
    let mut replay = Replay::new(Arc::clone(&trace), Arc::new(NativePolicy), &options);
    let mut reports = 0;
    while let Some(pass) = replay.step().await {
        assert_eq!((pass.outcome.scaled, pass.outcome.put), (false, None));
        reports +=
            pass.outcome.events.iter().filter(|event| event.message.contains("Scaling execution disabled")).count();
    }
    assert!(reports > 0);
}
