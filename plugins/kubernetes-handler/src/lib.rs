//! The bundled event handler `kubernetes`: events of Kubernetes, counted as the Java autoscaler counts them.

mod recorder;
mod settings;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types/v0.1", "../../wit/host/v0.1", "../../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        generate_all,
    });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest};
use recorder::Recorder;
use settings::Settings;

struct KubernetesHandler;

impl Guest for KubernetesHandler {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        let mut recorder = Recorder::new(Settings::read()?);
        events.iter().try_for_each(|event| recorder.record(event))
    }
}

bindings::export!(KubernetesHandler with_types_in bindings);
