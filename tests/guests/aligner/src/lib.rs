//! An aligner that rounds up to a multiple of the parameter `multiple`, takes the metric that the parameter `by` names
//! for the parallelism where a vertex has it, or misbehaves as the parameter `act` says.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/aligner",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::alignment::Guest;
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Applicant, Description, Metric};

struct Multiples;

impl Guest for Multiples {
    fn describe() -> Description {
        Description {
            name: "multiples".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "rounds up to a multiple".to_owned(),
        }
    }

    fn align(view: &View, applicant: Applicant, evaluated: Vec<Metric>) -> Result<Option<u32>, String> {
        assert!(evaluated.iter().any(|metric| metric.name == "TRUE_PROCESSING_RATE"));
        match parameter(view, "act").as_str() {
            "trap" => panic!("on purpose"),
            "spin" => loop {
                std::hint::spin_loop();
            },
            "decline" => Err("it does not go".to_owned()),
            "zero" => Ok(Some(0)),
            "huge" => Ok(Some(4_000_000_000)),
            "not-mine" => Ok(None),
            "by" => {
                let by = parameter(view, "by");
                let metric = evaluated.iter().find(|metric| metric.name == by);
                Ok(metric.map(|metric| metric.current as u32))
            }
            _ => {
                let multiple: u32 =
                    parameter(view, "multiple").parse().map_err(|error| format!("multiple: {error}"))?;
                Ok(Some(applicant.target.next_multiple_of(multiple)))
            }
        }
    }
}

fn parameter(view: &View, key: &str) -> String {
    let options = view.options(&[key.to_owned()]);
    options.into_iter().find(|(found, _)| found == key).map(|(_, value)| value).unwrap_or_default()
}

bindings::export!(Multiples with_types_in bindings);
