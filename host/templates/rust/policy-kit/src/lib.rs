//! A policy for tidegate that decides as the bundled one does, but for what `night` says.

mod answer;
mod night;
mod reached;
mod seen;

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "policy", generate_all });
}

use bindings::exports::tidegate::policy::scaling::{Decision, Description, Failure, Guest};
use bindings::tidegate::policy::observation::View;
use reached::Reached;
use seen::Seen;

struct Policy;

impl Guest for Policy {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "decides as Apache Flink's autoscaler does, and lets vertices be busier at night".to_owned(),
        }
    }

    fn check_options(options: Vec<(String, String)>) -> Vec<String> {
        let options = options.into_iter().collect();
        let mut wrong = tidegate_policy_kit::check_options(&options);
        wrong.extend(night::Night::read(&options).1);
        wrong
    }

    fn decide(view: &View) -> Result<Decision, Failure> {
        tidegate_policy_kit::decide(&Seen(view), &Reached).map(answer::decision).map_err(answer::failure)
    }
}

bindings::export!(Policy with_types_in bindings);
