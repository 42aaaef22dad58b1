//! Scenarios through the real host, in simulated time: published figures, and that the same comes to the same.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tidegate::extension::Extensions;
use tidegate::model::{Decision, Failure, Observation};
use tidegate::policy::{Policy, PolicyError};
use tidegate::scenario::{Ds2, Report, Run, Scenario, shipped, simulate};
use tidegate_common::configuration::Configuration;
use tidegate_tests::host::bundled_policy;

/// A job that gets twice as much to do after 20 minutes, on a cluster that wavers.
const DOUBLED: &str = r#"
title = "twice as much"
lasts = "1h"
interval = "10s"
cluster = { downtime = "10s", noise = 0.05, noise-every = "30s" }

[options]
"job.autoscaler.metrics.window" = "1min"
"job.autoscaler.stabilization.interval" = "20s"
"job.autoscaler.restart.time" = "10s"
"job.autoscaler.catch-up.duration" = "5min"

[[vertex]]
name = "orders"
capacity = 5000
scale = false
[vertex.source]
jitter = { by = 20, every = "10s" }
load.steps = { hold = "20min", rates = [700, 1400, 1400] }

[[vertex]]
name = "enrich"
capacity = 100
parallelism = 10
inputs = [{ from = "orders" }]
"#;

async fn run(text: &str, seed: u64, policy: Arc<dyn Policy>) -> Report {
    let scenario = Scenario::parse(Path::new("test.toml"), text, Some(seed)).unwrap();
    let run = simulate(&scenario, &policy).await.unwrap();
    Report::new(&scenario, vec![("it".to_owned(), run)])
}

fn only(report: &Report) -> &Run {
    &report.sides.first().unwrap().run
}

/// ContTune (table 4a) publishes 2.29 reconfigurations of DS2 for each change of Nexmark Q1's load, of six orders that it
/// does not publish. Two seeds are twice six others.
#[tokio::test(flavor = "multi_thread")]
async fn plain_ds2_rescales_as_often_as_it_was_published() {
    const PUBLISHED: f64 = 2.29;
    let (_, text) = shipped().find(|(name, _)| *name == "conttune-q1").unwrap();
    // Fewer passes, the same decisions: every other thing of the protocol is as it is shipped.
    let text = text.replacen("interval = \"10s\"", "interval = \"30s\"", 1);
    let runs = [1, 2].map(|seed| {
        let text = text.clone();
        tokio::spawn(async move { run(&text, seed, Arc::new(Ds2)).await })
    });
    for run in runs {
        let report = run.await.unwrap();
        let side = report.sides.first().unwrap();
        assert_eq!((only(&report).changes.len(), only(&report).failed_passes), (120, 0));
        let found = side.rescales_per_change.unwrap();
        assert!((found / PUBLISHED - 1.0).abs() <= 0.1, "seed {}: {found} instead of {PUBLISHED}", report.seed);
    }
}

#[tokio::test]
async fn the_bundled_policy_follows_a_load_that_doubles() {
    let report = run(DOUBLED, 1, bundled_policy()).await;
    let run = only(&report);
    assert_eq!((run.failed_passes, run.passes, run.seconds), (0, 359, 3600));
    let [before, after] = &run.changes[..] else { panic!("two changes: {:?}", run.changes) };
    assert_eq!((before.rescales, before.settled_after), (0, Some(0)));
    assert!(after.rescales >= 1 && after.settled_after.is_some_and(|seconds| seconds < 600), "{after:?}");
    let last = run.course.last().unwrap();
    assert!(last.subtasks >= 14 && last.backlog < 1500.0, "{last:?}");
    assert!(run.down_seconds >= 10 && run.behind_seconds >= run.down_seconds);
}

#[tokio::test]
async fn the_same_seed_comes_to_the_same_and_another_to_something_else() {
    let as_text = |report: &Report| serde_json::to_string(report).unwrap();
    let (one, again) = (run(DOUBLED, 7, bundled_policy()).await, run(DOUBLED, 7, bundled_policy()).await);
    assert_eq!(as_text(&one), as_text(&again));
    assert_eq!(only(&one).course, only(&again).course);
    let other = run(DOUBLED, 8, bundled_policy()).await;
    assert_ne!(only(&one).backlog_record_seconds, only(&other).backlog_record_seconds);
}

#[test]
fn the_example_of_the_documentation_can_be_used() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/simulate.md");
    let page = fs::read_to_string(page).unwrap();
    let example = page.split("```").nth(1).and_then(|block| block.strip_prefix("toml")).unwrap();
    let scenario = Scenario::parse(Path::new("example.toml"), example, None).unwrap();
    assert_eq!((scenario.shape.vertices.len(), scenario.changes.len()), (3, 2));
}

/// Never knows what to do.
struct AtALoss;

#[async_trait]
impl Policy for AtALoss {
    fn name(&self) -> &str {
        "at a loss"
    }

    async fn check_options(&self, _: &str, _: &Configuration) -> Result<Vec<String>, PolicyError> {
        Ok(Vec::new())
    }

    async fn decide(&self, _: Arc<Observation>, _: Arc<dyn Extensions>) -> Result<Decision, PolicyError> {
        Err(Failure::Executing("there is no telling".to_owned()).into())
    }
}

#[tokio::test]
async fn a_policy_that_fails_is_not_taken_for_one_that_holds() {
    let report = run(DOUBLED, 1, Arc::new(AtALoss)).await;
    let run = only(&report);
    assert_eq!(run.rescales, 0);
    assert!(run.failed_passes > 300, "{} of {}", run.failed_passes, run.passes);
    assert!(
        run.first_failure.as_ref().is_some_and(|why| why.contains("there is no telling")),
        "{:?}",
        run.first_failure
    );
    let said = tidegate::scenario::about(&report).join("\n");
    assert!(said.contains("passes failed, the first one: "), "{said}");
}
