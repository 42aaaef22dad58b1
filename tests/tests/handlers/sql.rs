//! The handler `sql`: the Java autoscaler's table, on every database.

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};
use tidegate::event::EventHandler;
use tidegate_tests::database::{MariaDb, Postgres};

use crate::handlers::{bundled, complaint, event, to_database};

type Row = (String, i64, String, String, String);

/// Every row: message, count, type, reason, key of the job.
async fn rows(url: &str) -> Vec<Row> {
    macro_rules! read {
        ($connection:ty, $integer:literal) => {{
            let mut connection = <$connection>::connect(url).await.unwrap();
            let statement = format!(
                "select message, cast(event_count as {}), event_type, reason, job_key \
                 from t_flink_autoscaler_event_handler order by id",
                $integer
            );
            sqlx::query_as(AssertSqlSafe(statement)).fetch_all(&mut connection).await.unwrap()
        }};
    }
    match url.split_once("://").unwrap().0 {
        "sqlite" => read!(SqliteConnection, "integer"),
        "postgres" => read!(PgConnection, "bigint"),
        _ => read!(MySqlConnection, "signed"),
    }
}

/// The messages, oldest first.
pub(crate) async fn told(url: &str) -> Option<Vec<String>> {
    Some(rows(url).await.into_iter().map(|row| row.0).collect())
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
    assert_eq!(rows(url).await, expected);

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
    assert!(long.3 == "R".repeat(191) && long.0 == "é".repeat(16_000));
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
