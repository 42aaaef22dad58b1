//! Builds the hostile guests.

use std::process::ExitCode;

use tidegate_guest_build::{Guests, run};

fn main() -> ExitCode {
    run(Guests {
        manifest: "guests/Cargo.toml",
        packages: &[("tidegate-hostile-policy", "TIDEGATE_HOSTILE_POLICY")],
        sources: &["guests/Cargo.toml", "guests/Cargo.lock", "guests/src", "../wit"],
    })
}
