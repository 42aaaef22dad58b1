//! A filter that keeps vertices within bounds by their names.
//!
//! ```text
//! job.autoscaler.scaling.custom-executors: bounds
//! job.autoscaler.scaling.custom-executor.bounds.class: bounds-by-name
//! job.autoscaler.scaling.custom-executor.bounds.bounds: Source: *=2..8; *sink*=..4; *=1..100
//! ```

mod bounds;

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
use bounds::Bounds;

struct BoundsByName;

impl Guest for BoundsByName {
    fn describe() -> Description {
        Description {
            name: "bounds-by-name".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "keeps vertices within bounds by their names".to_owned(),
        }
    }

    fn priority() -> i32 {
        100
    }

    fn filter(view: &View, _evaluated: &Evaluated, changes: Vec<Proposal>) -> Result<Outcome, String> {
        let options = view.options(&["bounds".to_owned()]);
        let text = options.iter().find(|(key, _)| key == "bounds").map(|(_, text)| text.as_str());
        let bounds = Bounds::parse(text.ok_or("`bounds` is missing: say which, such as `Source: *=2..8; *=1..100`")?)?;
        let (names, now) = (view.names(), view.parallelism());
        let bounded = changes.iter().filter_map(|change| {
            let vertex = change.vertex as usize;
            let parallelism = bounds.clamp(names.get(vertex)?, change.parallelism);
            // What is at its bound already is no change.
            (now.get(vertex) != Some(&parallelism)).then_some(Proposal { vertex: change.vertex, parallelism })
        });
        let bounded: Vec<Proposal> = bounded.collect();
        if bounded.is_empty() {
            return Ok(Outcome::Veto("every vertex that would change is at its bound".to_owned()));
        }
        Ok(Outcome::Modify(bounded))
    }
}

bindings::export!(BoundsByName with_types_in bindings);
