//! The bundled event handler: every event becomes a line of the host's log.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types/v0.1", "../../wit/host/v0.1", "../../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        generate_all,
    });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest, Severity};
use bindings::tidegate::host::log::{Level, write};

struct LogHandler;

impl Guest for LogHandler {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        for event in &events {
            let level = match event.severity {
                Severity::Normal => Level::Info,
                Severity::Warning => Level::Warn,
            };
            write(level, &line(event));
        }
        Ok(())
    }
}

/// One line: which job, what happened, how often. The message is last: the host cuts lines that are long.
fn line(event: &Event) -> String {
    let Event { cluster, job, job_name, reason, message, count, .. } = event;
    let times = if *count > 1 { format!(" ({count} times)") } else { String::new() };
    format!("{cluster}/{job_name} ({job}): {reason}{times}: {message}")
}

bindings::export!(LogHandler with_types_in bindings);
