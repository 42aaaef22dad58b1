//! A policy that misbehaves as the option `hostile.act` says, until the time that `hostile.until` says (milliseconds
//! since 1970), and afterwards scales every vertex to 2 subtasks.

mod act;
mod memory;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/policy",
        generate_all,
    });
}

use std::collections::BTreeMap;

use bindings::exports::tidegate::policy::scaling::{Decision, Description, Failure, Guest, Target, Verdict};
use bindings::tidegate::policy::observation::View;

struct Hostile;

impl Guest for Hostile {
    fn describe() -> Description {
        Description {
            name: "hostile".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "misbehaves as it is told".to_owned(),
        }
    }

    fn check_options(options: Vec<(String, String)>) -> Vec<String> {
        let options: BTreeMap<String, String> = options.into_iter().collect();
        act::on_options(options.get("hostile.act").map_or("", String::as_str))
    }

    fn decide(view: &View) -> Result<Decision, Failure> {
        let options: BTreeMap<String, String> = view.options(&["hostile.".to_owned()]).into_iter().collect();
        let until = options.get("hostile.until").and_then(|text| text.parse().ok()).unwrap_or(i64::MAX);
        let act = options.get("hostile.act").map_or("", String::as_str);
        if view.now() < until { act::on_view(act, view) } else { Ok(well(view)) }
    }
}

/// What a policy that is well answers.
fn well(view: &View) -> Decision {
    let is_full = view.window_full_at() <= view.now() && view.sample_times().len() > 1;
    if is_full { decision(scale(view.vertices(), 2)) } else { decision(Verdict::Hold("too early".to_owned())) }
}

fn scale(vertices: Vec<String>, parallelism: u32) -> Verdict {
    Verdict::Scale(vertices.into_iter().map(|vertex| Target { vertex, parallelism }).collect())
}

fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        recommended: Vec::new(),
        evaluated: Vec::new(),
        evaluated_global: Vec::new(),
        events: Vec::new(),
        state: Vec::new(),
    }
}

bindings::export!(Hostile with_types_in bindings);
