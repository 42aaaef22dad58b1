//! Event handlers that are told of some events only: of a kind, of some reasons, of some jobs.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, SqliteConnection};
use tidegate::config::Config;
use tidegate::plugin::{Registry, Runtime, Strictness, specs};
use tidegate_tests::host::{START, Scenario};
use tokio::time::sleep;

use crate::short_of_three;

/// An event: a job's name and a reason.
type Told = (&'static str, &'static str);

/// Handlers that write what they are told into a database each: what its operator chooses, and what that comes to.
const HANDLERS: [(&str, &str, &[Told]); 7] = [
    ("all", "", &[("clicks", "AutoscalerError"), ("orders", "Scaling"), ("orders", "ScalingReport")]),
    ("warnings", "events = { kind = 'warning' }", &[("clicks", "AutoscalerError")]),
    ("normal", "events = { kind = 'normal' }", &[("orders", "Scaling"), ("orders", "ScalingReport")]),
    ("reports", "events = { reasons = ['*Report'] }", &[("orders", "ScalingReport")]),
    ("clicks", "jobs = ['simulated/clicks*']", &[("clicks", "AutoscalerError")]),
    (
        "both",
        "jobs = ['*/orders', '*/clicks']\nevents = { reasons = ['Scaling', 'AutoscalerError'], kind = 'normal' }",
        &[("orders", "Scaling")],
    ),
    ("nothing", "jobs = ['other/*']", &[]),
];

/// The ids of jobs, and reasons, in the database of a handler.
async fn told(folder: &Path, handler: &str) -> BTreeSet<(String, String)> {
    let url = format!("sqlite://{}", folder.join(format!("{handler}.db")).display());
    // Without an event there is no table, and perhaps no file.
    let Ok(mut connection) = SqliteConnection::connect(&url).await else { return BTreeSet::new() };
    let rows = sqlx::query_as("select job_key, reason from t_flink_autoscaler_event_handler");
    rows.fetch_all(&mut connection).await.unwrap_or_default().into_iter().collect()
}

#[tokio::test]
async fn a_handler_is_told_of_what_its_operator_chooses() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (name, choice, _) in HANDLERS {
        write!(text, "[plugin.{name}]\nrole = 'event-handler'\nsource = 'bundled:sql'\n").unwrap();
        writeln!(text, "grant = {{ sql = {{ main = 'sqlite://{name}.db' }} }}\n{choice}").unwrap();
    }
    let config = Config::parse(&folder.path().join("tidegate.toml"), &text).unwrap();
    let runtime = Runtime::with_cache(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")).unwrap();
    let registry = Registry::new(runtime, Arc::default(), Arc::new(|| START));
    registry.take(registry.prepare(specs(&config).unwrap(), Strictness::All).await.unwrap());
    let scenario = Scenario::of(["orders", "clicks"].map(short_of_three));
    let scenario = registry.handlers().into_iter().fold(scenario, Scenario::event_handler);
    let mut host = scenario.start().await;
    host.cluster.fail(&format!("/jobs/{}", host.job("clicks")), 500);
    host.passes(12).await;
    assert_eq!(host.puts("orders").len(), 1);

    let expected = |events: &[Told]| -> BTreeSet<(String, String)> {
        events.iter().map(|(job, reason)| (host.job(job).to_string(), (*reason).to_owned())).collect()
    };
    for (handler, _, events) in HANDLERS {
        // Each has a queue of its own.
        for _ in 0..300 {
            if told(folder.path(), handler).await == expected(events) {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(told(folder.path(), handler).await, expected(events), "{handler}");
    }
}
