//! The store `file`: what it makes of names, and of files that others have touched.

use std::fs;
use std::path::Path;

use tidegate::plugin::{Folder, Grants};
use tidegate::state::StoreFailure;

use crate::stores::{Entries, bundled, entries, file, key, save};

/// Every file below `folder`, by its path from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for of_cluster in fs::read_dir(folder).unwrap() {
        let of_cluster = of_cluster.unwrap();
        for of_job in fs::read_dir(of_cluster.path()).unwrap() {
            let path = of_job.unwrap().path();
            found.push(path.strip_prefix(folder).unwrap().display().to_string());
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn names_lead_nowhere_else() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    fs::create_dir(&folder).unwrap();
    let store = file(&folder).await;
    let long = "ö".repeat(80);
    let keys = [key("..", "../x"), key(".", "/etc/passwd"), key("a b", "x.json"), key("", "~"), key("c", &long)];
    for job in &keys {
        save(&*store, job, &[("a", Some(&job.job))]).await;
    }
    let expected = [
        "%2E%2E/%2E%2E%2Fx.json",
        "%2E/%2Fetc%2Fpasswd.json",
        "a%20b/x%2Ejson.json",
        "c/~w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7\
         bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtsO2w7bDtg.json",
        "~/%7E.json",
    ];
    assert_eq!(files(&folder), expected);
    assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    let mut found = file(&folder).await.jobs().await.unwrap();
    found.sort();
    let mut keys = keys.to_vec();
    keys.sort();
    assert_eq!(found, keys);
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_the_other_jobs_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = file(folder.path()).await;
    let (damaged, good) = (key("c", "damaged"), key("c", "good"));
    for content in ["{\"a\":\"1\"", "", "[1]", "{\"a\":1}", "\u{0}\u{0}\u{0}"] {
        save(&*store, &damaged, &[("a", Some("1"))]).await;
        save(&*store, &good, &[("a", Some("1"))]).await;
        fs::write(folder.path().join("c/damaged.json"), content).unwrap();
        assert_eq!(store.load(&damaged).await.unwrap(), Entries::new(), "{content}");
        assert_eq!(store.load(&good).await.unwrap(), entries(&[("a", "1")]), "{content}");
        assert_eq!(store.jobs().await.unwrap(), std::slice::from_ref(&good), "{content}");
        assert_eq!(fs::read_to_string(folder.path().join("c/damaged.damaged")).unwrap(), content);
    }
}

#[tokio::test]
async fn what_others_have_left_in_the_folder_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let job = key("c", "orders");
    save(&*file(folder.path()).await, &job, &[("a", Some("1"))]).await;
    // What a kill in the middle of a write leaves, and what is not ours.
    for (name, content) in [("c/orders.tmp", "{\"a\":"), ("c/README", "x"), ("c/ö.json", "{}"), ("stray", "x")] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    let store = file(folder.path()).await;
    assert_eq!(store.jobs().await.unwrap(), std::slice::from_ref(&job));
    save(&*store, &job, &[("a", Some("2"))]).await;
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "2")]));
    assert!(!folder.path().join("c/orders.tmp").exists());
}

#[tokio::test]
async fn a_folder_that_is_gone_is_an_outage_and_not_an_empty_store() {
    let parent = tempfile::tempdir().unwrap();
    let (folder, away) = (parent.path().join("state"), parent.path().join("away"));
    fs::create_dir(&folder).unwrap();
    let store = file(&folder).await;
    let job = key("c", "orders");
    save(&*store, &job, &[("a", Some("1"))]).await;
    let url = folder.clone();
    drop(store);
    let store = file(&url).await;
    fs::rename(&folder, &away).unwrap();
    let error = store.load(&job).await.unwrap_err();
    assert_eq!(error.kind, StoreFailure::Unavailable, "{error:?}");
    fs::rename(&away, &folder).unwrap();
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "1")]));
}

#[tokio::test]
async fn a_missing_grant_is_told_with_the_way_to_grant_it() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = bundled("file", Grants::default()).await;
    let error = nothing.load(&key("c", "orders")).await.unwrap_err();
    assert_eq!(error.kind, StoreFailure::Rejected);
    assert!(error.source.to_string().contains("grant = { fs = {"), "{error:?}");
    let read_only = Folder { path: folder.path().to_owned(), write: false };
    let read_only = bundled("file", Grants { folder: Some(read_only), ..Grants::default() }).await;
    assert_eq!(read_only.load(&key("c", "orders")).await.unwrap(), Entries::new());
    let error =
        read_only.save(&key("c", "orders"), &[("a".to_owned(), Some("1".to_owned()))].into()).await.unwrap_err();
    assert!(error.source.to_string().contains("write = true"), "{error:?}");
}
