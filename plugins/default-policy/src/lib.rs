//! The bundled policy: Apache's autoscaler, as a component.

mod bindings {
    #![expect(missing_docs, clippy::allow_attributes, reason = "generated")]
    wit_bindgen::generate!({
        path: ["../../wit/types/v0.1", "../../wit/host/v0.1", "../../wit/policy/v0.1"],
        world: "tidegate:policy/policy",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::scaling::{Decision, Description, Failure, Guest, Verdict};
use bindings::tidegate::policy::observation::View;

struct DefaultPolicy;

impl Guest for DefaultPolicy {
    fn describe() -> Description {
        Description {
            name: "default-policy".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Apache Flink's autoscaler: true processing rates over a window".to_owned(),
        }
    }

    fn check_options(_options: Vec<(String, String)>) -> Vec<String> {
        Vec::new()
    }

    fn decide(_view: &View) -> Result<Decision, Failure> {
        Ok(Decision {
            verdict: Verdict::Hold("nothing".to_owned()),
            recommended: Vec::new(),
            evaluated: Vec::new(),
            evaluated_global: Vec::new(),
            events: Vec::new(),
            state: Vec::new(),
        })
    }
}

bindings::export!(DefaultPolicy with_types_in bindings);
