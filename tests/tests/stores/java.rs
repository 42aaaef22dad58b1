//! Databases that the Java autoscaler has written: its own tables, its own texts.

use sqlx::{AssertSqlSafe, Connection, MySqlConnection, PgConnection, SqliteConnection};
use tidegate_tests::database::{MariaDb, Postgres};

use crate::stores::{entries, key, save, sql, sqlite};

/// The job's id, which is the Java autoscaler's key.
const JOB: &str = "0a448493b4782967b150582570326227";

/// Texts as it writes them.
const STATE: [(&str, &str); 5] = [
    ("parallelismOverrides", "0a448493b4782967b150582570326227:4,ea632d67b7d595e5b851708ae9ad79d6:2"),
    (
        "scalingHistory",
        r#"{"0a448493b4782967b150582570326227":{"2023-11-15T16:00:00Z":{"currentParallelism":2,"newParallelism":4,"metrics":{"LAG":{"current":5.0,"average":null},"EXPECTED_PROCESSING_RATE":{"current":"NaN","average":"Infinity"}}}}}"#,
    ),
    ("scalingTracking", r#"{"scalingRecords":{"2023-11-15T16:00:00Z":{"restartDuration":null}}}"#),
    ("delayedScaleDown", r#"{"delayedVertices":{}}"#),
    ("configOverrides", r#"{"removals":[],"overrides":{}}"#),
];

const POSTGRES: &str = "CREATE TABLE t_flink_autoscaler_state_store
(
    id            BIGSERIAL     NOT NULL,
    update_time   TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP,
    job_key       TEXT          NOT NULL,
    state_type    TEXT          NOT NULL,
    state_value   TEXT          NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (job_key, state_type)
)";

const MYSQL: &str = "create table `t_flink_autoscaler_state_store`
(
    `id`            bigint       not null auto_increment,
    `update_time`   datetime     not null comment 'The update time',
    `job_key`       varchar(191) not null comment 'The job key',
    `state_type`    varchar(100) not null comment 'The state type',
    `state_value`   longtext     not null comment 'The real state',
    primary key (`id`) using btree,
    unique key `un_job_state_type_inx` (`job_key`,`state_type`) using btree
) engine=innodb default charset=utf8mb4 collate=utf8mb4_general_ci";

/// Its statements, with literals.
fn rows() -> Vec<String> {
    let row = |(state_type, value): &(&str, &str)| {
        format!(
            "insert into t_flink_autoscaler_state_store (update_time, job_key, state_type, state_value) \
             values (current_timestamp, '{JOB}', '{state_type}', '{value}')"
        )
    };
    STATE.iter().map(row).collect()
}

/// Its way to read a job.
const READ: &str = "select state_type, state_value from t_flink_autoscaler_state_store where job_key = ";

/// The host finds its state, changes it, and keeps jobs of its own beside it.
async fn is_taken_up(url: &str) {
    let store = sql(url).await;
    let left = key("", JOB);
    assert_eq!(store.jobs().await.unwrap(), std::slice::from_ref(&left));
    assert_eq!(store.load(&left).await.unwrap(), entries(&STATE));
    save(&*store, &key("c", "Orders"), &[("scalingHistory", Some("upper"))]).await;
    save(&*store, &key("c", "orders"), &[("scalingHistory", Some("lower"))]).await;
    save(&*store, &left, &[("scalingTracking", None), ("parallelismOverrides", Some("changed"))]).await;
    let again = sql(url).await;
    assert_eq!(again.load(&key("c", "Orders")).await.unwrap(), entries(&[("scalingHistory", "upper")]));
    assert_eq!(again.load(&key("c", "orders")).await.unwrap(), entries(&[("scalingHistory", "lower")]));
}

/// What it would then read of its own job.
fn expected() -> Vec<(String, String)> {
    let mut expected = entries(&STATE);
    expected.remove("scalingTracking");
    expected.insert("parallelismOverrides".to_owned(), "changed".to_owned());
    expected.into_iter().collect()
}

macro_rules! java {
    ($connection:ty, $url:expr, $table:expr) => {{
        let mut java = <$connection>::connect(&$url).await.unwrap();
        sqlx::query($table).execute(&mut java).await.unwrap();
        for row in rows() {
            sqlx::query(AssertSqlSafe(row)).execute(&mut java).await.unwrap();
        }
        is_taken_up(&$url).await;
        let read = format!("{READ} '{JOB}' order by state_type");
        let found: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(read)).fetch_all(&mut java).await.unwrap();
        let mut expected = expected();
        expected.sort();
        assert_eq!(found, expected, "as the Java autoscaler reads it");
    }};
}

#[tokio::test]
async fn its_rows_are_taken_up_in_sqlite() {
    // It has no scripts for SQLite; the table is ours.
    let folder = tempfile::tempdir().unwrap();
    let url = sqlite(folder.path());
    let ours = key("c", "first");
    let store = sql(&url).await;
    save(&*store, &ours, &[("a", Some("1"))]).await;
    store.forget(&ours).await.unwrap();
    java!(SqliteConnection, url, "select 1");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn its_rows_are_taken_up_in_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let server = Postgres::start(folder.path()).unwrap();
    java!(PgConnection, server.url(), POSTGRES);
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn its_rows_are_taken_up_in_mariadb() {
    let folder = tempfile::tempdir().unwrap();
    let server = MariaDb::start(folder.path()).unwrap();
    java!(MySqlConnection, server.url(), MYSQL);
}
