//! How fast records flow through a graph whose vertices have limits.

use super::JobShape;

/// A job's graph, reduced to what the flow needs.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
struct Node {
    /// Records that arrive here for each one that a source reads, per source.
    gains: Vec<f64>,
    /// Every vertex that sends records here, directly or not.
    upstream: Vec<bool>,
}

/// Records per second through a graph.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Flow {
    /// Read, per source.
    pub(super) read: Vec<f64>,
    /// Processed, per vertex.
    pub(super) processed: Vec<f64>,
    /// Whether a vertex waits for one after it, per vertex.
    pub(super) blocked: Vec<bool>,
}

impl Graph {
    /// The graph of a shape that has been checked. Its sources are numbered in the order of its vertices.
    pub(super) fn new(shape: &JobShape) -> Self {
        let sources = shape.vertices.iter().filter(|vertex| vertex.log().is_some()).count();
        let mut nodes: Vec<Node> = Vec::with_capacity(shape.vertices.len());
        let mut next_source = 0..sources;
        for vertex in &shape.vertices {
            let mut node = Node { gains: vec![0.0; sources], upstream: vec![false; shape.vertices.len()] };
            if vertex.log().is_some()
                && let Some(gain) = next_source.next().and_then(|source| node.gains.get_mut(source))
            {
                *gain = 1.0;
            }
            for input in vertex.inputs() {
                let Some(from) = nodes.get(input.from) else { continue };
                for (gain, before) in node.gains.iter_mut().zip(&from.gains) {
                    *gain += before * input.ratio;
                }
                for (index, (mine, before)) in node.upstream.iter_mut().zip(&from.upstream).enumerate() {
                    *mine |= *before || index == input.from;
                }
            }
            nodes.push(node);
        }
        Self { nodes }
    }

    /// Records per second that arrive at each vertex when these are read of each source.
    pub(super) fn rates(&self, read: &[f64]) -> Vec<f64> {
        self.nodes.iter().map(|node| node.rate(read)).collect()
    }

    /// The flow when each source could read `demands` and each vertex processes at most `capacities`.
    ///
    /// Buffers between vertices are small against the logs: a vertex that is too slow holds back all sources that feed
    /// it by the same factor, and every vertex before it spends the time that it is not busy waiting.
    pub(super) fn flow(&self, demands: &[f64], capacities: &[f64]) -> Flow {
        const TOLERANCE: f64 = 1e-9;
        let mut read = demands.to_vec();
        let mut held_back = vec![false; self.nodes.len()];
        // Each round settles one vertex for good: later rounds only make rates smaller.
        for _ in &self.nodes {
            let overload = |(node, capacity): (&Node, &f64)| node.rate(&read) / capacity;
            let loads = self.nodes.iter().zip(capacities).map(overload).enumerate();
            let Some((worst, load)) = loads.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            if load <= 1.0 + TOLERANCE {
                break;
            }
            if let Some(node) = self.nodes.get(worst) {
                for (rate, _) in read.iter_mut().zip(&node.gains).filter(|(_, gain)| **gain > 0.0) {
                    *rate /= load;
                }
            }
            if let Some(held_back) = held_back.get_mut(worst) {
                *held_back = true;
            }
        }
        let processed = self.rates(&read);
        let mut blocked = vec![false; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let full = match (processed.get(index), capacities.get(index)) {
                (Some(rate), Some(capacity)) => *rate >= capacity * (1.0 - 1e-6),
                _ => false,
            };
            if full && held_back.get(index) == Some(&true) {
                blocked.iter_mut().zip(&node.upstream).for_each(|(blocked, before)| *blocked |= before);
            }
        }
        Flow { read, processed, blocked }
    }
}

impl Node {
    fn rate(&self, read: &[f64]) -> f64 {
        self.gains.iter().zip(read).map(|(gain, rate)| gain * rate).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ShipStrategy::Rebalance;
    use crate::simulate::{Load, VertexShape};

    fn source(topic: &str) -> VertexShape {
        VertexShape::source(topic, 1.0, 1, Load::Constant(0.0))
    }

    /// Two sources that are joined; the first one also feeds a sink of its own.
    fn join() -> Graph {
        Graph::new(
            &JobShape::new("join")
                .with(source("left"))
                .with(source("right"))
                .with(VertexShape::operator("join", 1.0).input(0, Rebalance, 1.0).input(1, Rebalance, 2.0))
                .with(VertexShape::operator("copy", 1.0).input(0, Rebalance, 1.0))
                .with(VertexShape::operator("sink", 1.0).input(2, Rebalance, 0.5)),
        )
    }

    fn close(found: &[f64], expected: &[f64]) {
        let same = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(same, "{found:?} instead of {expected:?}");
    }

    #[test]
    fn all_flows_where_nothing_is_full() {
        let flow = join().flow(&[10.0, 20.0], &[100.0; 5]);
        close(&flow.read, &[10.0, 20.0]);
        close(&flow.processed, &[10.0, 20.0, 50.0, 10.0, 25.0]);
        assert_eq!(flow.blocked, [false; 5]);
    }

    #[test]
    fn a_full_vertex_holds_back_everything_before_it() {
        let flow = join().flow(&[10.0, 20.0], &[100.0, 100.0, 25.0, 100.0, 100.0]);
        close(&flow.read, &[5.0, 10.0]);
        close(&flow.processed, &[5.0, 10.0, 25.0, 5.0, 12.5]);
        assert_eq!(flow.blocked, [true, true, false, false, false]);
    }

    #[test]
    fn only_the_narrowest_vertex_of_a_chain_holds_back() {
        let flow = join().flow(&[10.0, 20.0], &[100.0, 100.0, 40.0, 100.0, 5.0]);
        close(&flow.processed, &[2.0, 4.0, 10.0, 2.0, 5.0]);
        assert_eq!(flow.blocked, [true, true, true, false, false]);
    }

    proptest! {
        #[test]
        fn no_vertex_processes_more_than_it_can(
            demands in proptest::collection::vec(0.0f64..1e6, 2),
            capacities in proptest::collection::vec(1.0f64..1e6, 5),
        ) {
            let flow = join().flow(&demands, &capacities);
            for (rate, capacity) in flow.processed.iter().zip(&capacities) {
                prop_assert!(*rate <= capacity * (1.0 + 1e-6), "{} of {}", rate, capacity);
            }
            for (rate, demand) in flow.read.iter().zip(&demands) {
                prop_assert!(0.0 <= *rate && rate <= demand);
            }
        }
    }
}
