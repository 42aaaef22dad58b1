//! The daemon, killed at random points of many passes that scale again and again: what is stored is one pass's, what Flink is asked
//! for never jumps back, and no rescale goes untold.
#![expect(clippy::indexing_slicing, reason = "a test whose job has lost its vertices may fail loudly")]

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, SqliteConnection};
use tidegate::model::ShipStrategy::Hash;
use tidegate::model::VertexId;
use tidegate::simulate::{Clock, Cluster, ClusterOptions, JobShape, Load, VertexShape};
use tidegate_tests::daemon::Daemon;
use tidegate_tests::database::Postgres;
use tidegate_tests::wait::eventually;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::stores::{Entries, file, key, sql, sqlite};

/// How often the daemon is killed.
const KILLS: usize = 50;

/// In how many passes, at least.
const PASSES: usize = 200;

/// Between two passes. Every answer of the cluster is late, so that a pass takes a good part of it.
const INTERVAL: Duration = Duration::from_millis(100);
const LATENCY: Duration = Duration::from_millis(4);

/// A place for state and one for events, in the words of the configuration.
struct Places<'a> {
    name: &'a str,
    state_store: String,
    /// A database.
    events: String,
    folder: &'a Path,
}

/// A cluster whose one job is scaled in a moment.
fn cluster(runtime: &Runtime) -> (Arc<Cluster>, SocketAddr) {
    let job = JobShape::new("orders")
        .with(VertexShape::source("log", 1000.0, 16, Load::Constant(500.0)))
        .with(VertexShape::operator("work", 200.0).input(0, Hash, 1.0).max_parallelism(10_000));
    let options = ClusterOptions {
        slots_per_task_manager: 1000,
        downtime: Duration::from_millis(20),
        latency: LATENCY,
        ..ClusterOptions::default()
    };
    let cluster = Cluster::with_options(vec![job], options, Clock::system()).unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = Arc::clone(&cluster);
    runtime.spawn(async move { serving.serve(listener, pending()).await });
    (cluster, address)
}

/// The configuration, in a file.
fn configuration(places: &Places<'_>, cluster: SocketAddr) -> PathBuf {
    // Compiled code is kept from one run of the tests to the next; there is nothing else of the daemon's.
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-{}", places.name));
    let Places { state_store, events, folder, .. } = places;
    let text = format!(
        "state-dir = \"{}\"\n[control]\ninterval = \"{}ms\"\n[[cluster]]\nname = \"simulated\"\nurl = \"http://{cluster}\"\n\
         options = {{ \"job.autoscaler.enabled\" = true, \"job.autoscaler.metrics.window\" = \"100ms\", \
         \"job.autoscaler.stabilization.interval\" = \"0s\" }}\n[plugin.step]\nrole = \"policy\"\nsource = \"{}\"\n\
         [plugin.events]\nrole = \"event-handler\"\nsource = \"bundled:sql\"\ngrant = {{ sql = {{ main = \"{events}\" }} }}\n\
         [state-store]\n{state_store}\n",
        own.display(),
        INTERVAL.as_millis(),
        env!("TIDEGATE_STEP_POLICY"),
    );
    let path = folder.join("tidegate.toml");
    fs::write(&path, text).unwrap();
    path
}

/// The numbers of all passes together, in so many parts.
fn parts(random: &mut fastrand::Rng) -> Vec<usize> {
    let mut parts = vec![1; KILLS];
    for _ in KILLS..PASSES {
        let part = random.usize(..KILLS);
        parts[part] += 1;
    }
    parts
}

/// What Flink was asked for the last vertex, oldest first.
fn asked(cluster: &Cluster, vertex: VertexId) -> Vec<u32> {
    let job = cluster.job_named("orders").unwrap();
    let rescales = cluster.rescales(job).unwrap();
    rescales.iter().map(|rescale| rescale.requirements[&vertex].upper()).collect()
}

/// The pass that stored these entries; none where nothing is stored. Panics if it was not one alone.
fn one_pass(stored: &Entries, vertex: VertexId) -> u32 {
    let Some(steps) = stored.get("steps") else {
        assert!(!stored.contains_key("parallelismOverrides") && !stored.contains_key("ballast"), "{stored:?}");
        return 0;
    };
    let steps: u32 = steps.parse().unwrap();
    assert_eq!(stored["parallelismOverrides"], format!("{vertex}:{}", steps + 1));
    assert!(stored["ballast"] == format!("{steps:5} ").repeat(4000), "the ballast is not that of pass {steps}");
    steps
}

/// The parallelisms that events of realised scalings tell, of this vertex, sorted.
async fn told(url: &str, vertex: VertexId) -> Vec<u32> {
    const READ: &str = "select message from t_flink_autoscaler_event_handler where reason = 'Scaling'";
    let messages: Vec<(String,)> = if url.starts_with("sqlite") {
        sqlx::query_as(READ).fetch_all(&mut SqliteConnection::connect(url).await.unwrap()).await.unwrap()
    } else {
        sqlx::query_as(READ).fetch_all(&mut PgConnection::connect(url).await.unwrap()).await.unwrap()
    };
    let of_vertex = |(message,): &(String,)| {
        let (_, rest) = message.split_once(&vertex.to_string())?;
        let (_, rest) = rest.split_once("upperBound=")?;
        rest.split_once('}')?.0.parse().ok()
    };
    let mut told: Vec<u32> = messages.iter().map(|message| of_vertex(message).unwrap()).collect();
    told.sort_unstable();
    told
}

#[expect(clippy::print_stdout, reason = "a failing test shows what it was made of")]
fn survives(runtime: &Runtime, places: &Places<'_>, look: impl Fn() -> Entries) {
    let seed = env::var("TIDEGATE_SEED").ok().map_or_else(|| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("{}: killed at the points of TIDEGATE_SEED={seed}", places.name);
    let mut random = fastrand::Rng::with_seed(seed);
    let (simulated, address) = cluster(runtime);
    let vertex = simulated.snapshot()[0].vertices[1].id;
    let path = configuration(places, address);
    let run = || Daemon::run(["--config".as_ref(), path.as_os_str()], places.folder).unwrap();
    let passes = |daemon: &Daemon| daemon.metric("tidegate_passes_total", &[]).unwrap() as usize;

    let (mut total, mut last) = (0, 0);
    for (number, wanted) in parts(&mut random).into_iter().enumerate() {
        let daemon = run();
        let patience = Instant::now() + Duration::from_secs(60);
        let mut seen = passes(&daemon);
        while seen < wanted {
            assert!(Instant::now() < patience, "{seen} of {wanted} passes: {}", daemon.log().unwrap());
            thread::sleep(Duration::from_millis(5));
            seen = passes(&daemon);
        }
        thread::sleep(INTERVAL.mul_f64(random.f64()));
        daemon.kill();
        total += seen;
        let (stored, asked) = (one_pass(&look(), vertex), asked(&simulated, vertex));
        assert!(stored >= last, "kill {number}: pass {stored} is stored, and {last} was before");
        last = stored;
        let most = asked.last().copied().unwrap_or_default();
        assert!(most <= stored + 1, "kill {number}: Flink was asked for {most}, which pass {stored} does not know");
    }
    assert!(total >= PASSES, "{total}");

    let daemon = run();
    let more = asked(&simulated, vertex).len() + 3;
    let rescales = || Ok(asked(&simulated, vertex).len());
    eventually("it goes on", Duration::from_secs(60), rescales, |rescales| *rescales >= more).unwrap();
    assert!(daemon.stop().unwrap().success());

    let asked = asked(&simulated, vertex);
    // Each empties the window, which has to fill again: on a busy machine only some lives of the daemon are long enough.
    assert!(asked.len() >= KILLS / 10, "there was little to lose: {asked:?}");
    assert!(asked.is_sorted(), "what was asked for jumps back: {asked:?}");
    assert_eq!(one_pass(&look(), vertex) + 1, *asked.last().unwrap(), "nothing that was decided is lost");
    let told = runtime.block_on(told(&places.events, vertex));
    let known: BTreeSet<u32> = told.iter().copied().collect();
    let untold: Vec<&u32> = asked.iter().filter(|asked| !known.contains(asked)).collect();
    assert!(untold.is_empty(), "never told of: {untold:?}");
    println!(
        "{}: {KILLS} kills in {total} passes; {} rescales, all told, {} of them twice",
        places.name,
        asked.len(),
        told.len() - known.len()
    );
}

#[test]
#[ignore = "builds the daemon, and kills it many times"]
fn sqlite_survives_kills_at_random_points() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (state, events) = (sqlite(folder.path()), format!("sqlite://{}", folder.path().join("events.db").display()));
    let state_store = format!("source = \"bundled:sql\"\ngrant = {{ sql = {{ main = \"{state}\" }} }}");
    let places = Places { name: "sqlite", state_store, events, folder: folder.path() };
    // What a kill leaves is looked at elsewhere: the daemon itself has to mend it.
    let look = || {
        let copy = tempfile::tempdir().unwrap();
        for file in ["tidegate.db", "tidegate.db-wal"] {
            let _ = fs::copy(folder.path().join(file), copy.path().join(file));
        }
        runtime.block_on(async { sql(&sqlite(copy.path())).await.load(&key("simulated", "orders")).await.unwrap() })
    };
    survives(&runtime, &places, look);
}

#[test]
#[ignore = "builds the daemon, and kills it many times"]
fn files_survive_kills_at_random_points() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let state = folder.path().join("state");
    fs::create_dir(&state).unwrap();
    let events = format!("sqlite://{}", folder.path().join("events.db").display());
    let state_store =
        format!("source = \"bundled:file\"\ngrant = {{ fs = {{ path = \"{}\", write = true }} }}", state.display());
    let places = Places { name: "file", state_store, events, folder: folder.path() };
    let look = || runtime.block_on(async { file(&state).await.load(&key("simulated", "orders")).await.unwrap() });
    survives(&runtime, &places, look);
    assert_eq!(fs::read_dir(state.join("simulated")).unwrap().count(), 1, "no half-written file stays");
}

#[test]
#[ignore = "needs PostgreSQL, builds the daemon, and kills it many times"]
fn postgres_survives_kills_at_random_points() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let server = Postgres::start(folder.path()).unwrap();
    let url = server.url();
    let state_store = format!("source = \"bundled:sql\"\ngrant = {{ sql = {{ main = \"{url}\" }} }}");
    let places = Places { name: "postgres", state_store, events: url.clone(), folder: folder.path() };
    let look = || runtime.block_on(async { sql(&url).await.load(&key("simulated", "orders")).await.unwrap() });
    survives(&runtime, &places, look);
}
