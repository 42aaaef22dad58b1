//! Another configuration for a daemon that runs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config::Config;
use tidegate::control::{DecisionRecord, Records};
use tidegate::daemon::Daemon;
use tidegate_tests::host::Scenario;

use crate::short_of_three;

/// Not in the home of whoever runs the tests.
const STATE: &str = concat!("state-dir = \"", env!("CARGO_TARGET_TMPDIR"), "/state\"\n");

/// State ends with the daemon.
const MEMORY: &str = "[state-store]\nsource = \"memory\"\n";

fn config(text: &str) -> Config {
    Config::parse(Path::new("tidegate.toml"), &format!("{STATE}{text}\n[admin]\nlisten = \"127.0.0.1:0\"\n{MEMORY}"))
        .unwrap()
}

fn cluster(name: &str, url: &str, options: &str) -> String {
    format!("[[cluster]]\nname = \"{name}\"\nurl = \"{url}\"\noptions = {{ {options} }}\n")
}

/// The latest record of the only job of a cluster, once it is as wanted.
async fn record(records: &Records, cluster: &str, wanted: impl Fn(&DecisionRecord) -> bool) -> Arc<DecisionRecord> {
    for _ in 0..600 {
        let found = records.latest().into_iter().find(|record| record.job.cluster == cluster);
        if let Some(record) = found.filter(|record| wanted(record)) {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seen =
        records.latest().iter().map(|it| format!("{} {}: {:?}", it.job, it.samples, it.error)).collect::<Vec<_>>();
    panic!("no such record of {cluster}: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_change_goes_on_and_a_wrong_configuration_changes_nothing() {
    const ENABLED: &str = "\"job.autoscaler.enabled\" = true";
    const PACE: &str = "[control]\ninterval = \"100ms\"\n";
    let first = Scenario::of([short_of_three("orders")]).start().await;
    let second = Scenario::of([short_of_three("clicks")]).start().await;
    let (one, two) = (cluster("one", first.url(), ENABLED), cluster("two", second.url(), ENABLED));
    let mut daemon = Daemon::start(config(&format!("{PACE}{one}"))).await.unwrap();
    let records = Arc::clone(daemon.records());
    let before = record(&records, "one", |record| record.samples >= 3).await;

    // A second cluster is added: the first one keeps its samples.
    daemon.reload(config(&format!("{PACE}{one}{two}"))).await;
    record(&records, "two", |record| record.samples >= 1).await;
    let after = record(&records, "one", |record| record.at > before.at).await;
    assert!(after.samples > before.samples, "{} then {}", before.samples, after.samples);

    // Wrong ones: nothing of them is taken.
    let listed = |daemon: &Daemon| daemon.reloads().state().last.and_then(|last| last.error);
    assert_eq!(listed(&daemon), None);
    for (wrong, reason) in [
        (format!("{PACE}{two}{two}"), "two clusters are called `two`"),
        (format!("{PACE}{two}{}", cluster("three", "ftp://x", ENABLED)), "cluster `three` cannot be set up: `ftp://x`"),
    ] {
        daemon.reload(config(&wrong)).await;
        let error = listed(&daemon).unwrap();
        assert!(error.contains(reason), "{error}");
    }
    let still = record(&records, "one", |record| record.at > after.at).await;
    assert!(still.samples > after.samples);

    // Other options, another pace, another connection: the samples stay.
    let timeout = "timeout = \"3s\"\n";
    let other = one.replace("options", &format!("{timeout}options"));
    let wrong_option = "[options]\n\"job.autoscaler.metrics.window\" = \"soon\"\n";
    daemon.reload(config(&format!("[control]\ninterval = \"50ms\"\n{wrong_option}{other}{two}"))).await;
    assert_eq!(listed(&daemon), None);
    let checked = record(&records, "one", |record| record.error.is_some()).await;
    assert!(checked.error.as_ref().unwrap().contains("soon"), "{:?}", checked.error);
    assert!(checked.samples >= still.samples);

    // A cluster is removed, and comes back at once: it goes on with what was stored.
    daemon.reload(config(&format!("{PACE}{two}"))).await;
    daemon.reload(config(&format!("{PACE}{one}{two}"))).await;
    let back = record(&records, "one", |record| record.at > checked.at && record.error.is_none()).await;
    assert!(back.samples > checked.samples, "{} then {}", checked.samples, back.samples);
    daemon.reload(config(&format!("{PACE}{two}"))).await;
    for _ in 0..100 {
        if records.latest().iter().all(|record| record.job.cluster == "two") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let known = records.latest();
    assert_eq!(known.iter().map(|record| record.job_name.as_str()).collect::<Vec<_>>(), ["clicks"]);
    daemon.stop().await;
}
