//! What the tests share: vectors as JSON, and a view made of them.

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
pub(crate) use tidegate_vectors::{cases, number};

use crate::decision::Column;
use crate::extension::{Alignment, CustomMetric, Extensions, Ruling, Situation};
use crate::metric::VertexMetrics;
use crate::view::{Edge, ShipStrategy, View};

/// A view of values that a test sets.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeView {
    pub(crate) now: i64,
    pub(crate) utc_offset: i32,
    pub(crate) running_since: i64,
    pub(crate) window_full_at: i64,
    pub(crate) configuration: Configuration,
    pub(crate) ids: Vec<String>,
    pub(crate) parallelism: Vec<u32>,
    pub(crate) max_parallelism: Vec<u32>,
    pub(crate) source_partitions: Vec<u32>,
    pub(crate) slot_sharing_groups: Vec<Option<String>>,
    pub(crate) excluded: Vec<bool>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) times: Vec<i64>,
    pub(crate) metrics: BTreeMap<String, Vec<f64>>,
    pub(crate) globals: BTreeMap<String, Vec<f64>>,
    pub(crate) state: BTreeMap<String, String>,
}

impl View for FakeView {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now)
    }

    fn utc_offset(&self, _: Timestamp) -> i32 {
        self.utc_offset
    }

    fn running_since(&self) -> Timestamp {
        Timestamp::from_millis(self.running_since)
    }

    fn window_full_at(&self) -> Timestamp {
        Timestamp::from_millis(self.window_full_at)
    }

    fn options(&self, prefixes: &[&str]) -> Configuration {
        let wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
        self.configuration.iter().filter(|(key, _)| wanted(key)).collect()
    }

    fn vertices(&self) -> Vec<String> {
        self.ids.clone()
    }

    fn parallelism(&self) -> Vec<u32> {
        self.parallelism.clone()
    }

    fn max_parallelism(&self) -> Vec<u32> {
        self.max_parallelism.clone()
    }

    fn source_partitions(&self) -> Vec<u32> {
        self.source_partitions.clone()
    }

    fn slot_sharing_groups(&self) -> Vec<Option<String>> {
        self.slot_sharing_groups.clone()
    }

    fn excluded(&self) -> Vec<bool> {
        self.excluded.clone()
    }

    fn edges(&self) -> Vec<Edge> {
        self.edges.clone()
    }

    fn sample_times(&self) -> Vec<Timestamp> {
        self.times.iter().copied().map(Timestamp::from_millis).collect()
    }

    fn metric(&self, name: &str) -> Option<Vec<f64>> {
        self.metrics.get(name).cloned()
    }

    fn global_metric(&self, name: &str) -> Option<Vec<f64>> {
        self.globals.get(name).cloned()
    }

    fn state(&self, key: &str) -> Option<String> {
        self.state.get(key).cloned()
    }
}

/// Extensions that answer what a test sets.
#[derive(Default)]
pub(crate) struct FakeExtensions {
    /// Metrics for the vertex of each index.
    pub(crate) evaluated: BTreeMap<usize, Vec<CustomMetric>>,
    pub(crate) aligner: Option<String>,
    pub(crate) aligned: Option<Result<Option<u32>, String>>,
    pub(crate) ruling: Option<Result<Ruling, String>>,
    /// What the filters were asked.
    pub(crate) asked: RefCell<Vec<Vec<(usize, u32)>>>,
    /// What the filters were shown last.
    pub(crate) columns: RefCell<Vec<Column>>,
    /// What the aligner was shown last.
    pub(crate) row: RefCell<VertexMetrics>,
}

impl Extensions for FakeExtensions {
    fn evaluator(&self) -> Option<String> {
        (!self.evaluated.is_empty()).then(|| "fake".to_owned())
    }

    fn aligner(&self) -> Option<String> {
        self.aligner.clone()
    }

    fn filters(&self) -> Vec<String> {
        self.ruling.iter().map(|_| "fake".to_owned()).collect()
    }

    fn evaluate(&self, vertex: usize, _: &VertexMetrics, _: Situation) -> Vec<CustomMetric> {
        self.evaluated.get(&vertex).cloned().unwrap_or_default()
    }

    fn align(&self, question: &Alignment<'_>) -> Result<Option<u32>, String> {
        self.row.replace(question.evaluated.clone());
        self.aligned.clone().unwrap()
    }

    fn filter(&self, changes: Vec<(usize, u32)>, evaluated: Vec<Column>) -> Result<Ruling, String> {
        self.asked.borrow_mut().push(changes);
        self.columns.replace(evaluated);
        self.ruling.clone().unwrap()
    }
}

impl FakeView {
    /// A view of the `topology` of a vector, whose vertices are in topological order.
    pub(crate) fn of_topology(topology: &Value) -> Self {
        let mut view = Self::default();
        for (to, vertex) in topology.as_array().unwrap().iter().enumerate() {
            view.ids.push(vertex["id"].as_str().unwrap().to_owned());
            view.parallelism.push(vertex["parallelism"].as_u64().unwrap() as u32);
            view.max_parallelism.push(vertex["maxParallelism"].as_u64().unwrap() as u32);
            view.source_partitions.push(vertex["numSourcePartitions"].as_u64().unwrap_or(0) as u32);
            view.slot_sharing_groups.push(None);
            view.excluded.push(false);
            for (from, ship) in vertex["inputs"].as_object().unwrap() {
                let from = view.ids.iter().position(|id| id == from).unwrap();
                view.edges.push(Edge { from, to, ship: ship_strategy(ship) });
            }
        }
        view
    }

    /// Takes over the `history` of a vector.
    pub(crate) fn with_samples(mut self, history: &Value) -> Self {
        let samples = history.as_array().unwrap();
        self.times = samples.iter().map(|sample| sample["tsMillis"].as_i64().unwrap()).collect();
        for metric in [
            "LAG",
            "LOAD",
            "ACCUMULATED_BUSY_TIME",
            "NUM_RECORDS_IN",
            "NUM_RECORDS_OUT",
            "NUM_RECORDS_IN_PER_SECOND",
            "OBSERVED_TPR",
        ] {
            let values = samples
                .iter()
                .flat_map(|sample| self.ids.iter().map(move |id| number(&sample["vertices"][id][metric])))
                .collect();
            self.metrics.insert(metric.to_owned(), values);
        }
        for metric in [
            "GC_PRESSURE",
            "NUM_TASK_SLOTS_USED",
            "HEAP_MAX_USAGE_RATIO",
            "HEAP_MEMORY_USED",
            "MANAGED_MEMORY_USED",
            "METASPACE_MEMORY_USED",
        ] {
            let values = samples.iter().map(|sample| number(&sample["global"][metric])).collect();
            self.globals.insert(metric.to_owned(), values);
        }
        self
    }
}

/// The options of a vector.
pub(crate) fn configuration(options: &Value) -> Configuration {
    options.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect()
}

/// The ship strategy of that name.
pub(crate) fn ship_strategy(name: &Value) -> ShipStrategy {
    match name.as_str().unwrap() {
        "HASH" => ShipStrategy::Hash,
        "REBALANCE" => ShipStrategy::Rebalance,
        "RESCALE" => ShipStrategy::Rescale,
        "FORWARD" => ShipStrategy::Forward,
        "CUSTOM" => ShipStrategy::Custom,
        "BROADCAST" => ShipStrategy::Broadcast,
        "GLOBAL" => ShipStrategy::Global,
        "SHUFFLE" => ShipStrategy::Shuffle,
        _ => ShipStrategy::Unknown,
    }
}

/// Whether two doubles are the same number, or both none.
pub(crate) fn same(a: f64, b: f64) -> bool {
    a == b || a.is_nan() && b.is_nan()
}

/// The same, but for the order in which a sum was made.
pub(crate) fn close(a: f64, b: f64) -> bool {
    same(a, b) || (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}
