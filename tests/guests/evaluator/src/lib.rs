//! An evaluator that says of every source that the parameter `rate` comes in (records per second), or misbehaves as the
//! parameter `act` says.

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

struct Forecast;

impl Guest for Forecast {
    fn describe() -> Description {
        Description {
            name: "forecast".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "knows what comes in at sources".to_owned(),
        }
    }

    fn evaluate(view: &View, evaluated: &Evaluated, vertex: u32) -> Result<Vec<Metric>, String> {
        let is_source = !view.edges().iter().any(|edge| edge.to == vertex);
        let target = |average| metric("TARGET_DATA_RATE", f64::NAN, average);
        Ok(match parameter(view, "act").as_str() {
            "trap" => panic!("on purpose"),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "decline" => return Err("the oracle is silent".to_owned()),
            "nan" => vec![metric("TARGET_DATA_RATE", f64::NAN, f64::NAN), metric("LOAD", f64::NAN, f64::NAN)],
            "unknown" => vec![metric("WIND", 7.0, 7.0)],
            // A metric of its own of all vertices but sources, with what it said of the vertex before.
            "own" if is_source => vec![metric("MY_METRIC", 3.0, f64::NAN)],
            "own" => {
                let before = evaluated.metric("MY_METRIC").map_or(f64::NAN, |column| column.current[0]);
                vec![metric("MY_METRIC", before + 8.0, f64::NAN), metric("MY_METRIC", f64::NAN, 0.12345)]
            }
            "nameless" => vec![metric("", 7.0, 7.0)],
            "too-many" => (0..101).map(|number| metric(&format!("M{number}"), 1.0, 1.0)).collect(),
            "infinite" if is_source => vec![target(f64::INFINITY)],
            "infinite" => Vec::new(),
            // Tells what it sees of the source, and of the job, under names that nothing of an operator is decided by.
            "echo" if !is_source => {
                let seen = evaluated.metric("TARGET_DATA_RATE").map_or(f64::NAN, |column| column.average[0]);
                let own = evaluated.vertex(vertex).len() + evaluated.vertex(vertex + 1).len();
                vec![
                    metric("LAG", seen, evaluated.restart_time() as f64),
                    metric("MAX_PARALLELISM", f64::NAN, own as f64),
                ]
            }
            _ => match parameter(view, "rate").parse() {
                Ok(rate) if is_source => vec![target(rate)],
                _ => Vec::new(),
            },
        })
    }
}

fn parameter(view: &View, key: &str) -> String {
    let options = view.options(&[key.to_owned()]);
    options.into_iter().find(|(found, _)| found == key).map(|(_, value)| value).unwrap_or_default()
}

fn metric(name: &str, current: f64, average: f64) -> Metric {
    Metric { name: name.to_owned(), current, average }
}

bindings::export!(Forecast with_types_in bindings);
