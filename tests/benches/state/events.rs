//! Ten thousand events, in calls of as many as the host hands over at once.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tidegate::event::EventHandler;
use tidegate::model::{Event, EventKind, JobEvent, JobId, JobKey};
use tidegate::plugin::{Grants, Limits, Runtime, Source, WasmEventHandler};
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tracing::info;

use crate::{Outcome, database, ratio};

/// How many are told.
const EVENTS: usize = 10_000;

/// In one call.
const BATCH: usize = 64;

pub(crate) async fn table() -> Outcome<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::sink).init();
    let folder = TempDir::new()?;
    let runtime = Runtime::new()?;
    let events = events();
    println!("{EVENTS} events in calls of {BATCH}; times what the same costs with nothing between:");
    let bare = bare_log(&events);
    say("log", told(&bundled(&runtime, "log", Grants::default())?, &events).await?, "lines of the log", bare);

    let url = |name: &str| format!("sqlite://{}", folder.path().join(name).display());
    let handler = bundled(&runtime, "sql", database(&url("events.db"))?)?;
    let through = told(&handler, &events).await?;
    say("sql, SQLite", through, "rows in a table", bare_rows(&folder.path().join("bare.db"), &events).await?);

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let hook = format!("http://{}/hook", listener.local_addr()?);
    let app = Router::new().route("/hook", post(async |_body: String| StatusCode::OK));
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    let options = [("url".to_owned(), hook.clone())].into();
    let http = vec![hook.trim_end_matches("/hook").parse()?];
    let handler = bundled(&runtime, "webhook", Grants { http, options, ..Grants::default() })?;
    let through = told(&handler, &events).await?;
    let bodies: Vec<String> = events.chunks(BATCH).map(body).collect();
    say(
        "webhook",
        through,
        "requests on one connection",
        spawn_blocking(move || bare_requests(&hook, &bodies)).await??,
    );
    serving.abort();
    Ok(())
}

fn say(handler: &str, took: Duration, bare: &str, without: Duration) {
    let each = took.as_secs_f64() * 1e6 / EVENTS as f64;
    let of_bare = without.as_secs_f64() * 1e6 / EVENTS as f64;
    let times = ratio(took, without);
    println!("{handler:>12} | {each:>8.1} us an event | {times:>6} | {bare}: {of_bare:.1} us");
}

fn bundled(runtime: &Runtime, name: &str, grants: Grants) -> Outcome<WasmEventHandler> {
    // A call may log more than usual: this is about what is written, and not about what is dropped.
    let limits = Limits { log: 64 << 20, ..Limits::of_event_handlers() };
    Ok(WasmEventHandler::load(name, &Source::Bundled(name.to_owned()), limits, grants, runtime, Arc::default())?)
}

async fn told(handler: &WasmEventHandler, events: &[JobEvent]) -> Outcome<Duration> {
    handler.handle(events.get(..BATCH).unwrap_or_default()).await?;
    let began = Instant::now();
    for batch in events.chunks(BATCH) {
        handler.handle(batch).await?;
    }
    Ok(began.elapsed())
}

fn events() -> Vec<JobEvent> {
    let event = |number: usize| JobEvent {
        at: Timestamp::from_millis(1_795_415_000_000 + number as i64),
        job: JobKey { cluster: "bench".to_owned(), id: JobId::from_u128(7) },
        job_name: "orders".to_owned(),
        event: Event {
            kind: EventKind::Normal,
            reason: "ScalingReport".to_owned(),
            message: format!("number {number}: {}", "Scaling execution enabled, begin scaling vertices. ".repeat(5)),
            message_key: Some(number.to_string()),
            interval: None,
        },
        count: 1,
    };
    (0..EVENTS).map(event).collect()
}

fn bare_log(events: &[JobEvent]) -> Duration {
    let began = Instant::now();
    for JobEvent { job, job_name, event, .. } in events {
        info!(plugin = "log", job = "", "{}/{job_name} ({}): {}: {}", job.cluster, job.id, event.reason, event.message);
    }
    began.elapsed()
}

/// A transaction for each batch, as durable as the plugin's.
async fn bare_rows(file: &Path, events: &[JobEvent]) -> Outcome<Duration> {
    const CREATE: &str = "create table events (id integer primary key autoincrement not null, create_time timestamp, \
                          update_time timestamp, job_key text, reason text, event_type text, message text, \
                          event_count integer, event_key text)";
    const INDEX: &str = "create index by_key on events (job_key, reason, event_key)";
    const INDEX_BY_TIME: &str = "create index by_time on events (job_key, reason, create_time)";
    const INSERT: &str = "insert into events (create_time, update_time, job_key, reason, event_type, message, event_count, \
                          event_key) values (?, ?, ?, ?, 'Normal', ?, 1, ?)";
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await?;
    for statement in [CREATE, INDEX, INDEX_BY_TIME] {
        sqlx::query(statement).execute(&mut connection).await?;
    }
    let began = Instant::now();
    for batch in events.chunks(BATCH) {
        let mut transaction = connection.begin().await?;
        for JobEvent { at, job, event, .. } in batch {
            let at = at.as_millis();
            let insert = sqlx::query(INSERT).bind(at).bind(at).bind(job.id.to_string()).bind(&event.reason);
            insert.bind(&event.message).bind(&event.message_key).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
    }
    Ok(began.elapsed())
}

/// What the plugin sends, in the same form.
fn body(batch: &[JobEvent]) -> String {
    let of_event = |JobEvent { at, job, job_name, event, count }: &JobEvent| {
        json!({
            "at": at.to_string(), "cluster": job.cluster, "job": job_name, "job-id": job.id.to_string(),
            "severity": "normal", "reason": event.reason, "message": event.message, "count": count,
        })
    };
    json!({ "events": batch.iter().map(of_event).collect::<Vec<_>>() }).to_string()
}

fn bare_requests(hook: &str, bodies: &[String]) -> Outcome<Duration> {
    let agent = ureq::agent();
    let began = Instant::now();
    for body in bodies {
        agent.post(hook).content_type("application/json").send(body)?;
    }
    Ok(began.elapsed())
}
