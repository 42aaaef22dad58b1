//! What a plugin logs, taken from the log of the host.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Heard;
use crate::plugin::GUEST_LOG;

/// Hears every line of a plugin's own.
#[derive(Clone, Debug, Default)]
pub struct GuestLines {
    heard: Heard,
}

impl GuestLines {
    /// Lines go to `heard`.
    pub fn to(heard: Heard) -> Self {
        Self { heard }
    }
}

impl<S: Subscriber> Layer<S> for GuestLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != GUEST_LOG {
            return;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let level = event.metadata().level().as_str().to_lowercase();
        self.heard.say(format!("log {level}: {}", message.0));
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
