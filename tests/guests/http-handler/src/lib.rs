//! An event handler that sends requests: each event's reason says which, and its message where. What comes of it is the
//! error that it ends with.

mod request;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        generate_all,
    });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest};
use request::{Method, flood, send};

struct Sender;

impl Guest for Sender {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        events.iter().try_for_each(|event| Err(act(&event.reason, &event.message)))
    }
}

/// `with` is a URL, and perhaps the value of a header behind a space.
fn act(act: &str, with: &str) -> String {
    let (url, header) = with.split_once(' ').unwrap_or((with, ""));
    let answer = match act {
        "get" => send(&Method::Get, url, header, 0),
        "connect" => send(&Method::Connect, url, header, 0),
        "upload" => send(&Method::Post, url, header, 16 << 20),
        "flood" => flood(url, 100),
        _ => Err(format!("nothing is known of `{act}`")),
    };
    match answer {
        Ok(answer) => format!("ok: {answer}"),
        Err(error) => format!("failed: {error}"),
    }
}

bindings::export!(Sender with_types_in bindings);
