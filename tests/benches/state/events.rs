//! Ten thousand events, in calls of as many as the host hands over at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tempfile::TempDir;
use tidegate::event::EventHandler;
use tidegate::model::{Event, EventKind, JobEvent, JobId, JobKey};
use tidegate::plugin::{Grants, Limits, Runtime, Source, WasmEventHandler};
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tracing::info;

use crate::rows::{in_database, in_file};
use crate::twins::{SAME_REQUESTS, Twins};
use crate::{Outcome, database, databases, ratio};

/// How many are told.
const EVENTS: usize = 10_000;

/// In one call.
pub(crate) const BATCH: usize = 64;

/// What stands beside the rows of handlers that use a database.
const ROWS: &str = "rows in a table";

pub(crate) async fn table() -> Outcome<()> {
    tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::sink).init();
    let telling = Telling { folder: TempDir::new()?, runtime: Runtime::new()?, events: events() };
    println!("{EVENTS} events in calls of {BATCH}; times what the same costs with nothing between:");
    telling.to_log().await?;
    telling.to_sqlite().await?;
    telling.to_databases().await?;
    telling.to_kubernetes().await?;
    telling.to_webhook().await
}

fn say(handler: &str, took: Duration, bare: &str, without: Duration) {
    let each = took.as_secs_f64() * 1e6 / EVENTS as f64;
    let of_bare = without.as_secs_f64() * 1e6 / EVENTS as f64;
    let times = ratio(took, without);
    println!("{handler:>15} | {each:>8.1} us an event | {times:>6} | {bare}: {of_bare:.1} us");
}

/// What is told, and what handlers need for it. Each of them is a row of the table.
struct Telling {
    folder: TempDir,
    runtime: Runtime,
    events: Vec<JobEvent>,
}

impl Telling {
    async fn to_log(&self) -> Outcome<()> {
        let bare = bare_log(&self.events);
        let handler = self.bundled("log", Grants::default())?;
        say("log", self.told(&handler).await?, "lines of the log", bare);
        Ok(())
    }

    async fn to_sqlite(&self) -> Outcome<()> {
        let path = self.folder.path();
        let handler = self.bundled("sql", database(&format!("sqlite://{}", path.join("events.db").display()))?)?;
        let through = self.told(&handler).await?;
        say("sql, SQLite", through, ROWS, in_file(&path.join("bare.db"), &self.events).await?);
        Ok(())
    }

    async fn to_databases(&self) -> Outcome<()> {
        for (name, server) in databases(self.folder.path()) {
            let through = self.told(&self.bundled("sql", database(&server.url)?)?).await?;
            say(&format!("sql, {name}"), through, ROWS, in_database(&server.url, &self.events).await?);
        }
        Ok(())
    }

    async fn to_kubernetes(&self) -> Outcome<()> {
        let twins = Twins::start();
        let handler = self.bundled("kubernetes", twins.grants(self.folder.path()))?;
        self.warm_up(&handler).await?;
        // What that was is not measured, but the twin has to know of it.
        twins.sent_straight().await?;
        let through = self.told_warm(&handler).await?;
        say("kubernetes", through, SAME_REQUESTS, twins.sent_straight().await?.iter().sum());
        Ok(())
    }

    async fn to_webhook(&self) -> Outcome<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let hook = format!("http://{}/hook", listener.local_addr()?);
        let app = Router::new().route("/hook", post(async |_body: String| StatusCode::OK));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await });
        let options = [("url".to_owned(), hook.clone())].into();
        let http = vec![hook.trim_end_matches("/hook").parse()?];
        let handler = self.bundled("webhook", Grants { http, options, ..Grants::default() })?;
        let through = self.told(&handler).await?;
        let bodies: Vec<String> = self.events.chunks(BATCH).map(body).collect();
        let bare = spawn_blocking(move || bare_requests(&hook, &bodies)).await??;
        say("webhook", through, "requests on one connection", bare);
        serving.abort();
        Ok(())
    }

    fn bundled(&self, name: &str, grants: Grants) -> Outcome<WasmEventHandler> {
        // A call may log more than usual: this is about what is written, and not about what is dropped.
        let limits = Limits { log: 64 << 20, ..Limits::of_event_handlers() };
        let source = Source::Bundled(name.to_owned());
        Ok(WasmEventHandler::load(name, &source, limits, grants, &self.runtime, Arc::default())?)
    }

    async fn told(&self, handler: &WasmEventHandler) -> Outcome<Duration> {
        self.warm_up(handler).await?;
        self.told_warm(handler).await
    }

    async fn warm_up(&self, handler: &WasmEventHandler) -> Outcome<()> {
        Ok(handler.handle(self.events.get(..BATCH).unwrap_or_default()).await?)
    }

    async fn told_warm(&self, handler: &WasmEventHandler) -> Outcome<Duration> {
        let began = Instant::now();
        for batch in self.events.chunks(BATCH) {
            handler.handle(batch).await?;
        }
        Ok(began.elapsed())
    }
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
