//! The bundled event handler `webhook`: events as JSON to a URL, tried again where that may help.

mod attempts;
mod body;
mod request;
mod retry_after;
mod settings;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types/v0.1", "../../wit/host/v0.1", "../../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        generate_all,
    });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest};
use settings::Settings;

struct Webhook;

impl Guest for Webhook {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        let settings = Settings::read()?;
        if events.is_empty() {
            return Ok(());
        }
        let mut attempts = settings.attempts();
        for body in body::of(&settings.format, &events) {
            attempts.send(&settings.target, &body)?;
        }
        Ok(())
    }
}

bindings::export!(Webhook with_types_in bindings);
