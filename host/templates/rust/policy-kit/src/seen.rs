//! What the host shows, in the kit's words; options as `night` has them.

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tidegate_policy_kit::view::{Edge, ShipStrategy, View};

use crate::bindings::tidegate::policy::observation;
use crate::night::{Night, PREFIX};

/// The host's view.
pub(crate) struct Seen<'a>(pub(crate) &'a observation::View);

impl View for Seen<'_> {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.now())
    }

    fn utc_offset(&self, at: Timestamp) -> i32 {
        self.0.utc_offset(at.as_millis())
    }

    fn running_since(&self) -> Timestamp {
        Timestamp::from_millis(self.0.running_since())
    }

    fn window_full_at(&self) -> Timestamp {
        Timestamp::from_millis(self.0.window_full_at())
    }

    fn options(&self, prefixes: &[&str]) -> Configuration {
        let all = prefixes.iter().chain([&PREFIX]).map(|prefix| (*prefix).to_owned());
        let mut options: Configuration = self.0.options(&all.collect::<Vec<String>>()).into_iter().collect();
        let (night, _) = Night::read(&options);
        let now = self.0.now();
        night.change(&mut options, now / 1000 + i64::from(self.0.utc_offset(now)));
        options
    }

    fn vertices(&self) -> Vec<String> {
        self.0.vertices()
    }

    fn parallelism(&self) -> Vec<u32> {
        self.0.parallelism()
    }

    fn max_parallelism(&self) -> Vec<u32> {
        self.0.max_parallelism()
    }

    fn source_partitions(&self) -> Vec<u32> {
        self.0.source_partitions()
    }

    fn slot_sharing_groups(&self) -> Vec<Option<String>> {
        self.0.slot_sharing_groups()
    }

    fn excluded(&self) -> Vec<bool> {
        self.0.excluded()
    }

    fn edges(&self) -> Vec<Edge> {
        self.0.edges().into_iter().map(edge).collect()
    }

    fn sample_times(&self) -> Vec<Timestamp> {
        self.0.sample_times().into_iter().map(Timestamp::from_millis).collect()
    }

    fn metric(&self, name: &str) -> Option<Vec<f64>> {
        self.0.metric(name)
    }

    fn global_metric(&self, name: &str) -> Option<Vec<f64>> {
        self.0.global_metric(name)
    }

    fn state(&self, key: &str) -> Option<String> {
        self.0.state(key)
    }
}

fn edge(edge: observation::Edge) -> Edge {
    let observation::Edge { from, to, ship } = edge;
    Edge {
        from: from as usize,
        to: to as usize,
        ship: match ship {
            observation::ShipStrategy::Hash => ShipStrategy::Hash,
            observation::ShipStrategy::Rebalance => ShipStrategy::Rebalance,
            observation::ShipStrategy::Rescale => ShipStrategy::Rescale,
            observation::ShipStrategy::Forward => ShipStrategy::Forward,
            observation::ShipStrategy::Custom => ShipStrategy::Custom,
            observation::ShipStrategy::Broadcast => ShipStrategy::Broadcast,
            observation::ShipStrategy::Global => ShipStrategy::Global,
            observation::ShipStrategy::Shuffle => ShipStrategy::Shuffle,
            observation::ShipStrategy::Unknown => ShipStrategy::Unknown,
        },
    }
}
