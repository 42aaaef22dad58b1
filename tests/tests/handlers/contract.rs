//! What every event handler has to do: a table of facts, the same for all of them, and where each tells its events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tidegate::event::{EventHandler, Events};
use tidegate::metrics::Metrics;
use tidegate::model::{Event, EventKind, JobEvent, JobId, JobKey};
use tidegate::plugin::WasmEventHandler;
use tidegate_common::time::Timestamp;
use tokio::time::{sleep, timeout};

use crate::handlers::START;

/// As many events as the host hands over at once, and as many bytes of a message as it lets through.
const BATCH: usize = 64;
const LONGEST: usize = 64 << 10;

/// Longer than anything here takes on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);

/// Where a handler tells its events, and how to look there. It is empty at first.
#[async_trait(?Send)]
pub(crate) trait Place {
    /// The handler, whose calls are counted.
    fn handler(&self, metrics: &Arc<Metrics>) -> WasmEventHandler;

    /// What has arrived, oldest first.
    async fn arrived(&self) -> Vec<Arrived>;

    /// How a message looks there.
    fn shown(&self, event: &JobEvent) -> String {
        event.event.message.clone()
    }

    /// Takes away what the handler needs, and says whether that can be.
    async fn away(&mut self) -> bool {
        false
    }

    /// Gives it back.
    async fn back(&mut self) {}
}

/// An event as it has arrived; nothing for what is not kept there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Arrived {
    pub(crate) is_warning: bool,
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) count: u32,
    /// Seconds since 1970.
    pub(crate) at: Option<i64>,
    pub(crate) cluster: Option<String>,
    pub(crate) job: Option<String>,
    pub(crate) job_id: Option<String>,
    /// What stands for its key: the same for the same, and another for another.
    pub(crate) key: Option<String>,
}

/// Asks a handler everything that it has to be able to.
pub(crate) async fn keeps_to_the_contract(place: &mut dyn Place) {
    let told = tells_nothing_of_nothing(place, 0).await;
    let told = tells_each_as_it_is(place, told).await;
    let told = tells_many_at_once(place, told).await;
    let told = counts_what_was_held_back(place, told).await;
    let told = outlives_what_it_needs(place, told).await;
    tells_nothing_of_nothing(place, told).await;
}

/// Being asked whether it starts, which comes before it is in service, tells nothing. `told` is how many events have
/// arrived so far.
async fn tells_nothing_of_nothing(place: &mut dyn Place, told: usize) -> usize {
    let handler = place.handler(&Arc::default());
    handler.try_out().await.unwrap();
    handler.handle(&[]).await.unwrap();
    assert_eq!(place.arrived().await.len(), told, "no events are none");
    told
}

/// Every event arrives once, in order, with everything that is kept of it unaltered.
async fn tells_each_as_it_is(place: &mut dyn Place, told: usize) -> usize {
    let messages = [
        String::new(),
        "\"double\" 'single' `back` \\ \\n {{message}} {cluster} <b>&amp;</b> $1 ? ?1 :name %s %25 -- ; /* ".to_owned(),
        "日本語 🦀 e\u{301} \u{200b} \u{202e}right to left, ſharp ß, İ".to_owned(),
        "first line\nsecond\r\nthird\ttab\u{7}bell\u{1b}[31mred".to_owned(),
        " spaces at both ends ".to_owned(),
        "x".repeat(LONGEST),
        "long ".repeat(LONGEST / 5),
        "é".repeat(LONGEST / 2),
        "🦀".repeat(LONGEST / 4),
    ];
    let jobs = ["enrich", "'orders' \"daily\" (v2); -- <b>", "日本語 🦀"];
    let events: Vec<JobEvent> = (0_usize..)
        .zip(messages)
        .flat_map(|(number, message)| {
            let job = jobs[number % jobs.len()];
            let of = move |kind, reason: &str, key: Option<String>| JobEvent {
                job_name: job.to_owned(),
                count: u32::try_from(number).unwrap_or(0) % 3 + 1,
                ..event(number, kind, reason, &message, key)
            };
            let key = format!("key {number} 🦀 \"'\n");
            [of(EventKind::Normal, "ScalingReport", None), of(EventKind::Warning, "AutoscalerError", Some(key))]
        })
        .collect();
    let handler = place.handler(&Arc::default());
    for event in &events {
        handler.handle(std::slice::from_ref(event)).await.unwrap();
    }
    same(place, told, &events).await;
    told + events.len()
}

/// As many as the host hands over at once, each of the longest, arrive all, once, in order.
async fn tells_many_at_once(place: &mut dyn Place, told: usize) -> usize {
    let numbered = |number: usize| format!("number {number:03} {}", "é".repeat((LONGEST - 11) / 2));
    let batch: Vec<JobEvent> = (0..BATCH)
        .map(|number| event(1000 + number, EventKind::Normal, "Many", &numbered(number), Some(number.to_string())))
        .collect();
    place.handler(&Arc::default()).handle(&batch).await.unwrap();
    same(place, told, &batch).await;
    told + batch.len()
}

/// What happens again within its interval is told with the next one: it arrives as a number, and neither twice nor never.
async fn counts_what_was_held_back(place: &mut dyn Place, told: usize) -> usize {
    let (events, tasks) = Events::start(vec![Arc::new(place.handler(&Arc::default()))], Arc::default());
    let repeated = |message: &str, key: &str| Event {
        interval: Some(Duration::from_secs(60)),
        ..event(0, EventKind::Warning, "Again", message, Some(key.to_owned())).event
    };
    for (second, message, key) in [
        (2000, "first", "one"),
        (2010, "held back", "one"),
        (2020, "another", "other"),
        (2030, "held back", "one"),
        (2061, "second", "one"),
    ] {
        events.tell(&job(), "enrich", at(second), repeated(message, key));
    }
    drop(events);
    finished(tasks).await;
    let arrived = place.arrived().await;
    let again: Vec<&Arrived> = arrived[told..].iter().filter(|it| it.reason == "Again").collect();
    let mut happened: BTreeMap<&str, u32> = BTreeMap::new();
    for it in &again {
        let of_one = it.message.ends_with("first") || it.message.ends_with("second");
        *happened.entry(if of_one { "one" } else { "other" }).or_default() += it.count;
    }
    assert_eq!(happened, BTreeMap::from([("one", 4), ("other", 1)]), "{again:?}");
    assert!(again.len() <= 3 && !again.iter().any(|it| it.message.contains("held back")), "{again:?}");
    arrived.len()
}

/// While what it needs is away, it says so in time, nobody waits for it, and its failures are counted. Afterwards it goes
/// on. What it could not tell meanwhile arrives once, if at all.
async fn outlives_what_it_needs(place: &mut dyn Place, told: usize) -> usize {
    if !place.away().await {
        return told;
    }
    let metrics = Arc::new(Metrics::default());
    let handler = Arc::new(place.handler(&metrics));
    let failed = || metrics.calls.meter(handler.name()).used().failed;
    let lost = [event(3000, EventKind::Normal, "Lost", "alone", Some("alone".to_owned()))];
    let error = timeout(WITHIN, handler.handle(&lost)).await.unwrap().unwrap_err();
    assert!(!error.source.to_string().is_empty());
    assert_eq!(failed(), 1);

    let (events, tasks) = Events::start(vec![Arc::clone(&handler) as Arc<dyn EventHandler>], Arc::clone(&metrics));
    let began = Instant::now();
    for number in 0..BATCH / 2 {
        let key = Some(number.to_string());
        let event = event(0, EventKind::Normal, "Lost", &format!("number {number}"), key).event;
        events.tell(&job(), "enrich", at(3001), event);
    }
    assert!(began.elapsed() < Duration::from_secs(1), "passes do not wait: {:?}", began.elapsed());
    let gave_up = async {
        while failed() < 2 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(WITHIN, gave_up).await.unwrap();

    place.back().await;
    let back = event(0, EventKind::Warning, "Back", "it is back", Some("back".to_owned())).event;
    // A server that has just been started may need a moment: the next event is told in any case.
    for second in 3100.. {
        let before = failed();
        events.tell(&job(), "enrich", at(second), back.clone());
        let answered = async {
            while metrics.calls.meter(handler.name()).used().answered == 0 && failed() == before {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(WITHIN, answered).await.unwrap();
        if failed() == before {
            break;
        }
        assert!(began.elapsed() < WITHIN, "it does not go on");
    }
    drop(events);
    finished(tasks).await;
    let arrived = place.arrived().await;
    let messages: Vec<&str> = arrived[told..].iter().map(|it| it.message.as_str()).collect();
    assert_eq!(messages.iter().filter(|message| message.ends_with("it is back")).count(), 1, "{messages:?}");
    assert_eq!(messages.last().map(|message| message.ends_with("it is back")), Some(true), "{messages:?}");
    let once: std::collections::BTreeSet<&&str> = messages.iter().collect();
    assert_eq!(once.len(), messages.len(), "{messages:?}");
    arrived.len()
}

/// That after the first `told` these have arrived, and nothing else.
async fn same(place: &dyn Place, told: usize, events: &[JobEvent]) {
    let arrived = place.arrived().await;
    let arrived = &arrived[told.min(arrived.len())..];
    let ends = |text: &str| {
        let (head, tail) = (text.char_indices().nth(80), text.char_indices().nth_back(20));
        match (head, tail) {
            (Some((head, _)), Some((tail, _))) if head < tail => format!("{}…{}", &text[..head], &text[tail..]),
            _ => text.to_owned(),
        }
    };
    for (event, found) in events.iter().zip(arrived) {
        let expected = Arrived {
            is_warning: event.event.kind == EventKind::Warning,
            reason: event.event.reason.clone(),
            message: place.shown(event),
            count: event.count,
            at: found.at.map(|_| event.at.as_millis() / 1000),
            cluster: found.cluster.as_ref().map(|_| event.job.cluster.clone()),
            job: found.job.as_ref().map(|_| event.job_name.clone()),
            job_id: found.job_id.as_ref().map(|_| event.job.id.to_string()),
            key: found.key.clone(),
        };
        let (one, other) = (&found.message, &expected.message);
        assert!(one == other, "{} bytes {}, not {} bytes {}", one.len(), ends(one), other.len(), ends(other));
        assert_eq!(found, &expected);
    }
    assert_eq!(arrived.len(), events.len(), "all of them, and each once");
    // No two of them have the same key.
    let keys: std::collections::BTreeSet<&String> = arrived.iter().filter_map(|it| it.key.as_ref()).collect();
    assert!(keys.is_empty() || keys.len() == events.len(), "{keys:?}");
}

async fn finished(mut tasks: tokio::task::JoinSet<()>) {
    timeout(WITHIN, async { while tasks.join_next().await.is_some() {} }).await.unwrap();
}

fn job() -> JobKey {
    JobKey { cluster: "orders".to_owned(), id: JobId::from_u128(0xab) }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_millis(START + second * 1000)
}

/// An event of one job at a second.
fn event(second: usize, kind: EventKind, reason: &str, message: &str, key: Option<String>) -> JobEvent {
    let second = i64::try_from(second).unwrap_or(i64::MAX);
    let event =
        Event { kind, reason: reason.to_owned(), message: message.to_owned(), message_key: key, interval: None };
    JobEvent { at: at(second), job: job(), job_name: "enrich".to_owned(), event, count: 1 }
}
