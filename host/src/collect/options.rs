//! The options that collection depends on.

use std::time::Duration;

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options::{
    BUSY_TIME_AGGREGATOR, BusyTimeAggregator, METRICS_WINDOW, OBSERVED_TRUE_PROCESSING_RATE_LAG_THRESHOLD,
    OBSERVED_TRUE_PROCESSING_RATE_MIN_OBSERVATIONS, STABILIZATION_INTERVAL, VERTEX_EXCLUDE_IDS,
};

use crate::model::VertexId;

/// What a job's configuration says about its collection.
#[derive(Debug)]
pub(super) struct CollectOptions {
    pub(super) window: Duration,
    pub(super) stabilization: Duration,
    pub(super) excluded: Vec<VertexId>,
    pub(super) conversion: ConversionOptions,
}

/// What it says about the conversion of Flink's metrics.
#[derive(Debug)]
pub(super) struct ConversionOptions {
    pub(super) busy_time_aggregator: BusyTimeAggregator,
    /// Whole seconds.
    pub(super) lag_threshold: f64,
    pub(super) min_observations: i32,
}

impl CollectOptions {
    pub(super) fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        let excluded = configuration.read(&VERTEX_EXCLUDE_IDS)?;
        Ok(Self {
            window: configuration.read(&METRICS_WINDOW)?,
            stabilization: configuration.read(&STABILIZATION_INTERVAL)?,
            // What is no id excludes nothing, as in the Java autoscaler.
            excluded: excluded.iter().filter_map(|id| id.parse().ok()).collect(),
            conversion: ConversionOptions::read(configuration)?,
        })
    }
}

impl ConversionOptions {
    pub(super) fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        let lag_threshold = configuration.read(&OBSERVED_TRUE_PROCESSING_RATE_LAG_THRESHOLD)?;
        Ok(Self {
            busy_time_aggregator: configuration.read(&BUSY_TIME_AGGREGATOR)?,
            lag_threshold: lag_threshold.as_secs() as f64,
            min_observations: configuration.read(&OBSERVED_TRUE_PROCESSING_RATE_MIN_OBSERVATIONS)?,
        })
    }
}
