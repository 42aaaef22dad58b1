//! Builds the guests of the tests, and the examples.

use std::process::ExitCode;

use tidegate_guest_build::{Guests, run_all};

fn main() -> ExitCode {
    run_all(&[GUESTS, EXAMPLES, STATE_STORE])
}

const GUESTS: Guests<'_> = Guests {
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
};

const EXAMPLES: Guests<'_> = Guests {
    manifest: "../examples/rust/Cargo.toml",
    packages: &[
        ("tidegate-example-bounds-by-name", "TIDEGATE_BOUNDS_BY_NAME"),
        ("tidegate-example-cost-cap", "TIDEGATE_COST_CAP"),
        ("tidegate-example-daily-forecast", "TIDEGATE_DAILY_FORECAST"),
        ("tidegate-example-floors-by-time", "TIDEGATE_FLOORS_BY_TIME"),
        ("tidegate-example-restart-budget", "TIDEGATE_RESTART_BUDGET"),
        ("tidegate-example-split-limit", "TIDEGATE_SPLIT_LIMIT"),
    ],
    sources: &[
        "../examples/rust/Cargo.toml",
        "../examples/rust/Cargo.lock",
        "../examples/rust/bounds-by-name",
        "../examples/rust/cost-cap",
        "../examples/rust/daily-forecast",
        "../examples/rust/floors-by-time",
        "../examples/rust/restart-budget",
        "../examples/rust/split-limit",
    ],
};

const STATE_STORE: Guests<'_> = Guests {
    manifest: "../examples/state-store/Cargo.toml",
    packages: &[("tidegate-example-state-store", "TIDEGATE_EXAMPLE_STATE_STORE")],
    sources: &[
        "../examples/state-store/Cargo.toml",
        "../examples/state-store/Cargo.lock",
        "../examples/state-store/src",
        "../wit",
    ],
};
