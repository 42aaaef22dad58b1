//! An evaluator that sets floors under the load, by weekday and time: capacity is there before the load is.
//!
//! ```text
//! job.autoscaler.metrics.custom-evaluators: hours
//! job.autoscaler.metrics.custom-evaluator.hours.class: floors-by-time
//! job.autoscaler.metrics.custom-evaluator.hours.floors: Mon-Fri 07:45-20:00 2000; Sat 10:00-14:00 800
//! ```
//!
//! Rates are records per second of each source, times those of the zone that the host runs in. The policy takes the larger
//! of the floor and what it measures, and scales all vertices after the sources for it too. A filter could not do this: it
//! is asked only when the policy wants to change something.

mod floors;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/evaluator",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::evaluation::Guest;
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Description, Evaluated, Metric};
use floors::Floors;

/// What a vertex has to be able to process, records per second.
const TARGET: &str = "TARGET_DATA_RATE";

struct FloorsByTime;

impl Guest for FloorsByTime {
    fn describe() -> Description {
        Description {
            name: "floors-by-time".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "sets floors under the load, by weekday and time".to_owned(),
        }
    }

    fn evaluate(view: &View, evaluated: &Evaluated, vertex: u32) -> Result<Vec<Metric>, String> {
        if view.edges().iter().any(|edge| edge.to == vertex) {
            return Ok(Vec::new());
        }
        let options = view.options(&["floors".to_owned()]);
        let text = options.iter().find(|(key, _)| key == "floors").map_or("", |(_, text)| text.as_str());
        let now = view.now();
        let Some(floor) = Floors::parse(text)?.at(now, view.utc_offset(now))? else { return Ok(Vec::new()) };
        let measured = evaluated.vertex(vertex).into_iter().find(|metric| metric.name == TARGET);
        if measured.is_some_and(|metric| metric.average >= floor) {
            return Ok(Vec::new());
        }
        Ok(vec![Metric { name: TARGET.to_owned(), current: f64::NAN, average: floor }])
    }
}

bindings::export!(FloorsByTime with_types_in bindings);
