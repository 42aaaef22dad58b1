//! Builds the guests of the tests.

use std::process::ExitCode;

use tidegate_guest_build::{Guests, run};

fn main() -> ExitCode {
    run(Guests {
        manifest: "guests/Cargo.toml",
        packages: &[
            ("tidegate-hostile-handler", "TIDEGATE_HOSTILE_HANDLER"),
            ("tidegate-hostile-policy", "TIDEGATE_HOSTILE_POLICY"),
            ("tidegate-hostile-start", "TIDEGATE_HOSTILE_START"),
            ("tidegate-http-handler", "TIDEGATE_HTTP_HANDLER"),
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
            "../wit",
        ],
    })
}
