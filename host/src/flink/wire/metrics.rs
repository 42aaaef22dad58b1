//! The metric endpoints of vertices, the JobManager and the TaskManagers.

use serde::Deserialize;

use super::number::{lenient, nan};
use crate::flink::Aggregate;

/// One entry of a list of names.
#[derive(Deserialize)]
pub(in crate::flink) struct MetricName {
    pub(in crate::flink) id: String,
}

/// One metric of one component: always a text.
#[derive(Deserialize)]
pub(in crate::flink) struct MetricValue {
    pub(in crate::flink) id: String,
    pub(in crate::flink) value: Option<String>,
}

/// One metric over several components. What was not asked for is left out.
#[derive(Deserialize)]
pub(in crate::flink) struct AggregatedMetric {
    id: String,
    #[serde(default = "nan", deserialize_with = "lenient")]
    min: f64,
    #[serde(default = "nan", deserialize_with = "lenient")]
    max: f64,
    #[serde(default = "nan", deserialize_with = "lenient")]
    avg: f64,
    #[serde(default = "nan", deserialize_with = "lenient")]
    sum: f64,
}

impl From<AggregatedMetric> for Aggregate {
    fn from(metric: AggregatedMetric) -> Self {
        let AggregatedMetric { id, min, max, avg, sum } = metric;
        Self { id, min, max, avg, sum }
    }
}
