//! One flush of one job, as a pass makes it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tempfile::TempDir;
use tidegate::plugin::{Folder, Grants, Limits, Runtime, Source, WasmStateStore};
use tidegate::state::{MemoryStateStore, StateKey, StateStore};
use tidegate_tests::database::AnyServer;

use crate::twins::{SAME_REQUESTS, Twins};
use crate::{Outcome, database, databases, median, middle, milliseconds, ratio};

/// Flushes of each size and store.
const FLUSHES: usize = 300;

/// Bytes of each text: targets and history, and the samples of a job of ten vertices besides.
const SIZES: [(&str, &[(&str, usize)]); 2] = [
    ("a decision", &[("parallelismOverrides", 400), ("scalingHistory", 8_000), ("toldEvents", 1_500)]),
    ("with samples", &[("parallelismOverrides", 400), ("scalingHistory", 8_000), ("collectedMetrics", 90_000)]),
];

/// What one flush changes.
type Changes = BTreeMap<String, Option<String>>;

/// A store to measure; its server, and the folder of its files, live as long.
struct Subject {
    name: &'static str,
    store: Arc<dyn StateStore>,
    /// The API servers of a store that needs one: it is compared with requests, and not with a file.
    twins: Option<Twins>,
    _server: Option<AnyServer>,
}

pub(crate) async fn table() -> Outcome<()> {
    let folder = TempDir::new()?;
    let runtime = Runtime::new()?;
    let subjects = subjects(&runtime, folder.path()).await?;
    for (what, sizes) in SIZES {
        let bytes: usize = sizes.iter().map(|(_, bytes)| bytes).sum();
        let flushes: Vec<Changes> = (0..FLUSHES).map(|number| changes(number, sizes)).collect();
        let bare = median(&flushes, async |changes| bare(folder.path(), changes)).await?;
        println!(
            "one flush of {what} ({bytes} bytes), median of {FLUSHES}; times the cost of the same bytes written to a file \
             and synced, {}:",
            milliseconds(bare)
        );
        for subject in &subjects {
            let took = flushed(subject.store.as_ref(), &flushes).await?;
            match &subject.twins {
                None => say(subject.name, took, bare, ""),
                Some(twins) => {
                    let straight = of_each(&twins.sent_straight().await?)?;
                    let note = format!(" | times {SAME_REQUESTS}: {}", milliseconds(straight));
                    say(subject.name, took, straight, &note);
                }
            }
        }
        println!();
    }
    Ok(())
}

fn say(name: &str, took: Duration, without: Duration, note: &str) {
    println!("{name:>12} | {:>10} | {:>6}{note}", milliseconds(took), ratio(took, without));
}

async fn subjects(runtime: &Runtime, folder: &Path) -> Outcome<Vec<Subject>> {
    let state = folder.join("state");
    std::fs::create_dir(&state)?;
    let files = Grants { folder: Some(Folder { path: state, write: true }), ..Grants::default() };
    let sqlite = database(&format!("sqlite://{}", folder.join("tidegate.db").display()))?;
    let subject = |name, store| Subject { name, store, twins: None, _server: None };
    let mut subjects = vec![
        subject("memory", Arc::new(MemoryStateStore::default()) as Arc<dyn StateStore>),
        subject("file", bundled(runtime, "file", files).await?),
        subject("SQLite", bundled(runtime, "sql", sqlite).await?),
    ];
    for (name, server) in databases(folder) {
        let store = bundled(runtime, "sql", database(&server.url)?).await?;
        subjects.push(Subject { _server: Some(server), ..subject(name, store) });
    }
    let twins = Twins::start();
    let store = bundled(runtime, "kubernetes", twins.grants(folder)).await?;
    subjects.push(Subject { twins: Some(twins), ..subject("Kubernetes", store) });
    Ok(subjects)
}

async fn bundled(runtime: &Runtime, name: &str, grants: Grants) -> Outcome<Arc<dyn StateStore>> {
    let (source, limits) = (Source::Bundled(name.to_owned()), Limits::of_state_store());
    let store = WasmStateStore::load(name, &source, limits, grants, runtime, Arc::default())?;
    store.try_out().await?;
    Ok(Arc::new(store))
}

async fn flushed(store: &dyn StateStore, flushes: &[Changes]) -> Outcome<Duration> {
    let job = StateKey { cluster: "bench".to_owned(), job: "orders".to_owned() };
    median(flushes, async |changes| Ok(store.save(&job, changes).await?)).await
}

/// Each time other texts, made before the clock runs.
fn changes(number: usize, sizes: &[(&str, usize)]) -> Changes {
    let mut random = Rng::with_seed(number as u64);
    sizes.iter().map(|(key, bytes)| ((*key).to_owned(), Some(text(&mut random, *bytes)))).collect()
}

/// A text that packs about as well as history and samples do, for some stores pack: names that come again, and digits
/// that do not.
fn text(random: &mut Rng, bytes: usize) -> String {
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(&format!("\"TRUE_PROCESSING_RATE\":{{\"current\":{}}},", random.f64()));
    }
    text.truncate(bytes);
    text
}

/// The least that a store has to do which forgets nothing in a power cut.
fn bare(folder: &Path, changes: &Changes) -> Outcome<()> {
    let mut file = File::create(folder.join("bare"))?;
    for text in changes.values().flatten() {
        file.write_all(text.as_bytes())?;
    }
    Ok(file.sync_all()?)
}

/// The median of flushes whose requests took so long: each needs as many, but for the first, which has to look.
fn of_each(requests: &[Duration]) -> Outcome<Duration> {
    let of_one = (requests.len() / FLUSHES).max(1);
    middle(requests.chunks(of_one).map(|flush| flush.iter().sum::<Duration>()).collect())
}
