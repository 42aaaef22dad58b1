//! The bundled policy as a component: `policy-kit` decides, this crate only translates.

mod answer;
mod reached;
mod seen;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/types/v0.1", "../../wit/host/v0.1", "../../wit/policy/v0.1"],
        world: "tidegate:policy/policy",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::scaling::{Decision, Description, Failure, Guest};
use bindings::tidegate::policy::observation::View;
use reached::Reached;
use seen::Seen;

struct DefaultPolicy;

impl Guest for DefaultPolicy {
    fn describe() -> Description {
        Description {
            name: "default-policy".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "decides as Apache Flink's autoscaler does".to_owned(),
        }
    }

    fn check_options(options: Vec<(String, String)>) -> Vec<String> {
        tidegate_policy_kit::check_options(&options.into_iter().collect())
    }

    fn decide(view: &View) -> Result<Decision, Failure> {
        tidegate_policy_kit::decide(&Seen(view), &Reached).map(answer::decision).map_err(answer::failure)
    }
}

bindings::export!(DefaultPolicy with_types_in bindings);
