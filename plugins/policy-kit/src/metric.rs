//! Evaluated metrics: their names, their values, and one row of them for each vertex.

use serde::{Deserialize, Serialize};
use tidegate_common::number::round_metric;

use crate::state::double;

macro_rules! metrics {
    ($($(#[$doc:meta])+ $variant:ident = $name:literal,)+) => {
        /// What is evaluated of each vertex.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric {
            $($(#[$doc])+ $variant,)+
        }

        impl Metric {
            /// Every metric, in the order of the rows.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$variant),+];
            const COUNT: usize = [$($name),+].len();

            /// The metric of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|metric| metric.name() == name)
            }

            /// Flink's name of it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

metrics! {
    /// Busy share, 0 to 1.
    Load = "LOAD",
    /// Records per second that the vertex could process at its parallelism.
    TrueProcessingRate = "TRUE_PROCESSING_RATE",
    /// Records per second that it has to process to keep up.
    TargetDataRate = "TARGET_DATA_RATE",
    /// Records per second that it has to process beyond that to work off the lag.
    CatchUpDataRate = "CATCH_UP_DATA_RATE",
    /// Records waiting to be read; sources only.
    Lag = "LAG",
    /// Subtasks.
    Parallelism = "PARALLELISM",
    /// The subtasks that it should have.
    RecommendedParallelism = "RECOMMENDED_PARALLELISM",
    /// Key groups.
    MaxParallelism = "MAX_PARALLELISM",
    /// Partitions that a source reads.
    NumSourcePartitions = "NUM_SOURCE_PARTITIONS",
    /// The true processing rate below which the vertex is too small.
    ScaleUpRateThreshold = "SCALE_UP_RATE_THRESHOLD",
    /// The true processing rate above which the vertex is too large.
    ScaleDownRateThreshold = "SCALE_DOWN_RATE_THRESHOLD",
    /// The true processing rate expected after the change that is decided.
    ExpectedProcessingRate = "EXPECTED_PROCESSING_RATE",
}

/// One evaluated metric; either value may be NaN. Both are rounded to three decimals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluatedMetric {
    /// The latest value.
    #[serde(with = "double", default = "double::nan")]
    pub current: f64,
    /// The average over the window.
    #[serde(with = "double", default = "double::nan")]
    pub average: f64,
}

impl EvaluatedMetric {
    /// A metric with both values.
    pub fn new(current: f64, average: f64) -> Self {
        Self { current: round_metric(current), average: round_metric(average) }
    }

    /// A metric that has only a latest value.
    pub fn of(current: f64) -> Self {
        Self::new(current, f64::NAN)
    }

    /// A metric that has only an average.
    pub fn avg(average: f64) -> Self {
        Self::new(f64::NAN, average)
    }
}

/// The evaluated metrics of one vertex.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VertexMetrics {
    entries: [Option<EvaluatedMetric>; Metric::COUNT],
    /// What an evaluator answers under names that no [`Metric`] has, in the order in which they came.
    own: Vec<(String, EvaluatedMetric)>,
}

impl VertexMetrics {
    /// Every value that is there by its name: in the order of the rows, then those of the evaluator's own names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, EvaluatedMetric)> {
        let known = Metric::ALL.into_iter().zip(self.entries);
        known.filter_map(|(metric, value)| Some((metric.name(), value?))).chain(self.own())
    }

    /// The values under an evaluator's own names.
    pub fn own(&self) -> impl Iterator<Item = (&str, EvaluatedMetric)> {
        self.own.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// Puts `value` under `name`, also under one that no [`Metric`] has.
    pub fn set_by_name(&mut self, name: &str, value: EvaluatedMetric) {
        if let Some(metric) = Metric::from_name(name) {
            return self.set(metric, value);
        }
        match self.own.iter_mut().find(|(own, _)| own == name) {
            Some((_, before)) => *before = value,
            None => self.own.push((name.to_owned(), value)),
        }
    }

    /// The value under `name`, if there is one.
    pub fn by_name(&self, name: &str) -> Option<EvaluatedMetric> {
        match Metric::from_name(name) {
            Some(metric) => self.get(metric),
            None => self.own().find(|(own, _)| *own == name).map(|(_, value)| value),
        }
    }

    /// Puts `value` under `metric`.
    pub fn set(&mut self, metric: Metric, value: EvaluatedMetric) {
        if let Some(entry) = self.entries.get_mut(metric as usize) {
            *entry = Some(value);
        }
    }

    /// Forgets `metric`.
    pub fn remove(&mut self, metric: Metric) {
        if let Some(entry) = self.entries.get_mut(metric as usize) {
            *entry = None;
        }
    }

    /// The value under `metric`, if there is one.
    pub fn get(&self, metric: Metric) -> Option<EvaluatedMetric> {
        self.entries.get(metric as usize).copied().flatten()
    }

    /// The latest value of `metric`, NaN if there is none.
    pub fn current(&self, metric: Metric) -> f64 {
        self.get(metric).map_or(f64::NAN, |value| value.current)
    }

    /// The average of `metric`, NaN if there is none.
    pub fn average(&self, metric: Metric) -> f64 {
        self.get(metric).map_or(f64::NAN, |value| value.average)
    }
}
