//! Stores as the host opens them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tidegate::plugin::{Folder, Grants, Limits, Runtime, Source, SqlGrant, WasmStateStore};
use tidegate::state::{StateKey, StateStore};

pub(crate) fn key(cluster: &str, job: &str) -> StateKey {
    StateKey { cluster: cluster.to_owned(), job: job.to_owned() }
}

pub(crate) type Entries = BTreeMap<String, String>;

pub(crate) fn entries(entries: &[(&str, &str)]) -> Entries {
    entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
}

/// Saves: a text to keep, none to forget.
pub(crate) async fn save(store: &dyn StateStore, job: &StateKey, changes: &[(&str, Option<&str>)]) {
    let changes = changes.iter().map(|(key, text)| ((*key).to_owned(), text.map(str::to_owned)));
    store.save(job, &changes.collect()).await.unwrap();
}

/// The bundled store over a database, in an instance of its own.
pub(crate) async fn sql(url: &str) -> Arc<dyn StateStore> {
    let databases = BTreeMap::from([("main".to_owned(), SqlGrant::new(url, Path::new("/")).unwrap())]);
    bundled("sql", Grants { databases, ..Grants::default() }).await
}

/// The bundled store over a folder, in an instance of its own.
pub(crate) async fn file(folder: &Path) -> Arc<dyn StateStore> {
    let folder = Folder { path: folder.to_owned(), write: true };
    bundled("file", Grants { folder: Some(folder), ..Grants::default() }).await
}

pub(crate) async fn bundled(name: &str, grants: Grants) -> Arc<dyn StateStore> {
    plugin(name, Source::Bundled(name.to_owned()), grants).await
}

/// The example of a store over a folder, in an instance of its own.
pub(crate) async fn example(folder: &Path) -> Arc<dyn StateStore> {
    let folder = Some(Folder { path: folder.to_owned(), write: true });
    let source = Source::File(env!("TIDEGATE_EXAMPLE_STATE_STORE").into());
    plugin("example", source, Grants { folder, ..Grants::default() }).await
}

/// Any store, in an instance of its own.
async fn plugin(name: &str, source: Source, grants: Grants) -> Arc<dyn StateStore> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Runtime::with_cache(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")).unwrap());
    let store = WasmStateStore::load(name, &source, Limits::of_state_store(), grants, runtime, Arc::default()).unwrap();
    store.try_out().await.unwrap();
    Arc::new(store)
}

pub(crate) fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("tidegate.db").display())
}
