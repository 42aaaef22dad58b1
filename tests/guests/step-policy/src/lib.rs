//! A policy that gives a job's last vertex one subtask more whenever the window is full: its step `n` wants `n + 1`. It
//! keeps `n` under `steps`, and once more, many times, under `ballast`: state that is put together of two passes shows.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/policy",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::scaling::{Decision, Description, Failure, Guest, Target, Verdict};
use bindings::tidegate::policy::observation::View;

/// How often the ballast has the number, in six bytes each time.
const BALLAST: usize = 4000;

struct Step;

impl Guest for Step {
    fn describe() -> Description {
        Description {
            name: "step".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "one subtask more, again and again".to_owned(),
        }
    }

    fn check_options(_: Vec<(String, String)>) -> Vec<String> {
        Vec::new()
    }

    fn decide(view: &View) -> Result<Decision, Failure> {
        if view.now() < view.window_full_at() || view.sample_times().len() < 2 {
            return Ok(decision(Verdict::Hold("the window is not full".to_owned()), Vec::new()));
        }
        let before: u32 = view.state("steps").and_then(|text| text.parse().ok()).unwrap_or_default();
        let steps = before + 1;
        let last = view.vertices().pop();
        let targets = last.into_iter().map(|vertex| Target { vertex, parallelism: steps + 1 });
        let state = vec![
            ("steps".to_owned(), Some(steps.to_string())),
            ("ballast".to_owned(), Some(format!("{steps:5} ").repeat(BALLAST))),
        ];
        Ok(decision(Verdict::Scale(targets.collect()), state))
    }
}

fn decision(verdict: Verdict, state: Vec<(String, Option<String>)>) -> Decision {
    Decision {
        verdict,
        recommended: Vec::new(),
        evaluated: Vec::new(),
        evaluated_global: Vec::new(),
        events: Vec::new(),
        state,
    }
}

bindings::export!(Step with_types_in bindings);
