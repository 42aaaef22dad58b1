//! A filter that caps what a whole job may cost: its slots times the price of one.
//!
//! ```text
//! job.autoscaler.scaling.custom-executors: budget
//! job.autoscaler.scaling.custom-executor.budget.class: cost-cap
//! job.autoscaler.scaling.custom-executor.budget.slot-price: 0.08    # for an hour
//! job.autoscaler.scaling.custom-executor.budget.most: 2.5           # for an hour of the whole job
//! ```
//!
//! A scale-down is never held up. Where all that is wanted costs too much, every vertex that would grow grows by the same
//! share of what it wants, as large a share as can be paid.

mod cost;

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
use cost::{Job, affordable};

struct CostCap;

impl Guest for CostCap {
    fn describe() -> Description {
        Description {
            name: "cost-cap".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "caps what a whole job may cost".to_owned(),
        }
    }

    /// After filters that want something else, since nothing may cost more than this leaves.
    fn priority() -> i32 {
        1000
    }

    fn filter(view: &View, _evaluated: &Evaluated, changes: Vec<Proposal>) -> Result<Outcome, String> {
        let (price, most) = (number(view, "slot-price")?, number(view, "most")?);
        let job = Job { now: view.parallelism(), groups: view.slot_sharing_groups() };
        let wanted: Vec<(usize, u32)> = changes.iter().map(|it| (it.vertex as usize, it.parallelism)).collect();
        let slots = (most / price).floor();
        let left = affordable(&job, &wanted, slots);
        if left == wanted {
            return Ok(Outcome::Accept);
        }
        if left.is_empty() {
            return Ok(Outcome::Veto(format!("an hour of it may cost {most}, which {slots} slots do")));
        }
        let proposal = |(vertex, parallelism)| Proposal { vertex: vertex as u32, parallelism };
        Ok(Outcome::Modify(left.into_iter().map(proposal).collect()))
    }
}

/// A number above 0.
fn number(view: &View, key: &str) -> Result<f64, String> {
    let options = view.options(&[key.to_owned()]);
    let text = options.iter().find(|(found, _)| found == key).map_or("", |(_, text)| text.as_str());
    let number: Option<f64> = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("`{key}` must be a number above 0, not `{text}`"))
}

bindings::export!(CostCap with_types_in bindings);
