//! What the policy is shown of one job in one pass.

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;

/// One consistent picture of a running job. Every getter may cost a copy: what is not needed is not asked for.
///
/// All lists about vertices have one entry per vertex in one order, in which every vertex stands after its inputs.
pub trait View {
    /// The time of the pass.
    fn now(&self) -> Timestamp;
    /// Seconds that local time is ahead of UTC at an instant.
    fn utc_offset(&self, at: Timestamp) -> i32;
    /// Since when the job has been running.
    fn running_since(&self) -> Timestamp;
    /// When the metric window is, or was, full.
    fn window_full_at(&self) -> Timestamp;
    /// The entries of the job's effective configuration whose keys start with one of `prefixes`.
    fn options(&self, prefixes: &[&str]) -> Configuration;

    /// The vertices' ids.
    fn vertices(&self) -> Vec<String>;
    /// The parallelism of each vertex.
    fn parallelism(&self) -> Vec<u32>;
    /// The number of key groups of each vertex.
    fn max_parallelism(&self) -> Vec<u32>;
    /// The partitions that each source reads; 0 where there are none or they are not known.
    fn source_partitions(&self) -> Vec<u32>;
    /// The slot sharing groups, as far as they are known.
    fn slot_sharing_groups(&self) -> Vec<Option<String>>;
    /// Which vertices must stay as they are.
    fn excluded(&self) -> Vec<bool>;
    /// The inputs of all vertices.
    fn edges(&self) -> Vec<Edge>;

    /// The instants of the samples, oldest first; the last one is that of this pass.
    fn sample_times(&self) -> Vec<Timestamp>;
    /// A collected metric over the window: entry `sample * vertices + vertex`, NaN where there is no value.
    fn metric(&self, name: &str) -> Option<Vec<f64>>;
    /// A collected metric of the whole job, one entry per sample, NaN where there is no value.
    fn global_metric(&self, name: &str) -> Option<Vec<f64>>;

    /// What the policy last kept under `key`.
    fn state(&self, key: &str) -> Option<String>;
}

/// One input of a vertex; indexes into the list of vertices.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
