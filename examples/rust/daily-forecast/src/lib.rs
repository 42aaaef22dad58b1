//! An evaluator that knows a daily wave: vertices are scaled for what will come in, before it does.
//!
//! ```text
//! job.autoscaler.metrics.custom-evaluators: tomorrow
//! job.autoscaler.metrics.custom-evaluator.tomorrow.class: daily-forecast
//! job.autoscaler.metrics.custom-evaluator.tomorrow.peak-at: 14:30    # local time
//! job.autoscaler.metrics.custom-evaluator.tomorrow.trough: 0.25      # its lowest rate, as a share of the highest
//! job.autoscaler.metrics.custom-evaluator.tomorrow.lead: 20          # minutes that are looked ahead
//! ```
//!
//! Only the shape of the day is given: how high it is today, the measured rate says. While the load falls, the measured rate
//! counts, so that nothing is taken away too early.

mod wave;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/evaluator",
        generate_all,
    });
}

use std::str::FromStr;

use bindings::exports::tidegate::policy::evaluation::Guest;
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Description, Evaluated, Metric};
use wave::Wave;

/// What a vertex has to be able to process, records per second.
const TARGET: &str = "TARGET_DATA_RATE";

struct DailyForecast;

impl Guest for DailyForecast {
    fn describe() -> Description {
        Description {
            name: "daily-forecast".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "knows a daily wave, and scales before it rises".to_owned(),
        }
    }

    fn evaluate(view: &View, evaluated: &Evaluated, vertex: u32) -> Result<Vec<Metric>, String> {
        if view.edges().iter().any(|edge| edge.to == vertex) {
            return Ok(Vec::new());
        }
        let peak_at: String = option(view, "peak-at")?;
        let wave = Wave::new(&peak_at, option(view, "trough")?)?;
        let measured = evaluated.vertex(vertex).into_iter().find(|metric| metric.name == TARGET);
        let measured = measured.map_or(f64::NAN, |metric| metric.average);
        let now = view.now();
        let local = now + i64::from(view.utc_offset(now)) * 1000;
        let forecast = measured * wave.growth(local, option(view, "lead")?);
        if forecast > measured {
            return Ok(vec![Metric { name: TARGET.to_owned(), current: f64::NAN, average: forecast }]);
        }
        Ok(Vec::new())
    }
}

fn option<T: FromStr>(view: &View, key: &str) -> Result<T, String> {
    let options = view.options(&[key.to_owned()]);
    let text = options.iter().find(|(found, _)| found == key).map(|(_, text)| text.as_str());
    let text = text.ok_or_else(|| format!("`{key}` is missing"))?;
    text.parse().map_err(|_| format!("`{key}` cannot be `{text}`"))
}

bindings::export!(DailyForecast with_types_in bindings);
