//! An event handler for tidegate: each event becomes a line of JSON in the log, and is posted to the option `url`.

mod post;

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "event-handler", generate_all });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest, Severity};
use bindings::tidegate::host::log::{Level, write};
use bindings::tidegate::host::options;
use serde_json::json;

/// The options that it knows.
const KNOWN: [&str; 1] = ["url"];

struct Handler;

impl Guest for Handler {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        // Before it is put in service, it is handed no events: wrong options keep it out.
        if let Some(unknown) = options::names().iter().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(format!("there is no option `{unknown}`; there is: {}", KNOWN.join(", ")));
        }
        let url = options::get("url").map(|url| post::Url::parse(&url)).transpose()?;
        for event in events {
            let level = match event.severity {
                Severity::Normal => Level::Info,
                Severity::Warning => Level::Warn,
            };
            let line = line(&event);
            write(level, &line);
            if let Some(url) = &url {
                url.post(&line)?;
            }
        }
        Ok(())
    }
}

/// One event as JSON, in one line.
fn line(event: &Event) -> String {
    let severity = match event.severity {
        Severity::Normal => "normal",
        Severity::Warning => "warning",
    };
    json!({
        "at": event.at,
        "cluster": event.cluster,
        "job": event.job_name,
        "severity": severity,
        "reason": event.reason,
        "message": event.message,
        "count": event.count,
    })
    .to_string()
}

bindings::export!(Handler with_types_in bindings);
