//! Databases that go away.

use tidegate::state::StoreFailure;
use tidegate_tests::database::{MariaDb, Postgres};

use crate::stores::{entries, key, save, sql};

/// A store says what is wrong, and works again when its server does.
async fn comes_back(url: &str, mut kill: impl FnMut(), mut restart: impl FnMut()) {
    let store = sql(url).await;
    let job = key("c", "orders");
    save(&*store, &job, &[("a", Some("1"))]).await;
    for round in 0..3 {
        kill();
        let error = store.load(&job).await.unwrap_err();
        assert_eq!(error.kind, StoreFailure::Unavailable, "{error:?}");
        let changes = [("a".to_owned(), Some(format!("lost {round}")))].into();
        let error = store.save(&job, &changes).await.unwrap_err();
        assert_eq!(error.kind, StoreFailure::Unavailable, "{error:?}");
        restart();
        let held = store.load(&job).await.unwrap();
        assert!(held.get("a").is_some_and(|text| !text.starts_with("lost")), "{held:?}");
        save(&*store, &job, &[("a", Some("2")), ("round", Some(&round.to_string()))]).await;
        assert_eq!(sql(url).await.load(&job).await.unwrap(), entries(&[("a", "2"), ("round", &round.to_string())]));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_from_a_wrong_statement() {
    let store = sql("postgres://nobody@127.0.0.1:1/x").await;
    let error = store.jobs().await.unwrap_err();
    assert_eq!(error.kind, StoreFailure::Unavailable);
    assert!(error.source.to_string().contains("refused"), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidegate.db");
    let text = "not a database\n".repeat(1000);
    std::fs::write(&file, &text).unwrap();
    let store = sql(&format!("sqlite://{}", file.display())).await;
    store.load(&key("c", "orders")).await.unwrap_err();
    store.save(&key("c", "orders"), &[("a".to_owned(), Some("1".to_owned()))].into()).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_may_be_killed_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = std::cell::RefCell::new(Postgres::start(folder.path()).unwrap());
    let url = server.borrow().url();
    comes_back(&url, || server.borrow_mut().kill(), || server.borrow_mut().restart().unwrap()).await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mariadb_may_be_killed_and_started_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = std::cell::RefCell::new(MariaDb::start(folder.path()).unwrap());
    let url = server.borrow().url();
    comes_back(&url, || server.borrow_mut().kill(), || server.borrow_mut().restart().unwrap()).await;
}
