//! The bundled event handler `sql`: the table of the Java autoscaler, in the database that is granted as `main`.

mod event_key;
mod row;
mod settings;
mod statements;
mod table;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types/v0.1", "../../wit/host/v0.1", "../../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        generate_all,
    });
}

use bindings::exports::tidegate::event_handler::handler::{Event, Guest};
use row::Row;
use settings::Settings;
use table::Table;

struct SqlHandler;

impl Guest for SqlHandler {
    fn handle(events: Vec<Event>) -> Result<(), String> {
        let Settings { ttl } = Settings::read()?;
        let Some(latest) = events.iter().map(|event| event.at).max() else { return Ok(()) };
        let table = Table::open()?;
        let rows: Vec<Row> = events.into_iter().map(Row::of).collect();
        table.add(&rows)?;
        match ttl {
            Some(ttl) => table.forget_before(latest.saturating_sub(ttl)),
            None => Ok(()),
        }
    }
}

bindings::export!(SqlHandler with_types_in bindings);
