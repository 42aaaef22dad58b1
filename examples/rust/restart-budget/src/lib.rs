//! A filter that allows so many restarts a day.
//!
//! ```text
//! job.autoscaler.scaling.custom-executors: budget
//! job.autoscaler.scaling.custom-executor.budget.class: restart-budget
//! job.autoscaler.scaling.custom-executor.budget.per-day: 10
//! job.autoscaler.scaling.custom-executor.budget.for-growth: 3    # of them only for changes by which something grows
//! job.autoscaler.history.max.count: 10                           # at least as many
//! ```
//!
//! A filter remembers nothing. What it counts is the bundled policy's own memory of what it has decided, `scalingTracking`,
//! which every filter is shown; it is kept for `job.autoscaler.history.max.age`, a day unless that says otherwise.

mod budget;

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
use budget::{Budget, Tracking};

/// How many decisions the bundled policy remembers where the job says nothing.
const REMEMBERED: &str = "3";

struct RestartBudget;

impl Guest for RestartBudget {
    fn describe() -> Description {
        Description {
            name: "restart-budget".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "allows so many restarts a day".to_owned(),
        }
    }

    fn priority() -> i32 {
        0
    }

    fn filter(view: &View, _evaluated: &Evaluated, changes: Vec<Proposal>) -> Result<Outcome, String> {
        let budget = Budget { per_day: number(view, "per-day", "10")?, for_growth: number(view, "for-growth", "0")? };
        budget.check(number(view, "job.autoscaler.history.max.count", REMEMBERED)?)?;
        let tracking =
            view.state("scalingTracking").map_or_else(|| Ok(Tracking::default()), |text| Tracking::read(&text));
        let now = view.parallelism();
        let grows = changes.iter().any(|it| now.get(it.vertex as usize).is_some_and(|now| it.parallelism > *now));
        Ok(match budget.refusal(tracking?.within_a_day(view.now())?, grows) {
            Some(reason) => Outcome::Veto(reason),
            None => Outcome::Accept,
        })
    }
}

fn number(view: &View, key: &str, default: &str) -> Result<usize, String> {
    let options = view.options(&[key.to_owned()]);
    let text = options.iter().find(|(found, _)| found == key).map_or(default, |(_, text)| text.as_str());
    text.trim().parse().map_err(|_| format!("`{key}` must be a whole number, not `{text}`"))
}

bindings::export!(RestartBudget with_types_in bindings);
