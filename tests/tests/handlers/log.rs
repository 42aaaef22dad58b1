//! The handler `log`: every event is a line of the host's log.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tidegate::metrics::Metrics;
use tidegate::model::JobEvent;
use tidegate::plugin::{GUEST_LOG, Grants, WasmEventHandler};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};

use crate::contract::{Arrived, Place, keeps_to_the_contract};
use crate::handlers::counted;

/// A line that is longer is cut.
const LONGEST: usize = 4096;

/// The lines of plugins that this thread logs: whether it is a warning, and the text.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<(bool, String)>>>);

impl Subscriber for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == GUEST_LOG
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message::default();
        event.record(&mut message);
        self.0.lock().unwrap().push((*event.metadata().level() == Level::WARN, message.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// What a text is in a line of the log: control characters are escaped, so that nobody can forge one.
fn in_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, character| {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
        line
    })
}

#[async_trait(?Send)]
impl Place for Lines {
    fn handler(&self, metrics: &Arc<Metrics>) -> WasmEventHandler {
        counted("log", Grants::default(), metrics).unwrap()
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let lines = self.0.lock().unwrap();
        let arrived = |(is_warning, line): &(bool, String)| {
            let (cluster, rest) = line.split_once('/').unwrap();
            // A job's name may hold anything; its id is all hexadecimal.
            let (id, _) =
                rest.match_indices(" (").find(|(at, _)| rest.as_bytes().get(at + 34..at + 37) == Some(b"): ")).unwrap();
            let (reason, message) = rest[id + 37..].split_once(": ").unwrap();
            let counted = reason.strip_suffix(" times)").and_then(|reason| reason.split_once(" ("));
            let (reason, count) = counted.map_or((reason, 1), |(reason, count)| (reason, count.parse().unwrap()));
            Arrived {
                is_warning: *is_warning,
                reason: reason.to_owned(),
                message: message.to_owned(),
                count,
                cluster: Some(cluster.to_owned()),
                job: Some(rest[..id].to_owned()),
                job_id: Some(rest[id + 2..id + 34].to_owned()),
                ..Arrived::default()
            }
        };
        lines.iter().map(arrived).collect()
    }

    fn shown(&self, event: &JobEvent) -> String {
        let JobEvent { job, job_name, event, count, .. } = event;
        let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
        let before = format!("{}/{job_name} ({}): {}{times}: ", job.cluster, job.id, event.reason);
        let room = LONGEST - in_line(&before).len();
        let message = in_line(&event.message);
        if message.len() <= room {
            return message;
        }
        // The character that goes over the end is the last one.
        let end = message.char_indices().map(|(at, _)| at).find(|at| *at >= room).unwrap_or(message.len());
        format!("{}…", &message[..end])
    }
}

#[tokio::test]
async fn log_keeps_to_the_contract() {
    let mut lines = Lines::default();
    let _listening = tracing::subscriber::set_default(lines.clone());
    keeps_to_the_contract(&mut lines).await;
}
