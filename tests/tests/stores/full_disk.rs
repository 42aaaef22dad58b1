//! A disk without room: what was stored stays, what could not be stored is said, and all goes on when there is room.

use std::sync::Arc;

use tidegate::state::{StateStore, StoreFailure};
use tidegate_tests::small_disk::SmallDisk;

use crate::stores::{entries, example, file, key, save, sql, sqlite};

async fn survives_a_full_disk(store: Arc<dyn StateStore>, disk: &SmallDisk) {
    let job = key("c", "orders");
    save(&*store, &job, &[("a", Some("1")), ("b", Some("1"))]).await;
    for round in ["2", "3"] {
        disk.fill().unwrap();
        let changes = [("a".to_owned(), Some("lost ".repeat(100_000))), ("b".to_owned(), None)].into();
        let error = store.save(&job, &changes).await.unwrap_err();
        assert_eq!(error.kind, StoreFailure::Unavailable, "{error:?}");
        let held = store.load(&job).await.unwrap();
        assert!(held.len() == 2 && held.values().all(|text| text.len() == 1), "nothing half done: {held:?}");
        disk.free().unwrap();
        save(&*store, &job, &[("a", Some(round)), ("b", Some(round))]).await;
        assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", round), ("b", round)]));
    }
}

#[tokio::test]
#[ignore = "mounts a small file system as root"]
async fn files_survive_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"), 1024).unwrap();
    survives_a_full_disk(file(&folder.path().join("disk")).await, &disk).await;
}

#[tokio::test]
#[ignore = "mounts a small file system as root"]
async fn the_example_survives_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"), 1024).unwrap();
    survives_a_full_disk(example(&folder.path().join("disk")).await, &disk).await;
}

#[tokio::test]
#[ignore = "mounts a small file system as root"]
async fn sqlite_survives_a_full_disk() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"), 1024).unwrap();
    survives_a_full_disk(sql(&sqlite(&folder.path().join("disk"))).await, &disk).await;
}
