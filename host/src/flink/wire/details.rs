//! `/jobs/:id`: the graph. `plan` has the edges and the order, `vertices` the rest.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::Deserialize;
use thiserror::Error;
use tidegate_common::time::Timestamp;

use super::number::{lenient, nan};
use crate::flink;
use crate::model::{self, Edge, IoMetrics, ShipStrategy, Topology, VertexId};

/// A job at one moment.
#[derive(Deserialize)]
pub(in crate::flink) struct JobDetails<'a> {
    #[serde(borrow)]
    state: Cow<'a, str>,
    #[serde(default)]
    timestamps: Timestamps,
    #[serde(borrow)]
    vertices: Vec<Vertex<'a>>,
    /// Without nodes while the job waits for resources.
    #[serde(borrow)]
    plan: Option<Plan<'a>>,
}

#[derive(Default, Deserialize)]
struct Timestamps {
    #[serde(rename = "RUNNING")]
    running: Option<i64>,
}

#[derive(Deserialize)]
struct Vertex<'a> {
    id: VertexId,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(rename = "maxParallelism")]
    max_parallelism: i64,
    #[serde(rename = "slotSharingGroupId", borrow)]
    slot_sharing_group_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(default)]
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Metrics {
    #[serde(rename = "read-records", default, deserialize_with = "lenient")]
    read_records: f64,
    #[serde(rename = "write-records", default, deserialize_with = "lenient")]
    write_records: f64,
    #[serde(rename = "accumulated-busy-time", default = "nan", deserialize_with = "lenient")]
    accumulated_busy_time: f64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self { read_records: 0.0, write_records: 0.0, accumulated_busy_time: f64::NAN }
    }
}

#[derive(Deserialize)]
struct Plan<'a> {
    #[serde(borrow)]
    nodes: Option<Vec<Node<'a>>>,
}

#[derive(Deserialize)]
struct Node<'a> {
    id: VertexId,
    parallelism: i64,
    #[serde(borrow)]
    inputs: Option<Vec<Input<'a>>>,
}

#[derive(Deserialize)]
struct Input<'a> {
    id: VertexId,
    #[serde(borrow)]
    ship_strategy: Cow<'a, str>,
}

/// Details that contradict themselves.
#[derive(Debug, PartialEq, Eq, Error)]
pub(in crate::flink) enum InvalidDetails {
    #[error("vertex {0} is in the plan, but not in the list of vertices")]
    NoVertex(VertexId),
    #[error("vertex {vertex} reads from {input}, which is not in the plan")]
    NoInput { vertex: VertexId, input: VertexId },
    #[error("vertex {vertex} has {what} {number}")]
    Number { vertex: VertexId, what: &'static str, number: i64 },
    #[error("the plan holds vertex {0} twice")]
    Twice(VertexId),
    #[error("the plan goes around in a circle")]
    Circle,
}

impl TryFrom<JobDetails<'_>> for flink::JobDetails {
    type Error = InvalidDetails;

    fn try_from(details: JobDetails<'_>) -> Result<Self, InvalidDetails> {
        let nodes = details.plan.and_then(|plan| plan.nodes).unwrap_or_default();
        Ok(Self {
            is_running: details.state == "RUNNING",
            // 0 stands for never.
            running_since: details.timestamps.running.filter(|millis| *millis != 0).map(Timestamp::from_millis),
            topology: topology(&nodes, details.vertices)?,
        })
    }
}

fn topology(nodes: &[Node<'_>], vertices: Vec<Vertex<'_>>) -> Result<Topology, InvalidDetails> {
    let mut vertices: BTreeMap<VertexId, Vertex<'_>> = vertices.into_iter().map(|vertex| (vertex.id, vertex)).collect();
    let mut places = BTreeMap::new();
    let mut topology = Topology::default();
    for node in in_order(nodes)? {
        let place = topology.vertices.len();
        let vertex = vertices.remove(&node.id).ok_or(InvalidDetails::NoVertex(node.id))?;
        topology.vertices.push(vertex.into_model(node.parallelism)?);
        places.insert(node.id, place);

        // Several edges from one vertex to another count as one, the last.
        let mut inputs = BTreeMap::new();
        for input in node.inputs.iter().flatten() {
            let no_input = InvalidDetails::NoInput { vertex: node.id, input: input.id };
            let from = *places.get(&input.id).ok_or(no_input)?;
            inputs.insert(from, ShipStrategy::from_name(&input.ship_strategy));
        }
        topology.edges.extend(inputs.into_iter().map(|(from, ship)| Edge { from, to: place, ship }));
    }
    Ok(topology)
}

/// The nodes in topological order; in the plan's own where that is one.
fn in_order<'n, 'a>(nodes: &'n [Node<'a>]) -> Result<Vec<&'n Node<'a>>, InvalidDetails> {
    let mut places = BTreeMap::new();
    for (place, node) in nodes.iter().enumerate() {
        if places.insert(node.id, place).is_some() {
            return Err(InvalidDetails::Twice(node.id));
        }
    }
    // How many inputs of each node are not in the order yet, and who waits for it.
    let mut open = vec![0_usize; nodes.len()];
    let mut readers = vec![Vec::new(); nodes.len()];
    for ((place, node), open) in nodes.iter().enumerate().zip(&mut open) {
        for input in node.inputs.iter().flatten() {
            let no_input = InvalidDetails::NoInput { vertex: node.id, input: input.id };
            let readers = places.get(&input.id).and_then(|from| readers.get_mut(*from)).ok_or(no_input)?;
            readers.push(place);
            *open += 1;
        }
    }
    let mut ready: BinaryHeap<_> =
        open.iter().enumerate().filter(|(_, open)| **open == 0).map(|(place, _)| Reverse(place)).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.extend(nodes.get(place));
        for reader in readers.get(place).into_iter().flatten() {
            if let Some(open) = open.get_mut(*reader) {
                *open -= 1;
                if *open == 0 {
                    ready.push(Reverse(*reader));
                }
            }
        }
    }
    if order.len() == nodes.len() { Ok(order) } else { Err(InvalidDetails::Circle) }
}

impl Vertex<'_> {
    fn into_model(self, parallelism: i64) -> Result<model::Vertex, InvalidDetails> {
        let id = self.id;
        let positive = |what, number: i64| {
            let small = u32::try_from(number).ok().filter(|small| *small > 0 && *small <= i32::MAX as u32);
            small.ok_or(InvalidDetails::Number { vertex: id, what, number })
        };
        let finished = self.status == "FINISHED";
        let io = if finished {
            IoMetrics::default()
        } else {
            IoMetrics {
                records_in: self.metrics.read_records,
                records_out: self.metrics.write_records,
                accumulated_busy_time: self.metrics.accumulated_busy_time,
            }
        };
        Ok(model::Vertex {
            id,
            name: self.name.into_owned(),
            parallelism: positive("parallelism", parallelism)?,
            max_parallelism: positive("max parallelism", self.max_parallelism)?,
            source_partitions: 0,
            slot_sharing_group: self.slot_sharing_group_id.map(Cow::into_owned),
            finished,
            io,
        })
    }
}

#[cfg(test)]
#[path = "details_tests.rs"]
mod tests;
