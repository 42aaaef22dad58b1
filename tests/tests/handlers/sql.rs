//! The handler `sql`: the Java autoscaler's table, on every database.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, SqliteConnection};
use tidegate::event::EventHandler;
use tidegate::metrics::Metrics;
use tidegate::model::JobEvent;
use tidegate::plugin::WasmEventHandler;
use tidegate_tests::database::{MariaDb, Postgres};

use crate::contract::{Arrived, Place, keeps_to_the_contract};
use crate::handlers::{bundled, complaint, counted, event, to_database};

/// What a MySQL `text` has room for, in bytes.
const LONGEST: usize = 65_535;

type Row = (String, i64, String, String, String, i64, String);

/// Every row: message, count, type, reason, key of the job, seconds of its first time, key of the event.
async fn rows(url: &str) -> Vec<Row> {
    macro_rules! read {
        ($connection:ty, $integer:literal, $seconds:literal) => {{
            let mut connection = match <$connection>::connect(url).await {
                Ok(connection) => connection,
                // There is no file before the first event.
                Err(error) => {
                    assert!(error.to_string().contains("unable to open"), "{error}");
                    return Vec::new();
                }
            };
            let statement = format!(
                "select message, cast(event_count as {0}), event_type, reason, job_key, cast({1} as {0}), event_key \
                 from t_flink_autoscaler_event_handler order by id",
                $integer, $seconds
            );
            sqlx::query_as(AssertSqlSafe(statement)).fetch_all(&mut connection).await
        }};
    }
    let found: Result<Vec<Row>, sqlx::Error> = match url.split_once("://").unwrap().0 {
        "sqlite" => read!(SqliteConnection, "integer", "strftime('%s', create_time)"),
        "postgres" => read!(PgConnection, "bigint", "extract(epoch from create_time)"),
        _ => read!(MySqlConnection, "signed", "timestampdiff(second, '1970-01-01', create_time)"),
    };
    match found {
        Ok(rows) => rows,
        // And no table.
        Err(error) => {
            let said = error.to_string();
            assert!(["no such table", "exist"].iter().any(|words| said.contains(words)), "{said}");
            Vec::new()
        }
    }
}

/// A database with the rows that it has.
struct Database<Server> {
    url: String,
    server: Server,
    /// The time-out of a statement, where it is not the usual one.
    patience: Option<Duration>,
}

/// What is needed of a database's server.
#[async_trait(?Send)]
trait Server {
    /// Ends it. Says how long a statement is waited for meanwhile, where that is not the usual time.
    async fn kill(&mut self, url: &str) -> Option<Duration>;
    fn restart(&mut self);
}

macro_rules! server {
    ($server:ty) => {
        #[async_trait(?Send)]
        impl Server for $server {
            async fn kill(&mut self, _: &str) -> Option<Duration> {
                self.kill();
                None
            }

            fn restart(&mut self) {
                self.restart().unwrap();
            }
        }
    };
}

server!(Postgres);
server!(MariaDb);

/// A file is away while somebody else writes to it.
#[async_trait(?Send)]
impl Server for Option<SqliteConnection> {
    async fn kill(&mut self, url: &str) -> Option<Duration> {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        connection.execute("begin immediate").await.unwrap();
        *self = Some(connection);
        Some(Duration::from_secs(1))
    }

    fn restart(&mut self) {
        *self = None;
    }
}

#[async_trait(?Send)]
impl<S: Server> Place for Database<S> {
    fn handler(&self, metrics: &Arc<Metrics>) -> WasmEventHandler {
        let mut grants = to_database(&self.url, &[]);
        for grant in grants.databases.values_mut() {
            grant.timeout = self.patience;
        }
        counted("sql", grants, metrics).unwrap()
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let rows = rows(&self.url).await.into_iter();
        rows.map(|(message, count, kind, reason, job_id, at, key)| Arrived {
            is_warning: kind == "Warning",
            reason,
            message,
            count: count.try_into().unwrap(),
            at: Some(at),
            job_id: Some(job_id),
            key: Some(key),
            ..Arrived::default()
        })
        .collect()
    }

    fn shown(&self, event: &JobEvent) -> String {
        let message = &event.event.message;
        message[..message.floor_char_boundary(LONGEST)].to_owned()
    }

    async fn away(&mut self) -> bool {
        self.patience = self.server.kill(&self.url).await;
        true
    }

    async fn back(&mut self) {
        self.server.restart();
    }
}

#[tokio::test]
async fn sqlite_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", folder.path().join("events.db").display());
    keeps_to_the_contract(&mut Database { url, server: None, patience: None }).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start(folder.path()).unwrap();
    keeps_to_the_contract(&mut Database { url: server.url(), server, patience: None }).await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mariadb_keeps_to_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let server = MariaDb::start(folder.path()).unwrap();
    keeps_to_the_contract(&mut Database { url: server.url(), server, patience: None }).await;
}

async fn counts(url: &str) -> Vec<(String, i64)> {
    rows(url).await.into_iter().map(|row| (row.0, row.1)).collect()
}

/// What the Java autoscaler would have in its table: what happens within an interval counts on the row that opened it.
async fn counts_as_java_does(url: &str) {
    let handler = bundled("sql", to_database(url, &[("ttl", "1 h")])).unwrap();
    handler.handle(&[event(0, "ScalingReport", "first", 1), event(1, "Other", "another", 1)]).await.unwrap();
    // The host has held three back since.
    handler.handle(&[event(1800, "ScalingReport", "second", 4)]).await.unwrap();
    let job = format!("{:032x}", 0xab);
    let row = |message: &str, count, reason: &str| {
        (message.to_owned(), count, "Warning".to_owned(), reason.to_owned(), job.clone())
    };
    let expected = [row("first", 4, "ScalingReport"), row("another", 1, "Other"), row("second", 1, "ScalingReport")];
    let found =
        rows(url).await.into_iter().map(|(message, count, kind, reason, job, ..)| (message, count, kind, reason, job));
    assert_eq!(found.collect::<Vec<_>>(), expected);

    // Those before the last hour are forgotten; the count of one that is forgotten goes to the next.
    handler.handle(&[event(3700, "Third", "third", 1)]).await.unwrap();
    let left = [("second", 1), ("third", 1)].map(|(message, count)| (message.to_owned(), count));
    assert_eq!(counts(url).await, left);
    handler.handle(&[event(3800, "Other", "again", 3)]).await.unwrap();
    assert_eq!(counts(url).await.last().unwrap(), &("again".to_owned(), 3));

    // What is longer than a column is cut, and nothing else is lost with it.
    let reason = "R".repeat(1000);
    let odd = [event(3900, &reason, &"é".repeat(100_000), 1), event(3901, "Last", "nul \0 byte", 1)];
    handler.handle(&odd).await.unwrap();
    let rows = rows(url).await;
    let [long, last] = rows.last_chunk().unwrap();
    assert!(long.3 == "R".repeat(191) && long.0 == "é".repeat(LONGEST / 2));
    assert_eq!(last.0, "nul \u{fffd} byte");
}

#[tokio::test]
async fn sqlite_counts_as_java_does() {
    let folder = tempfile::tempdir().unwrap();
    counts_as_java_does(&format!("sqlite://{}", folder.path().join("events.db").display())).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn postgres_counts_as_java_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start(folder.path()).unwrap();
    counts_as_java_does(&server.url()).await;
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn mariadb_counts_as_java_does() {
    let folder = tempfile::tempdir().unwrap();
    let server = MariaDb::start(folder.path()).unwrap();
    counts_as_java_does(&server.url()).await;
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let events = [event(0, "R", "m", 1)];
    let url = "sqlite:///no/such/folder/x.db";
    for (grants, expected) in [
        (to_database("postgres://nobody@127.0.0.1:1/x", &[]), "refused"),
        (to_database(url, &[("ttl", "soon")]), "option `ttl`: `soon` is not a duration"),
        (to_database(url, &[("tll", "1 d")]), "there is no option `tll`; there is: ttl"),
        (Default::default(), "grant = { sql = { main ="),
    ] {
        let said = complaint(&bundled("sql", grants).unwrap(), &events).await;
        assert!(said.contains(expected), "{said}");
    }
    // Wrong options are found out before a version is in service.
    bundled("sql", to_database(url, &[("ttl", "soon")])).unwrap().try_out().await.unwrap_err();
    bundled("sql", to_database(url, &[])).unwrap().try_out().await.unwrap();
}
