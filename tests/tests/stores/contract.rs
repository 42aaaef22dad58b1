//! Every state store against the contract, as the host has it for authors.

use std::sync::Arc;

use futures::future::{BoxFuture, LocalBoxFuture};
use tidegate::author::store_contract::{self, LARGE};
use tidegate::state::{MemoryStateStore, StateStore};
use tidegate_tests::database::{MariaDb, Postgres};
use tidegate_tests::kubernetes::ApiServer;

use crate::kubernetes::config_maps;
use crate::stores::{example, file, sql, sqlite};

/// Opens the store: each time an instance that knows nothing of those before, over the same place.
type Open<'a> = dyn Fn() -> BoxFuture<'a, Arc<dyn StateStore>> + 'a;

async fn keeps_to_the_contract(open: &Open<'_>) {
    keeps_to_the_contract_up_to(LARGE, open).await;
}

async fn keeps_to_the_contract_up_to(large: usize, open: &Open<'_>) {
    let mut rules = 0;
    let open = || -> LocalBoxFuture<'_, _> {
        let opening = open();
        Box::pin(async move { Ok(opening.await) })
    };
    store_contract::keeps_to_the_contract(&open, large, |_| rules += 1).await.unwrap();
    assert_eq!(rules, 5);
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
async fn the_example_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    keeps_to_the_contract(&|| Box::pin(example(folder.path()))).await;
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
