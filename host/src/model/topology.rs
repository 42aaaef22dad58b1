//! The graph of a running job.

use super::VertexId;

/// A job's vertices and what connects them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// In topological order: every vertex stands after its inputs.
    pub vertices: Vec<Vertex>,
    /// At most one edge between two vertices; grouped by nothing in particular.
    pub edges: Vec<Edge>,
}

impl Topology {
    /// Where `id` stands in `vertices`.
    pub fn index_of(&self, id: VertexId) -> Option<usize> {
        self.vertices.iter().position(|vertex| vertex.id == id)
    }

    /// Whether the vertex at `index` has no inputs.
    pub fn is_source(&self, index: usize) -> bool {
        !self.edges.iter().any(|edge| edge.to == index)
    }
}

/// One vertex: a chain of operators that is scaled as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Vertex {
    /// The same in every submission of the job.
    pub id: VertexId,
    /// As Flink shows it.
    pub name: String,
    /// Subtasks now; at least 1.
    pub parallelism: u32,
    /// The number of key groups: the most subtasks that can ever have work.
    pub max_parallelism: u32,
    /// Partitions that a source reads; 0 where unknown.
    pub source_partitions: u32,
    /// Vertices of one group share slots. Flink before 1.19 does not tell.
    pub slot_sharing_group: Option<String>,
    /// Whether all subtasks have ended.
    pub finished: bool,
    /// Counters that Flink keeps for its user interface.
    pub io: IoMetrics,
}

/// What a vertex has done since it was started; all zero for a finished vertex.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct IoMetrics {
    /// Records read from inputs; a source reads none.
    pub records_in: f64,
    /// Records written to outputs.
    pub records_out: f64,
    /// Milliseconds busy, sum of all subtasks; NaN where Flink does not tell.
    pub accumulated_busy_time: f64,
}

/// One input of a vertex; indexes into [`Topology::vertices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Where the records come from.
    pub from: usize,
    /// Where they go.
    pub to: usize,
    /// How they are partitioned on the way.
    pub ship: ShipStrategy,
}

/// How records are partitioned between two vertices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "Flink's own names")]
pub enum ShipStrategy {
    Hash,
    Rebalance,
    Rescale,
    Forward,
    Custom,
    Broadcast,
    Global,
    Shuffle,
    /// Everything else.
    Unknown,
}

impl ShipStrategy {
    /// The strategy that Flink's REST API calls `name`, in any case.
    pub fn from_name(name: &str) -> Self {
        const NAMED: [(&str, ShipStrategy); 8] = [
            ("HASH", ShipStrategy::Hash),
            ("REBALANCE", ShipStrategy::Rebalance),
            ("RESCALE", ShipStrategy::Rescale),
            ("FORWARD", ShipStrategy::Forward),
            ("CUSTOM", ShipStrategy::Custom),
            ("BROADCAST", ShipStrategy::Broadcast),
            ("GLOBAL", ShipStrategy::Global),
            ("SHUFFLE", ShipStrategy::Shuffle),
        ];
        NAMED
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map_or(Self::Unknown, |(_, strategy)| *strategy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ship_strategy_is_read_in_any_case() {
        assert_eq!(ShipStrategy::from_name("HASH"), ShipStrategy::Hash);
        assert_eq!(ShipStrategy::from_name("Forward"), ShipStrategy::Forward);
        assert_eq!(ShipStrategy::from_name("HASH2"), ShipStrategy::Unknown);
    }
}
