//! Event handlers that misbehave: each is stopped by a limit, and no pass ever waits for one.

use std::sync::Arc;
use std::time::Duration;

use tidegate::event::EventHandler;
use tidegate::model::{Event, EventKind, JobEvent, JobId, JobKey};
use tidegate::plugin::{CallError, Grants, Limits, WasmEventHandler};
use tidegate_common::time::Timestamp;
use tidegate_tests::host::{Scenario, hostile_handler};

use crate::log::Log;
use crate::short_of_three;

const LIMITS: fn() -> Limits = || Limits { deadline: Duration::from_millis(300), ..Limits::of_event_handlers() };

/// An event whose reason says what to do, and its message with what.
pub(crate) fn told(act: &str, with: &str) -> JobEvent {
    JobEvent {
        at: Timestamp::from_millis(1),
        job: JobKey { cluster: "c".to_owned(), id: JobId::from_u128(1) },
        job_name: "orders".to_owned(),
        event: Event {
            kind: EventKind::Normal,
            reason: act.to_owned(),
            message: with.to_owned(),
            message_key: None,
            interval: None,
        },
        count: 1,
    }
}

/// How a handler ends that is told to act so.
pub(crate) async fn end_of(handler: &WasmEventHandler, act: &str, with: &str) -> Result<(), CallError> {
    let ended = handler.handle(&[told(act, with)]).await;
    ended.map_err(|error| *error.source.downcast::<CallError>().unwrap())
}

#[tokio::test]
async fn a_handler_that_misbehaves_is_stopped_by_a_limit_and_is_well_again_in_the_next_call() {
    let handler = hostile_handler(LIMITS(), Grants::default());
    for (act, kind, words) in [
        ("spin", "deadline", "ran past its deadline of 300ms"),
        ("sleep", "deadline", "ran past its deadline of 300ms"),
        ("log", "deadline", "ran past its deadline of 300ms"),
        ("hoard", "memory", "asked for more memory than its limit of 64 MiB"),
        ("panic", "trap", "trapped"),
        ("exit", "exit", "exited instead of answering"),
        ("complain", "failed", "said: no"),
        ("complain-at-length", "crossing", "handed more to the host at once than its limit of 8 MiB"),
    ] {
        let error = end_of(&handler, act, "").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{act}: {error}");
        assert!(error.to_string().contains(words), "{act}: {error}");
        end_of(&handler, "take", "all is well").await.unwrap();
    }
}

#[tokio::test]
async fn the_log_of_a_handler_is_cut() {
    let (log, _guard) = Log::listen();
    let handler = hostile_handler(Limits { log: 64 << 10, ..LIMITS() }, Grants::default());
    end_of(&handler, "log", "").await.unwrap_err();
    let lines = log.lines("all work and no play").len();
    assert!((400..700).contains(&lines), "{lines}");
    assert_eq!(log.lines("plugin logged more than its limit").len(), 1);
}

#[tokio::test]
async fn every_limit_of_a_handler_can_be_set() {
    for (limits, act, kind) in [
        (Limits { memory: 2 << 20, ..LIMITS() }, "hoard", "memory"),
        (Limits { table_elements: 1, ..LIMITS() }, "take", "tables"),
        (Limits { instances: 1, ..LIMITS() }, "take", "instances"),
        (Limits { crossing: 1 << 10, ..LIMITS() }, "complain", "crossing"),
        (Limits { deadline: Duration::from_millis(50), ..LIMITS() }, "sleep", "deadline"),
    ] {
        let error = end_of(&hostile_handler(limits, Grants::default()), act, "").await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error:?}");
    }
}

#[tokio::test]
async fn no_pass_waits_for_a_handler() {
    // It spins over the report on the first scaling for longer than the test takes.
    let limits = Limits { deadline: Duration::from_secs(600), ..LIMITS() };
    let handler: Arc<dyn EventHandler> = hostile_handler(limits, Grants::default());
    let mut host =
        Scenario::of([short_of_three("orders"), short_of_three("bills")]).event_handler(handler).start().await;
    host.passes(20).await;
    for name in ["orders", "bills"] {
        assert_eq!(host.records(name).len(), 20);
        assert!(!host.events(name, "ScalingReport").is_empty(), "the others are told");
    }
}
