//! A database that cannot be reached at first, is slow, falls silent and comes back: the daemon goes on, says so, and
//! loses nothing.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tidegate::simulate::Load;
use tidegate_tests::daemon::Daemon;
use tidegate_tests::database::Postgres;
use tidegate_tests::proxy::{Proxy, Way};
use tidegate_tests::wait::eventually;
use tokio::runtime::Runtime;

use crate::restart::{OPTIONS, cluster};
use crate::stores::{key, sql};

/// Longer than anything here takes on a busy machine.
const WITHIN: Duration = Duration::from_secs(90);

/// How long the database is silent after that is known: 80 intervals. Of these, a pass waits for a second now and then.
const PERIOD: Duration = Duration::from_secs(40);

#[test]
#[ignore = "needs PostgreSQL, and builds the daemon"]
fn a_database_may_be_shut_slow_and_silent() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (simulated, address) = cluster(&runtime);
    let job = simulated.job_named("orders").unwrap();
    let rescales = || simulated.rescales(job).unwrap().len();
    let server = Postgres::start(folder.path()).unwrap();
    let mut way = Proxy::to(server.address());

    let options: Vec<String> = OPTIONS
        .iter()
        .map(|option| option.split_once('=').unwrap())
        .map(|(key, value)| format!("\"{key}\" = \"{value}\"\n"))
        .collect();
    // Compiled code is kept from one run of the tests to the next; there is nothing else of the daemon's.
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join("slow-daemon");
    let config = format!(
        "state-dir = \"{}\"\n[control]\ninterval = \"500ms\"\n[options]\n\"job.autoscaler.enabled\" = true\n{}\
         [[cluster]]\nname = \"simulated\"\nurl = \"http://{address}\"\n[state-store]\nsource = \"bundled:sql\"\n\
         grant = {{ sql = {{ main = {{ url = \"postgres://tidegate@{}/postgres\", tls = \"off\" }} }} }}\n",
        own.display(),
        options.concat(),
        way.address(),
    );
    let path = folder.path().join("tidegate.toml");
    fs::write(&path, config).unwrap();
    let daemon = Daemon::run(["--config".as_ref(), path.as_os_str()], folder.path()).unwrap();
    let said = |words: &str| daemon.log().unwrap().lines().filter(|line| line.contains(words)).count();
    let passes = |stage: &[&str]| daemon.metric("tidegate_passes_total", stage).unwrap();
    let executed = || passes(&["stage=\"executed\""]);
    let is = |up: f64| {
        let look = || daemon.metric("tidegate_state_store_up", &[]);
        eventually("the state of the store", WITHIN, look, |seen| *seen == up).unwrap();
    };

    // Nobody answers: passes go on, nothing is decided, and it is said once.
    is(0.0);
    let before = passes(&[]);
    eventually("passes go on", WITHIN, || Ok(passes(&[])), |seen| *seen >= before + 3.0).unwrap();
    assert_eq!((said("state store is out of reach"), rescales()), (1, 0));

    // Every message takes its time: a flush of several takes more than a second.
    way.is(Way::Slow(Duration::from_millis(250)));
    is(1.0);
    eventually("a rescale", WITHIN, || Ok(rescales()), |rescales| *rescales == 1).unwrap();
    eventually("passes go on", WITHIN, || Ok(executed()), |seen| *seen >= 5.0).unwrap();
    assert_eq!((said("state store is slow"), said("state store is quick again")), (1, 0));

    // No message arrives: once that is known, passes go on and decide, but Flink is not asked for what is not stored.
    way.is(Way::Silent);
    // More than the first rescale can be good for, however large it was because of what had piled up by then.
    simulated.set_load(job, &Load::Constant(6000.0)).unwrap();
    is(0.0);
    let before = passes(&[]);
    thread::sleep(PERIOD);
    let passed = passes(&[]) - before;
    assert!(passed >= 40.0, "{passed} passes in 80 intervals");
    assert_eq!((said("state store is out of reach"), rescales()), (2, 1));
    // Nothing is decided twice, and the log does not say over and over why it cannot be stored.
    let log = daemon.log().unwrap();
    let decided = log.lines().filter(|line| line.contains("scaling decided"));
    let decided: Vec<&str> =
        decided.filter_map(|line| line.split_once("targets=")).map(|(_, targets)| targets).collect();
    assert!(decided.len() >= 2 && decided.windows(2).all(|pair| pair[0] != pair[1]), "{decided:?}");
    assert!(said("pass failed") <= 10, "said {} times", said("pass failed"));

    // It is well again: what was decided is done.
    way.is(Way::Open);
    is(1.0);
    eventually("the rescale", WITHIN, || Ok(rescales()), |rescales| *rescales >= 2).unwrap();
    eventually("a last word", WITHIN, || Ok(said("state store is quick again")), |said| *said == 1).unwrap();
    assert_eq!((said("state store is slow"), said("state store is back")), (1, 2));
    assert!(daemon.stop().unwrap().success());
    let stored = runtime.block_on(async { sql(&server.url()).await.load(&key("simulated", "orders")).await.unwrap() });
    let asked = simulated.rescales(job).unwrap();
    let (vertex, bounds) = asked.last().unwrap().requirements.iter().max_by_key(|(_, bounds)| bounds.upper()).unwrap();
    let held = format!("{vertex}:{}", bounds.upper());
    assert!(stored["parallelismOverrides"].contains(&held), "{held} is not in {:?}", stored["parallelismOverrides"]);
}
