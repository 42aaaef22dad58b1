//! A policy for tidegate: this file speaks with the host, `rule` decides.

mod rule;

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "policy", generate_all });
}

use bindings::exports::tidegate::policy::scaling::{Column, Decision, Description, Failure, Guest, Target, Verdict};
use bindings::tidegate::policy::observation::View;
use rule::{Bounds, Vertex};

struct Policy;

impl Guest for Policy {
    fn describe() -> Description {
        Description {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "keeps the mean load of every vertex near a target".to_owned(),
        }
    }

    fn check_options(options: Vec<(String, String)>) -> Vec<String> {
        Bounds::read(&options).1
    }

    fn decide(view: &View) -> Result<Decision, Failure> {
        let (bounds, _) = Bounds::read(&view.options(&["rule.".to_owned()]));
        let vertices = vertices(view);
        let answers: Vec<_> = vertices.iter().map(|vertex| rule::judge(vertex, &bounds)).collect();
        let verdict = if view.now() < view.window_full_at() {
            Verdict::Hold("the window is not full yet".to_owned())
        } else if !answers.iter().any(|answer| answer.is_outside) {
            Verdict::Hold("every vertex is within its bounds".to_owned())
        } else {
            let targets: Vec<u32> =
                answers.iter().zip(&vertices).map(|(answer, vertex)| answer.target(vertex)).collect();
            if targets.iter().zip(&vertices).all(|(target, vertex)| *target == vertex.parallelism) {
                Verdict::Hold("the parallelism fits".to_owned())
            } else {
                let ids = view.vertices().into_iter();
                Verdict::Scale(ids.zip(targets).map(|(vertex, parallelism)| Target { vertex, parallelism }).collect())
            }
        };
        Ok(Decision {
            verdict,
            recommended: answers.iter().map(|answer| answer.wanted).collect(),
            evaluated: vec![Column {
                metric: "MEAN_LOAD".to_owned(),
                current: vertices.iter().map(|vertex| vertex.loads.last().copied().unwrap_or(f64::NAN)).collect(),
                average: answers.iter().map(|answer| answer.mean).collect(),
            }],
            evaluated_global: Vec::new(),
            events: Vec::new(),
            state: Vec::new(),
        })
    }
}

/// What the rule has to know of every vertex, in the view's order.
fn vertices(view: &View) -> Vec<Vertex> {
    let (parallelism, most, excluded) = (view.parallelism(), view.max_parallelism(), view.excluded());
    // Entry `sample * vertices + vertex`, NaN where there is no value.
    let loads = view.metric("LOAD").unwrap_or_default();
    let count = parallelism.len();
    let vertex = |index: usize| Vertex {
        parallelism: parallelism[index],
        max_parallelism: most[index],
        is_excluded: excluded[index],
        loads: loads.iter().skip(index).step_by(count).copied().collect(),
    };
    (0..count).map(vertex).collect()
}

bindings::export!(Policy with_types_in bindings);
