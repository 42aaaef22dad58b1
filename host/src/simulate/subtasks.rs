//! How a vertex' records spread over its subtasks.

use super::VertexShape;
use crate::model::ShipStrategy;

/// The subtasks of one vertex at one parallelism.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Subtasks {
    /// Each subtask's share of the vertex' records; their sum is 1.
    shares: Vec<f64>,
    /// Records per second that each one processes at most.
    capacity: f64,
}

impl Subtasks {
    /// `parallelism` subtasks of `vertex`.
    ///
    /// Whole partitions or key groups go to each one, so that the shares are only even where the numbers divide.
    pub(super) fn new(vertex: &VertexShape, parallelism: u32) -> Self {
        let count = parallelism.max(1);
        let pieces = match vertex.log() {
            Some(log) => log.partitions,
            None if vertex.inputs().iter().any(|input| input.ship == ShipStrategy::Hash) => vertex.max_parallelism,
            None => count,
        };
        let pieces = pieces.max(1);
        let hot = if count == 1 { 0.0 } else { vertex.hot_key };
        let shares = (0..count)
            .map(|subtask| {
                let held = pieces / count + u32::from(subtask < pieces % count);
                let even = f64::from(held) / f64::from(pieces);
                even * (1.0 - hot) + if subtask == 0 { hot } else { 0.0 }
            })
            .collect();
        let capacity = match &vertex.curve {
            Some(curve) => curve.at(count) / f64::from(count),
            None => vertex.capacity * f64::from(count).powf(vertex.scalability - 1.0),
        };
        Self { shares, capacity }
    }

    /// How many there are.
    pub(super) fn parallelism(&self) -> u32 {
        u32::try_from(self.shares.len()).unwrap_or(u32::MAX)
    }

    /// Each subtask's share.
    pub(super) fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Records per second that each subtask processes at most.
    pub(super) fn subtask_capacity(&self) -> f64 {
        self.capacity
    }

    /// Records per second that the vertex processes at most: when its fullest subtask has no time left.
    pub(super) fn capacity(&self) -> f64 {
        self.capacity / self.shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::simulate::{Curve, Load};

    fn source(partitions: u32) -> VertexShape {
        VertexShape::source("x", 100.0, partitions, Load::Constant(0.0))
    }

    #[test]
    fn the_fullest_subtask_is_the_limit() {
        let skewed = VertexShape { hot_key: 0.25, ..source(4) };
        let tired = VertexShape { scalability: 0.5, ..source(4) };
        let curve = Some(Curve::new(vec![(1, 90.0), (4, 240.0)]).unwrap());
        let measured = VertexShape { curve, ..source(4) };
        let hashed = VertexShape::operator("x", 100.0).input(0, ShipStrategy::Hash, 1.0).max_parallelism(3);
        let balanced = VertexShape::operator("x", 100.0).input(0, ShipStrategy::Rebalance, 1.0).max_parallelism(3);
        for (vertex, parallelism, capacity) in [
            (&source(4), 1, 100.0),
            (&source(4), 2, 200.0),
            (&source(4), 3, 200.0),
            (&source(4), 4, 400.0),
            (&source(4), 9, 400.0),
            (&skewed, 4, 100.0 / (0.25 + 0.75 * 0.25)),
            (&tired, 4, 200.0),
            (&measured, 1, 90.0),
            (&measured, 2, 140.0),
            (&measured, 4, 240.0),
            (&hashed, 2, 150.0),
            (&balanced, 2, 200.0),
        ] {
            let found = Subtasks::new(vertex, parallelism).capacity();
            assert!((found - capacity).abs() < 1e-9, "{vertex:?} at {parallelism}: {found}");
        }
    }

    proptest! {
        #[test]
        fn shares_are_a_whole(partitions in 1u32..200, parallelism in 1u32..200, hot_key in 0.0f64..1.0) {
            let subtasks = Subtasks::new(&VertexShape { hot_key, ..source(partitions) }, parallelism);
            prop_assert_eq!(subtasks.parallelism(), parallelism);
            prop_assert!((subtasks.shares().iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
