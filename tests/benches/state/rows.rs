//! The same rows with nothing between: a transaction for each batch, as durable as the plugin's.

use std::path::Path;
use std::time::{Duration, Instant};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::types::time::{OffsetDateTime, PrimitiveDateTime};
use sqlx::{ConnectOptions, Connection, MySqlConnection, PgConnection};
use tidegate::model::JobEvent;
use tidegate_common::time::Timestamp;

use crate::Outcome;
use crate::events::BATCH;

/// How long it takes to insert the events into the table `bare`. Databases differ in how parameters are written, and in
/// what an event's time, `$at`, is bound as.
macro_rules! insert {
    ($connection:expr, $events:expr, $values:literal, $at:ident => $time:expr) => {{
        const INSERT: &str = concat!(
            "insert into bare (create_time, update_time, job_key, reason, event_type, message, event_count, event_key) \
             values ",
            $values
        );
        let began = Instant::now();
        for batch in $events.chunks(BATCH) {
            let mut transaction = $connection.begin().await?;
            for JobEvent { at: $at, job, event, .. } in batch {
                let time = $time;
                let insert = sqlx::query(INSERT).bind(time).bind(time).bind(job.id.to_string()).bind(&event.reason);
                insert.bind(&event.message).bind(&event.message_key).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        began.elapsed()
    }};
}

/// Into a new file.
pub(crate) async fn in_file(file: &Path, events: &[JobEvent]) -> Outcome<Duration> {
    const CREATE: &str = "create table bare (id integer primary key autoincrement not null, create_time timestamp, \
                          update_time timestamp, job_key text, reason text, event_type text, message text, \
                          event_count integer, event_key text)";
    const INDEX: &str = "create index by_key on bare (job_key, reason, event_key)";
    const INDEX_BY_TIME: &str = "create index by_time on bare (job_key, reason, create_time)";
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await?;
    for statement in [CREATE, INDEX, INDEX_BY_TIME] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    Ok(insert!(connection, events, "(?, ?, ?, ?, 'Normal', ?, 1, ?)", at => at.as_millis()))
}

/// Into the database at this URL, in which the plugin has made its table: into another of the same form.
pub(crate) async fn in_database(url: &str, events: &[JobEvent]) -> Outcome<Duration> {
    if url.starts_with("postgres") { in_postgres(url, events).await } else { in_mariadb(url, events).await }
}

async fn in_postgres(url: &str, events: &[JobEvent]) -> Outcome<Duration> {
    const CREATE: &str = "create table bare (like t_flink_autoscaler_event_handler including all)";
    let mut connection = PgConnection::connect(url).await?;
    sqlx::query(CREATE).execute(&mut connection).await?;
    Ok(insert!(connection, events, "($1, $2, $3, $4, 'Normal', $5, 1, $6)", at => date_time(*at)?))
}

async fn in_mariadb(url: &str, events: &[JobEvent]) -> Outcome<Duration> {
    const CREATE: &str = "create table bare like t_flink_autoscaler_event_handler";
    let mut connection = MySqlConnection::connect(url).await?;
    sqlx::query(CREATE).execute(&mut connection).await?;
    Ok(insert!(connection, events, "(?, ?, ?, ?, 'Normal', ?, 1, ?)", at => date_time(*at)?))
}

/// In UTC, as the plugin's rows are.
fn date_time(at: Timestamp) -> Outcome<PrimitiveDateTime> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.as_millis()) * 1_000_000)?;
    Ok(PrimitiveDateTime::new(at.date(), at.time()))
}
