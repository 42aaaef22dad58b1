//! The end of the daemon.

use std::path::Path;
use std::time::{Duration, Instant};

use tidegate::config::Config;
use tidegate::daemon::Daemon;
use tidegate_tests::host::Scenario;

use crate::short_of_three;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_finishes_the_pass_under_way() {
    let host = Scenario::of([short_of_three("orders")]).start().await;
    let path = format!("/jobs/{}", host.job("orders"));
    host.cluster.delay(&path, Duration::from_secs(2));
    let text = format!(
        "[control]\ninterval = \"1h\"\n[state-store]\nsource = \"memory\"\n[admin]\nlisten = \"127.0.0.1:0\"\n[[cluster]]\nname = \"c\"\nurl = \"{}\"\n\
         options = {{ \"job.autoscaler.enabled\" = true }}",
        host.url()
    );
    let daemon = Daemon::start(Config::parse(Path::new("tidegate.toml"), &text).unwrap()).await.unwrap();
    let records = std::sync::Arc::clone(daemon.records());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(records.latest().is_empty(), "the pass is under way");
    let asked = Instant::now();
    daemon.stop().await;
    let latest = records.latest();
    assert_eq!(latest.len(), 1, "it was finished");
    assert_eq!((latest[0].samples, &latest[0].error), (1, &None));
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}
