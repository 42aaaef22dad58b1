//! Builds the guests of the tests, and the example of a state store.

use std::process::ExitCode;

use tidegate_guest_build::{Guests, run};

fn main() -> ExitCode {
    let example = run(Guests {
        manifest: "../examples/state-store/Cargo.toml",
        packages: &[("tidegate-example-state-store", "TIDEGATE_EXAMPLE_STATE_STORE")],
        sources: &[
            "../examples/state-store/Cargo.toml",
            "../examples/state-store/Cargo.lock",
            "../examples/state-store/src",
            "../wit",
        ],
    });
    if example != ExitCode::SUCCESS {
        return example;
    }
    run(Guests {
        manifest: "guests/Cargo.toml",
        packages: &[
            ("tidegate-hostile-handler", "TIDEGATE_HOSTILE_HANDLER"),
            ("tidegate-hostile-policy", "TIDEGATE_HOSTILE_POLICY"),
            ("tidegate-hostile-start", "TIDEGATE_HOSTILE_START"),
            ("tidegate-http-handler", "TIDEGATE_HTTP_HANDLER"),
            ("tidegate-step-policy", "TIDEGATE_STEP_POLICY"),
            ("tidegate-test-aligner", "TIDEGATE_TEST_ALIGNER"),
            ("tidegate-test-evaluator", "TIDEGATE_TEST_EVALUATOR"),
            ("tidegate-test-filter", "TIDEGATE_TEST_FILTER"),
        ],
        sources: &[
            "guests/Cargo.toml",
            "guests/Cargo.lock",
            "guests/aligner",
            "guests/evaluator",
            "guests/filter",
            "guests/hostile-handler",
            "guests/hostile-policy",
            "guests/hostile-start",
            "guests/http-handler",
            "guests/step-policy",
            "../wit",
        ],
    })
}
