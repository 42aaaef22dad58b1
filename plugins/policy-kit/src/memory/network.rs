//! The network memory that a job needs.

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;

use crate::topology::Topology;
use crate::view::ShipStrategy;

/// How network buffers are given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffers {
    per_channel: u64,
    floating: u64,
    segment_size: u64,
}

impl Buffers {
    pub(super) fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        let count = |option| configuration.read(option).map(|count: i32| u64::try_from(count).unwrap_or(0));
        Ok(Self {
            per_channel: count(&options::NETWORK_BUFFERS_PER_CHANNEL)?,
            floating: count(&options::NETWORK_FLOATING_BUFFERS_PER_GATE)?,
            segment_size: configuration.read(&options::MEMORY_SEGMENT_SIZE)?.bytes(),
        })
    }

    /// The bytes that one slot needs where each vertex has the parallelism given: enough for a subtask of every vertex.
    pub(super) fn bytes_per_slot(self, topology: &Topology, parallelism: &[u64]) -> u64 {
        let of = |vertex: usize| parallelism.get(vertex).copied().unwrap_or(1);
        let edges = topology
            .vertices
            .iter()
            .enumerate()
            .flat_map(|(to, vertex)| vertex.inputs.iter().map(move |(from, ship)| (*from, to, *ship)));
        // Both ends of an edge have a gate.
        let segments =
            edges.map(|(from, to, ship)| self.segments(of(to), of(from), ship) + self.segments(of(from), of(to), ship));
        segments.sum::<u64>() * self.segment_size
    }

    /// The segments of one gate of a subtask, of as many as `parallelism`, towards `connected` subtasks.
    fn segments(self, parallelism: u64, connected: u64, ship: ShipStrategy) -> u64 {
        let channels = match ship {
            ShipStrategy::Forward if parallelism == connected => 1,
            ShipStrategy::Forward | ShipStrategy::Rescale => connected.div_ceil(parallelism.max(1)),
            _ => connected,
        };
        channels * self.per_channel + self.floating
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cases, ship_strategy};

    #[test]
    fn a_gate_needs_as_many_segments_as_upstream_says() {
        for case in cases("upstream_network_segments") {
            let int = |field: &str| case[field].as_u64().unwrap();
            let buffers =
                Buffers { per_channel: int("buffersPerChannel"), floating: int("floatingBuffers"), segment_size: 1 };
            let ship = ship_strategy(&case["shipStrategy"]);
            let segments = buffers.segments(int("parallelism"), int("connectedParallelism"), ship);
            assert_eq!(segments, int("expected"), "{case}");
        }
    }
}
