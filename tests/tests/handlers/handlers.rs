//! Handlers as the host loads them, and events to tell them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use tidegate::event::EventHandler;
use tidegate::metrics::Metrics;
use tidegate::model::{Event, EventKind, JobEvent, JobId, JobKey};
use tidegate::plugin::{Grants, Limits, LoadError, Runtime, Source, SqlGrant, WasmEventHandler};
use tidegate_common::time::Timestamp;

/// The beginning of 2026.
pub(crate) const START: i64 = 1_767_225_600_000;

/// A bundled handler with these grants.
pub(crate) fn bundled(name: &str, grants: Grants) -> Result<WasmEventHandler, LoadError> {
    counted(name, grants, &Arc::default())
}

/// One whose calls are counted.
pub(crate) fn counted(name: &str, grants: Grants, metrics: &Arc<Metrics>) -> Result<WasmEventHandler, LoadError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime =
        RUNTIME.get_or_init(|| Runtime::with_cache(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")).unwrap());
    let source = Source::Bundled(name.to_owned());
    WasmEventHandler::load(name, &source, Limits::of_event_handlers(), grants, runtime, Arc::clone(metrics))
}

/// What the handler `sql` needs.
pub(crate) fn to_database(url: &str, options: &[(&str, &str)]) -> Grants {
    let databases = BTreeMap::from([("main".to_owned(), SqlGrant::new(url, Path::new("/")).unwrap())]);
    Grants { databases, options: set(options), ..Grants::default() }
}

pub(crate) fn set(options: &[(&str, &str)]) -> BTreeMap<String, String> {
    options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// An event of a job at a second, in the first hour of 2026.
pub(crate) fn event(second: i64, reason: &str, message: &str, count: u32) -> JobEvent {
    JobEvent {
        at: Timestamp::from_millis(START + second * 1000),
        job: JobKey { cluster: "orders".to_owned(), id: JobId::from_u128(0xab) },
        job_name: "enrich".to_owned(),
        event: Event {
            kind: EventKind::Warning,
            reason: reason.to_owned(),
            message: message.to_owned(),
            message_key: Some("key".to_owned()),
            interval: None,
        },
        count,
    }
}

/// What a handler says is wrong.
pub(crate) async fn complaint(handler: &WasmEventHandler, events: &[JobEvent]) -> String {
    let error = handler.handle(events).await.unwrap_err();
    error.source.to_string()
}
