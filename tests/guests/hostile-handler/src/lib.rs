//! An event handler that misbehaves: each event's reason says what to do, and its message with what.

mod act;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        generate_all,
    });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest};

struct Hostile;

impl Guest for Hostile {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        events.iter().try_for_each(|event| act::on(&event.reason, &event.message))
    }
}

bindings::export!(Hostile with_types_in bindings);
