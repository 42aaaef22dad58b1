//! The daemon, killed at any time and started again: it goes on where it was.

use std::future::pending;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tidegate::model::ShipStrategy::Hash;
use tidegate::simulate::{Clock, Cluster, ClusterOptions, JobShape, Load, VertexShape};
use tidegate_tests::daemon::Daemon;
use tidegate_tests::wait::eventually;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::stores::{key, sql, sqlite};

pub(crate) const OPTIONS: [&str; 4] = [
    "job.autoscaler.metrics.window=5s",
    "job.autoscaler.stabilization.interval=1s",
    "job.autoscaler.restart.time=2s",
    "job.autoscaler.catch-up.duration=10s",
];

/// A cluster with one job, whose operator needs four subtasks and has one.
pub(crate) fn cluster(runtime: &Runtime) -> (Arc<Cluster>, SocketAddr) {
    let job = JobShape::new("orders")
        .with(VertexShape::source("log", 1000.0, 16, Load::Constant(500.0)))
        .with(VertexShape::operator("work", 200.0).input(0, Hash, 1.0).max_parallelism(64));
    let cluster = Cluster::with_options(vec![job], ClusterOptions::default(), Clock::system()).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Arc::clone(&cluster);
    runtime.spawn(async move { serving.serve(listener, pending()).await });
    (cluster, address)
}

fn daemon(address: SocketAddr, folder: &Path) -> Daemon {
    let mut arguments = vec![
        "--cluster".to_owned(),
        format!("simulated=http://{address}"),
        "--interval".to_owned(),
        "500ms".to_owned(),
    ];
    arguments.extend(OPTIONS.iter().flat_map(|option| ["--option".to_owned(), (*option).to_owned()]));
    Daemon::run(arguments, folder).unwrap()
}

#[test]
#[ignore = "builds the daemon, and kills it several times"]
fn a_daemon_that_is_killed_goes_on_with_its_targets_its_history_and_its_samples() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (simulated, address) = cluster(&runtime);
    let job = simulated.job_named("orders").unwrap();
    let rescales = || simulated.rescales(job).unwrap().len();

    let first = daemon(address, folder.path());
    eventually("a rescale", Duration::from_secs(60), || Ok(rescales()), |rescales| *rescales == 1).unwrap();
    // The job has been started again by that: its window is filled anew.
    eventually(
        "a decision after it",
        Duration::from_secs(60),
        || first.metric("tidegate_passes_total", &["stage=\"executed\""]),
        |passes| *passes >= 4.0,
    )
    .unwrap();
    thread::sleep(Duration::from_secs(2));
    first.kill();

    let url = sqlite(folder.path());
    let stored = runtime.block_on(async { sql(&url).await.load(&key("simulated", "orders")).await.unwrap() });
    let held = stored.get("parallelismOverrides").cloned().unwrap();
    assert!(held.contains(':') && stored.contains_key("scalingHistory"), "{stored:?}");

    for after in [50, 400, 1100, 0, 2300] {
        let killed = daemon(address, folder.path());
        thread::sleep(Duration::from_millis(after));
        killed.kill();
    }
    let last = daemon(address, folder.path());
    eventually(
        "a full window, at once",
        Duration::from_secs(3),
        || last.metric("tidegate_passes_total", &["stage=\"executed\""]),
        |passes| *passes >= 1.0,
    )
    .unwrap();
    let log = last.log().unwrap();
    assert!(log.contains("samples were restored"), "{log}");
    assert!(last.stop().unwrap().success());

    assert_eq!(rescales(), 1, "decided once, and never undone");
    let stored = runtime.block_on(async { sql(&url).await.load(&key("simulated", "orders")).await.unwrap() });
    assert_eq!(stored.get("parallelismOverrides"), Some(&held));
    assert!(stored.get("collectedMetrics").is_some_and(|samples| samples.len() > 1000));
}
