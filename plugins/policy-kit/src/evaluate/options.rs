//! The options that evaluation goes by.

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options::{self, BusyTimeAggregator};

/// The options that evaluation goes by, and the restart time. All times in whole seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationOptions {
    pub(super) backlog_lag_threshold: f64,
    pub(super) aggregator: BusyTimeAggregator,
    pub(super) observed_min_observations: usize,
    pub(super) observed_switch_threshold: f64,
    pub(super) utilization_target: f64,
    pub(super) utilization_boundary: f64,
    pub(super) utilization_max: Option<f64>,
    pub(super) utilization_min: Option<f64>,
    pub(super) catch_up: f64,
    pub(super) restart: f64,
}

impl EvaluationOptions {
    /// Reads them; a restart takes `restart` seconds.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(configuration: &Configuration, restart: u64) -> Result<Self, InvalidValue> {
        let observations = configuration.read(&options::OBSERVED_TRUE_PROCESSING_RATE_MIN_OBSERVATIONS)?;
        Ok(Self {
            backlog_lag_threshold: configuration.read(&options::BACKLOG_PROCESSING_LAG_THRESHOLD)?.as_secs() as f64,
            aggregator: configuration.read(&options::BUSY_TIME_AGGREGATOR)?,
            observed_min_observations: usize::try_from(observations).unwrap_or(0),
            observed_switch_threshold: configuration.read(&options::OBSERVED_TRUE_PROCESSING_RATE_SWITCH_THRESHOLD)?,
            utilization_target: configuration.read(&options::UTILIZATION_TARGET)?,
            utilization_boundary: configuration.read(&options::TARGET_UTILIZATION_BOUNDARY)?,
            utilization_max: configuration.read(&options::UTILIZATION_MAX)?,
            utilization_min: configuration.read(&options::UTILIZATION_MIN)?,
            catch_up: configuration.read(&options::CATCH_UP_DURATION)?.as_secs() as f64,
            restart: restart as f64,
        })
    }
}
