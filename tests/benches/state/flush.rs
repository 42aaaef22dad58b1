//! One flush of one job, as a pass makes it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::plugin::{Folder, Grants, Limits, Runtime, Source, WasmStateStore};
use tidegate::state::{MemoryStateStore, StateKey, StateStore};
use tidegate_tests::database::{MariaDb, Postgres};

use crate::{Outcome, database, median, milliseconds, ratio};

/// Flushes of each size and store.
const FLUSHES: usize = 300;

/// Bytes of each text: targets and history, and the samples of a job of ten vertices besides.
const SIZES: [(&str, &[(&str, usize)]); 2] = [
    ("a decision", &[("parallelismOverrides", 400), ("scalingHistory", 8_000), ("toldEvents", 1_500)]),
    ("with samples", &[("parallelismOverrides", 400), ("scalingHistory", 8_000), ("collectedMetrics", 90_000)]),
];

/// A store to measure; its server, and the folder of its files, live as long.
struct Subject {
    name: &'static str,
    store: Arc<dyn StateStore>,
    _server: Option<Box<dyn Send>>,
}

pub(crate) async fn table() -> Outcome<()> {
    let folder = TempDir::new()?;
    let runtime = Runtime::new()?;
    let subjects = subjects(&runtime, folder.path()).await?;
    for (what, sizes) in SIZES {
        let bytes: usize = sizes.iter().map(|(_, bytes)| bytes).sum();
        let bare = median(FLUSHES, async |number| bare(folder.path(), number, bytes)).await?;
        println!(
            "one flush of {what} ({bytes} bytes), median of {FLUSHES}; times the cost of the same bytes written to a file \
             and synced, {}:",
            milliseconds(bare)
        );
        for Subject { name, store, .. } in &subjects {
            let took = flushes(store.as_ref(), sizes).await?;
            println!("{name:>12} | {:>10} | {:>6}", milliseconds(took), ratio(took, bare));
        }
        println!();
    }
    Ok(())
}

async fn subjects(runtime: &Runtime, folder: &Path) -> Outcome<Vec<Subject>> {
    let state = folder.join("state");
    std::fs::create_dir(&state)?;
    let files = Grants { folder: Some(Folder { path: state, write: true }), ..Grants::default() };
    let sqlite = database(&format!("sqlite://{}", folder.join("tidegate.db").display()))?;
    let subject = |name, store| Subject { name, store, _server: None };
    let mut subjects = vec![
        subject("memory", Arc::new(MemoryStateStore::default()) as Arc<dyn StateStore>),
        subject("file", bundled(runtime, "file", files).await?),
        subject("SQLite", bundled(runtime, "sql", sqlite).await?),
    ];
    match Postgres::start(folder) {
        Ok(server) => {
            let store = bundled(runtime, "sql", database(&server.url())?).await?;
            subjects.push(Subject { name: "PostgreSQL", store, _server: Some(Box::new(server)) });
        }
        Err(error) => println!("PostgreSQL is left out: {error}"),
    }
    match MariaDb::start(folder) {
        Ok(server) => {
            let store = bundled(runtime, "sql", database(&server.url())?).await?;
            subjects.push(Subject { name: "MariaDB", store, _server: Some(Box::new(server)) });
        }
        Err(error) => println!("MariaDB is left out: {error}"),
    }
    Ok(subjects)
}

async fn bundled(runtime: &Runtime, name: &str, grants: Grants) -> Outcome<Arc<dyn StateStore>> {
    let (source, limits) = (Source::Bundled(name.to_owned()), Limits::of_state_store());
    let store = WasmStateStore::load(name, &source, limits, grants, runtime, Arc::default())?;
    store.try_out().await?;
    Ok(Arc::new(store))
}

async fn flushes(store: &dyn StateStore, sizes: &[(&str, usize)]) -> Outcome<Duration> {
    let job = StateKey { cluster: "bench".to_owned(), job: "orders".to_owned() };
    median(FLUSHES, async |number| {
        // Each time another text, of letters that change from flush to flush.
        let text = |bytes: usize| format!("{number:08}").repeat(bytes / 8);
        let changes: BTreeMap<_, _> =
            sizes.iter().map(|(key, bytes)| ((*key).to_owned(), Some(text(*bytes)))).collect();
        Ok(store.save(&job, &changes).await?)
    })
    .await
}

/// The least that a store has to do which forgets nothing in a power cut.
fn bare(folder: &Path, number: usize, bytes: usize) -> Outcome<()> {
    let text = format!("{number:08}").repeat(bytes / 8);
    let mut file = File::create(folder.join("bare"))?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}
