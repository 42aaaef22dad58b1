//! An evaluator for tidegate: the rate of a source as it will be, if it goes on like this.

mod trend;

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "evaluator", generate_all });
}

use bindings::exports::tidegate::policy::evaluation::Guest;
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Description, Evaluated, Metric};

/// The metric that says how many records per second a vertex has to process.
const TARGET: &str = "TARGET_DATA_RATE";

/// For how many seconds the trend is continued where the option `horizon` does not say.
const HORIZON: f64 = 300.0;

struct Evaluator;

impl Guest for Evaluator {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "continues the trend of what arrives at sources".to_owned(),
        }
    }

    fn evaluate(view: &View, evaluated: &Evaluated, vertex: u32) -> Result<Vec<Metric>, String> {
        // What vertices behind a source need follows from the source's rate: the policy sees to that.
        if view.edges().iter().any(|edge| edge.to == vertex) {
            return Ok(Vec::new());
        }
        let Some(target) = evaluated.vertex(vertex).into_iter().find(|metric| metric.name == TARGET) else {
            return Ok(Vec::new());
        };
        let growth = trend::growth(&arrived(view, vertex), horizon(view)?);
        // Less to come is no reason to be early.
        if !(growth > 1.0 && target.average.is_finite()) {
            return Ok(Vec::new());
        }
        Ok(vec![Metric { name: TARGET.to_owned(), current: f64::NAN, average: target.average * growth }])
    }
}

/// The seconds of each sample, and how many records have arrived until then: those that were read, and those that wait.
fn arrived(view: &View, vertex: u32) -> Vec<(f64, f64)> {
    let count = view.vertices().len();
    let column = |name| {
        let values = view.metric(name).unwrap_or_default();
        values.into_iter().skip(vertex as usize).step_by(count).collect::<Vec<f64>>()
    };
    let (read, waiting, times) = (column("NUM_RECORDS_IN"), column("LAG"), view.sample_times());
    let waiting = |sample: usize| waiting.get(sample).copied().filter(|lag| lag.is_finite()).unwrap_or(0.0);
    let sample = |(sample, (time, read)): (usize, (&i64, f64))| (*time as f64 / 1000.0, read + waiting(sample));
    times.iter().zip(read).enumerate().map(sample).filter(|(_, arrived)| arrived.is_finite()).collect()
}

fn horizon(view: &View) -> Result<f64, String> {
    let options = view.options(&["horizon".to_owned()]);
    match options.iter().find(|(key, _)| key == "horizon") {
        None => Ok(HORIZON),
        Some((_, text)) => match text.trim().parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
            _ => Err(format!("`horizon` must be a number of seconds above 0, not `{text}`")),
        },
    }
}

bindings::export!(Evaluator with_types_in bindings);
