//! What every state store has to do.

use std::sync::Arc;

use futures::future::{BoxFuture, join_all};
use tidegate::state::{MemoryStateStore, StateStore};
use tidegate_tests::database::{MariaDb, Postgres};
use tidegate_tests::kubernetes::ApiServer;

use crate::kubernetes::config_maps;
use crate::stores::{Entries, entries, file, key, save, sql, sqlite};

/// Opens the store: each time an instance that knows nothing of those before, over the same place.
type Open<'a> = dyn Fn() -> BoxFuture<'a, Arc<dyn StateStore>> + 'a;

/// Numbers in a large text, of 12 bytes each.
const LARGE: usize = 400_000;

async fn keeps_to_the_contract(open: &Open<'_>) {
    keeps_to_the_contract_up_to(LARGE, open).await;
}

async fn keeps_to_the_contract_up_to(large: usize, open: &Open<'_>) {
    starts_empty(open).await;
    keeps_what_was_saved(open).await;
    tells_jobs_apart(open).await;
    keeps_large_texts(large, open).await;
    serves_many_at_once(open).await;
}

async fn starts_empty(open: &Open<'_>) {
    let store = open().await;
    assert_eq!(store.load(&key("c", "new")).await.unwrap(), Entries::new());
    assert_eq!(store.jobs().await.unwrap(), []);
    store.forget(&key("c", "new")).await.unwrap();
    assert_eq!(store.jobs().await.unwrap(), []);
}

async fn keeps_what_was_saved(open: &Open<'_>) {
    let job = key("c", "orders");
    save(&*open().await, &job, &[("a", Some("1")), ("b", Some("2")), ("none", None)]).await;
    assert_eq!(open().await.load(&job).await.unwrap(), entries(&[("a", "1"), ("b", "2")]));
    let store = open().await;
    save(&*store, &job, &[("a", Some("3")), ("b", None), ("c", Some(""))]).await;
    save(&*store, &job, &[("a", Some("3"))]).await;
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "3"), ("c", "")]), "in the same instance");
    assert_eq!(open().await.load(&job).await.unwrap(), entries(&[("a", "3"), ("c", "")]), "in another");
    store.forget(&job).await.unwrap();
    assert_eq!(open().await.jobs().await.unwrap(), []);
    assert_eq!(store.load(&job).await.unwrap(), Entries::new());
}

async fn tells_jobs_apart(open: &Open<'_>) {
    let keys = [
        key("c", "orders"),
        key("C", "orders"),
        key("c", "Orders"),
        key("c", "örders"),
        key("c", "orders/daily"),
        key("c/orders", "daily"),
        key("c%2F", "100% 'quoted'; --\\"),
        key("", "0123456789abcdef0123456789abcdef"),
        key("localhost:8081", "日本語 🦀 (0a448493b4782967b150582570326227)"),
    ];
    let store = open().await;
    for (number, job) in keys.iter().enumerate() {
        save(&*store, job, &[("number", Some(&number.to_string()))]).await;
    }
    let store = open().await;
    for (number, job) in keys.iter().enumerate() {
        assert_eq!(store.load(job).await.unwrap(), entries(&[("number", &number.to_string())]), "{job}");
    }
    let (mut found, mut expected) = (store.jobs().await.unwrap(), keys.to_vec());
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for (number, job) in keys.iter().enumerate() {
        store.forget(job).await.unwrap();
        assert_eq!(store.jobs().await.unwrap().len(), keys.len() - number - 1, "{job}");
    }
}

async fn keeps_large_texts(numbers: usize, open: &Open<'_>) {
    let job = key("c", "large");
    let text: String = (0..numbers).map(|number| format!("{number:09},é")).collect();
    save(&*open().await, &job, &[("collectedMetrics", Some(&text))]).await;
    let store = open().await;
    assert!(store.load(&job).await.unwrap().get("collectedMetrics") == Some(&text), "of {} bytes", text.len());
    store.forget(&job).await.unwrap();
}

async fn serves_many_at_once(open: &Open<'_>) {
    let store = open().await;
    let jobs: Vec<_> = (0..50).map(|number| key("many", &format!("job {number}"))).collect();
    join_all(jobs.iter().map(|job| save(&*store, job, &[("a", Some("1")), ("b", Some("2"))]))).await;
    assert_eq!(open().await.jobs().await.unwrap().len(), jobs.len());
    join_all(jobs.iter().map(|job| async { store.forget(job).await.unwrap() })).await;
    assert_eq!(open().await.jobs().await.unwrap(), []);
}

#[tokio::test]
async fn memory_keeps_to_the_contract() {
    let store = Arc::new(MemoryStateStore::default());
    keeps_to_the_contract(&|| {
        let store = Arc::clone(&store);
        Box::pin(async move { store as Arc<dyn StateStore> })
    })
    .await;
}

#[tokio::test]
async fn files_keep_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_to_the_contract(&|| Box::pin(file(folder.path()))).await;
}

#[tokio::test]
async fn config_maps_keep_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    // Packed, half of a large text is all that a ConfigMap has room for.
    keeps_to_the_contract_up_to(LARGE / 2, &|| Box::pin(config_maps(&server, folder.path()))).await;
    assert_eq!(server.objects().names("configmaps"), [""; 0], "what is forgotten is removed");
}

#[tokio::test]
async fn sqlite_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    keeps_to_the_contract(&|| Box::pin(sql(&url))).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start(folder.path()).unwrap();
    let url = server.url();
    keeps_to_the_contract(&|| Box::pin(sql(&url))).await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mariadb_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = MariaDb::start(folder.path()).unwrap();
    let url = server.url();
    keeps_to_the_contract(&|| Box::pin(sql(&url))).await;
}
