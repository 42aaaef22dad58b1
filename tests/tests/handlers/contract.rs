//! What every event handler has to do.

use std::future::ready;

use tidegate::event::EventHandler;
use tidegate::plugin::{Grants, WasmEventHandler};
use tidegate_tests::database::{MariaDb, Postgres};
use tidegate_tests::kubernetes::ApiServer;

use crate::handlers::{bundled, event, to_database};
use crate::kubernetes::{events_of, messages};
use crate::sql::told as in_database;
use crate::webhook::{Answers, Receiver};

/// The messages that have arrived where the handler tells them, oldest first; none where nobody can look.
type Arrived = Option<Vec<String>>;

async fn keeps_to_the_contract<F: Future<Output = Arrived>>(handler: &WasmEventHandler, arrived: impl Fn() -> F) {
    // Nothing to tell is what it is asked first, before it is in service.
    handler.try_out().await.unwrap();
    handler.handle(&[]).await.unwrap();
    let mut expected = Vec::new();
    let odd =
        ["", "\"quoted\" 'text' \\ {{message}} <b>&amp;</b> $1 ?", "日本語 🦀\nsecond line", &"long ".repeat(2000)];
    for (second, message) in (0..).zip(odd) {
        handler.handle(&[event(second, "ScalingReport", message, 1)]).await.unwrap();
        expected.push(message.to_owned());
    }
    // As many as the host hands over at once.
    let batch: Vec<_> = (0..64).map(|number| event(100 + number, "Many", &format!("number {number}"), 1)).collect();
    handler.handle(&batch).await.unwrap();
    expected.extend(batch.iter().map(|event| event.event.message.clone()));
    if let Some(arrived) = arrived().await {
        assert_eq!(arrived, expected, "all, once, in order");
    }
}

#[tokio::test]
async fn log_keeps_to_the_contract() {
    keeps_to_the_contract(&bundled("log", Grants::default()).unwrap(), || ready(None)).await;
}

#[tokio::test]
async fn webhook_keeps_to_the_contract() {
    let receiver = Receiver::start(Answers::good()).await;
    let handler = receiver.handler(&[]);
    keeps_to_the_contract(&handler, || ready(Some(receiver.messages()))).await;
}

#[tokio::test]
async fn kubernetes_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let handler = events_of(&server, folder.path(), &[]);
    keeps_to_the_contract(&handler, || ready(Some(messages(&server)))).await;
}

#[tokio::test]
async fn sqlite_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("events.db").display());
    keeps_to_the_contract(&bundled("sql", to_database(&url, &[])).unwrap(), || in_database(&url)).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start(folder.path()).unwrap();
    let url = server.url();
    keeps_to_the_contract(&bundled("sql", to_database(&url, &[])).unwrap(), || in_database(&url)).await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mariadb_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = MariaDb::start(folder.path()).unwrap();
    let url = server.url();
    keeps_to_the_contract(&bundled("sql", to_database(&url, &[])).unwrap(), || in_database(&url)).await;
}
