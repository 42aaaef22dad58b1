//! A filter that lets no vertex have more subtasks than the parameter `cap`, vetoes everything for the reason in the
//! parameter `veto`, or misbehaves as the parameter `act` says.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/filter",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::filtering::{Guest, Outcome};
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Description, Evaluated, Proposal};

struct Cap;

impl Guest for Cap {
    fn describe() -> Description {
        Description {
            name: "cap".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "caps or vetoes".to_owned(),
        }
    }

    fn priority() -> i32 {
        5
    }

    fn filter(view: &View, evaluated: &Evaluated, changes: Vec<Proposal>) -> Result<Outcome, String> {
        let change = |vertex, parallelism| Proposal { vertex, parallelism };
        if let Some(reason) = parameter(view, "veto") {
            return Ok(Outcome::Veto(reason));
        }
        if let Some(factor) = parameter(view, "times").and_then(|text| text.parse::<u32>().ok()) {
            return Ok(Outcome::Modify(changes.iter().map(|it| change(it.vertex, it.parallelism * factor)).collect()));
        }
        if let Some(cap) = parameter(view, "cap").and_then(|text| text.parse::<u32>().ok()) {
            return Ok(Outcome::Modify(changes.iter().map(|it| change(it.vertex, it.parallelism.min(cap))).collect()));
        }
        match parameter(view, "act").as_deref() {
            Some("trap") => panic!("on purpose"),
            Some("spin") => loop {
                std::hint::spin_loop();
            },
            Some("decline") => Err("not at home".to_owned()),
            Some("stranger") => Ok(Outcome::Modify(vec![change(99, 2)])),
            Some("zero") => Ok(Outcome::Modify(vec![change(changes[0].vertex, 0)])),
            Some("huge") => Ok(Outcome::Modify(vec![change(changes[0].vertex, 4_000_000_000)])),
            Some("million") => Ok(Outcome::Modify(vec![change(changes[0].vertex, 1_000_000)])),
            Some("twice") => Ok(Outcome::Modify(vec![change(changes[0].vertex, 2), change(changes[0].vertex, 3)])),
            Some("nothing") => Ok(Outcome::Modify(Vec::new())),
            Some("as-it-is") => {
                let now = view.parallelism();
                Ok(Outcome::Modify(changes.iter().map(|it| change(it.vertex, now[it.vertex as usize])).collect()))
            }
            Some("tell-own") => {
                let column = evaluated.metric("MY_METRIC").ok_or("there is none")?;
                Ok(Outcome::Veto(format!("{:?} {:?}", column.current, column.average)))
            }
            // Tells what it sees.
            Some("tell") => {
                let target = evaluated.metric("TARGET_DATA_RATE").map_or(f64::NAN, |column| column.average[0]);
                let changes: Vec<(u32, u32)> = changes.iter().map(|it| (it.vertex, it.parallelism)).collect();
                Ok(Outcome::Veto(format!("{changes:?} for {target:.0}")))
            }
            _ => Ok(Outcome::Accept),
        }
    }
}

fn parameter(view: &View, key: &str) -> Option<String> {
    let options = view.options(&[key.to_owned()]);
    options.into_iter().find(|(found, _)| found == key).map(|(_, value)| value)
}

bindings::export!(Cap with_types_in bindings);
