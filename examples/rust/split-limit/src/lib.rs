//! An aligner that spreads the splits of a source evenly: files, shards, queues, whatever its connector calls them. The host
//! knows the partitions of Kafka and Pulsar only; of other sources any metric can tell how many there are.
//!
//! ```text
//! job.autoscaler.scaling.parallelism-alignment.mode: splits
//! job.autoscaler.scaling.parallelism-alignment.mode.splits.class: split-limit
//! job.autoscaler.scaling.parallelism-alignment.mode.splits.metric: NUM_SOURCE_PARTITIONS    # of the policy, an evaluator or the host
//! job.autoscaler.scaling.parallelism-alignment.mode.splits.splits: 48        # where there is none
//! ```
//!
//! A source never has more subtasks than splits, since the others would be idle, and no more than its fullest subtask needs: 7
//! splits are read by 4 subtasks as fast as by 6. Other vertices keep their targets.

mod spread;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/types/v0.1", "../../../wit/host/v0.1", "../../../wit/policy/v0.1"],
        world: "tidegate:policy/aligner",
        generate_all,
    });
}

use bindings::exports::tidegate::policy::alignment::Guest;
use bindings::tidegate::policy::observation::View;
use bindings::tidegate::policy::terms::{Applicant, Description, Metric};

struct SplitLimit;

impl Guest for SplitLimit {
    fn describe() -> Description {
        Description {
            name: "split-limit".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "spreads the splits of a source evenly".to_owned(),
        }
    }

    fn align(view: &View, applicant: Applicant, evaluated: Vec<Metric>) -> Result<Option<u32>, String> {
        if !applicant.inputs.is_empty() {
            return Ok(None);
        }
        let told = option(view, "metric").and_then(|name| value(view, applicant.vertex, &evaluated, &name));
        let splits = match told {
            Some(splits) => splits,
            None => {
                let text =
                    option(view, "splits").ok_or("neither the `metric` nor `splits` says how many splits there are")?;
                text.parse().map_err(|_| format!("`splits` must be a number, not `{text}`"))?
            }
        };
        Ok(spread::aligned(applicant.target, splits))
    }
}

/// What a metric says of a vertex: as it was evaluated, else the last sample of it.
fn value(view: &View, vertex: u32, evaluated: &[Metric], name: &str) -> Option<f64> {
    let evaluated = evaluated.iter().find(|metric| metric.name == name).map(|metric| metric.current);
    let sampled = || {
        let (values, vertices) = (view.metric(name)?, view.vertices().len());
        values.get(values.len().checked_sub(vertices)? + vertex as usize).copied()
    };
    evaluated.or_else(sampled).filter(|value| value.is_finite())
}

fn option(view: &View, key: &str) -> Option<String> {
    let options = view.options(&[key.to_owned()]);
    options.into_iter().find(|(found, _)| found == key).map(|(_, text)| text)
}

bindings::export!(SplitLimit with_types_in bindings);
