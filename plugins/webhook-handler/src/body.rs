//! Events as the receiver wants them.

use serde_json::{Value, json};
use tidegate_common::time::Timestamp;

use crate::bindings::exports::tidegate::event_handler::handler::{Event, Severity};

/// How events are written.
pub(crate) enum Format {
    /// All that is known of each, in one object.
    Json,
    /// One message with a line for each, for an incoming webhook of Slack or Mattermost.
    Slack,
    /// Alerts, for `/api/v2/alerts`.
    Alertmanager,
    /// JSON of the operator's, for each event, with `{{field}}` in its texts.
    Template(Value),
}

impl Format {
    pub(crate) fn template(text: String) -> Result<Self, String> {
        let template = serde_json::from_str(&text).map_err(|error| format!("option `template` is no JSON: {error}"))?;
        Ok(Self::Template(template))
    }
}

/// Bytes of texts that go into one body, unless those of a single event are more: the host takes a body of 1 MiB, and a
/// byte can take six as JSON.
const ROOM: usize = 128 << 10;

/// The bodies to send, in order: one, where it does not become too large.
pub(crate) fn of(format: &Format, events: &[Event]) -> Vec<String> {
    match format {
        Format::Json => each(events, |events| json!({ "events": events.iter().map(plain).collect::<Vec<_>>() })),
        Format::Slack => each(events, |events| {
            let lines: Vec<String> = events.iter().map(line).collect();
            json!({ "text": lines.join("\n") })
        }),
        Format::Alertmanager => each(events, |events| events.iter().map(alert).collect::<Value>()),
        Format::Template(template) => events.iter().map(|event| filled(template, &plain(event)).to_string()).collect(),
    }
}

/// The body of every so many events.
fn each(mut events: &[Event], body: impl Fn(&[Event]) -> Value) -> Vec<String> {
    let mut bodies = Vec::new();
    while !events.is_empty() {
        let mut bytes = 0;
        let fitting = events.iter().take_while(|event| {
            bytes += event.message.len() + event.job_name.len() + event.cluster.len() + event.reason.len();
            bytes <= ROOM
        });
        let (now, later) = events.split_at(fitting.count().max(1));
        bodies.push(body(now).to_string());
        events = later;
    }
    bodies
}

fn plain(event: &Event) -> Value {
    let Event { at, cluster, job, job_name, reason, message, count, .. } = event;
    json!({
        "at": Timestamp::from_millis(*at).to_string(),
        "cluster": cluster,
        "job": job_name,
        "job-id": job,
        "severity": severity(event),
        "reason": reason,
        "message": message,
        "count": count,
    })
}

/// `normal` or `warning`.
fn severity(event: &Event) -> &'static str {
    match event.severity {
        Severity::Normal => "normal",
        Severity::Warning => "warning",
    }
}

fn line(event: &Event) -> String {
    let Event { cluster, job_name, reason, message, count, .. } = event;
    let sign = match event.severity {
        Severity::Normal => "",
        Severity::Warning => ":warning: ",
    };
    let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
    let text = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("{sign}*{}/{}* {}: {}{times}", text(cluster), text(job_name), text(reason), text(message))
}

/// It ends by itself, after the receiver's `resolve_timeout`: an event has no end.
fn alert(event: &Event) -> Value {
    let Event { at, cluster, job, job_name, reason, message, count, .. } = event;
    let severity = match event.severity {
        Severity::Normal => "info",
        Severity::Warning => "warning",
    };
    json!({
        "labels": { "alertname": reason, "severity": severity, "cluster": cluster, "job": job_name, "job_id": job },
        "annotations": { "summary": message, "count": count.to_string() },
        "startsAt": Timestamp::from_millis(*at).to_string(),
    })
}

/// `template` with what an event says in the place of `{{field}}`. Nothing in a text of an event is taken for more.
fn filled(template: &Value, fields: &Value) -> Value {
    match template {
        Value::String(text) => Value::String(replaced(text, fields)),
        Value::Array(items) => items.iter().map(|item| filled(item, fields)).collect(),
        Value::Object(entries) => {
            let filled = entries.iter().map(|(name, value)| (name.clone(), filled(value, fields)));
            Value::Object(filled.collect())
        }
        other => other.clone(),
    }
}

fn replaced(text: &str, fields: &Value) -> String {
    let mut parts = text.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part.split_once("}}").and_then(|(name, rest)| Some((fields.get(name.trim())?, rest)));
        match known {
            Some((Value::String(value), rest)) => filled.extend([value.as_str(), rest]),
            Some((value, rest)) => filled.extend([value.to_string().as_str(), rest]),
            None => filled.extend(["{{", part]),
        }
    }
    filled
}
