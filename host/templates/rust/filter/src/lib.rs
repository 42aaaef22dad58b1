//! A filter for tidegate: at most so many vertices change at once.

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "filter", generate_all });
}

use bindings::exports::tidegate::policy::filtering::{Guest, Outcome};
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Description, Evaluated, Proposal};

/// How many vertices change at once where the option `most` does not say.
const MOST: usize = 2;

struct Filter;

impl Guest for Filter {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "lets a few vertices change at once".to_owned(),
        }
    }

    fn priority() -> i32 {
        0
    }

    fn filter(view: &View, _: &Evaluated, mut changes: Vec<Proposal>) -> Result<Outcome, String> {
        let most = most(view)?;
        if changes.len() <= most {
            return Ok(Outcome::Accept);
        }
        let now = view.parallelism();
        // Those that change most first; where two change as much, the one that stands before the other in the graph.
        changes.sort_by_key(|change| {
            let now = now[change.vertex as usize];
            (std::cmp::Reverse(now.abs_diff(change.parallelism)), change.vertex)
        });
        changes.truncate(most);
        Ok(Outcome::Modify(changes))
    }
}

/// The option `most`. An error fails the pass, and nothing changes.
fn most(view: &View) -> Result<usize, String> {
    let options = view.options(&["most".to_owned()]);
    match options.iter().find(|(key, _)| key == "most") {
        None => Ok(MOST),
        Some((_, text)) => match text.trim().parse() {
            Ok(most) if most > 0 => Ok(most),
            _ => Err(format!("`most` must be a whole number above 0, not `{text}`")),
        },
    }
}

bindings::export!(Filter with_types_in bindings);
