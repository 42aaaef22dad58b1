//! How errors and targets are called, in one line.

use std::collections::BTreeMap;
use std::error::Error;

use crate::model::{Observation, VertexId};

/// The vertices whose parallelism is to change, and how.
pub(super) fn describe_targets(observation: &Observation, targets: &BTreeMap<VertexId, u32>) -> String {
    let vertices = observation.topology.vertices.iter();
    let changes: Vec<String> = vertices
        .filter_map(|vertex| {
            let target = *targets.get(&vertex.id)?;
            (target != vertex.parallelism).then(|| format!("{} {}->{target}", vertex.name, vertex.parallelism))
        })
        .collect();
    changes.join(", ")
}

/// An error with its causes, in one line.
pub(super) fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}
