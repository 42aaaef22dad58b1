//! A policy that traps while it is started: before any function of it is called.

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/policy",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::scaling::{Decision, Description, Failure, Guest};
use bindings::tidegate::policy::observation::View;

/// What the linker lets run before everything else.
#[used]
#[unsafe(link_section = ".init_array")]
static FIRST: extern "C" fn() = trap;

extern "C" fn trap() {
    std::process::abort();
}

struct Hostile;

impl Guest for Hostile {
    fn describe() -> Description {
        Description { name: "never".to_owned(), version: String::new(), summary: String::new() }
    }

    fn check_options(_: Vec<(String, String)>) -> Vec<String> {
        Vec::new()
    }

    fn decide(_: &View) -> Result<Decision, Failure> {
        Err(Failure::Executing("it never came so far".to_owned()))
    }
}

bindings::export!(Hostile with_types_in bindings);
