//! How targets are called, in one line.

use std::collections::BTreeMap;

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
