//! The options that scaling goes by.

use std::time::Duration;

use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;

use super::alignment::AlignmentMode;

/// The options that scaling goes by, and the restart time.
#[derive(Clone, Debug, PartialEq)]
pub struct ScalingOptions {
    /// The utilisation to aim for.
    pub utilization_target: f64,
    /// By which share a vertex is scaled down at most.
    pub max_scale_down_factor: f64,
    /// By which multiple a vertex is scaled up at most.
    pub max_scale_up_factor: f64,
    /// No vertex is scaled below it.
    pub min_parallelism: i32,
    /// No vertex is scaled above it.
    pub max_parallelism: i32,
    /// In which time a backlog should be worked off, whole seconds.
    pub catch_up: f64,
    /// How long a restart takes, whole seconds.
    pub restart: f64,
    /// How long a scale-down is delayed; 0: not at all.
    pub scale_down_interval: Duration,
    /// Set where targets take into account how a vertex scaled in the past.
    pub observed_scalability: Option<ObservedScalability>,
    /// Whether an ineffective scale-up blocks further ones.
    pub block_ineffective: bool,
    /// The share of the expected gain that makes a scale-up effective.
    pub effectiveness_threshold: f64,
    /// How parallelisms are aligned with key groups and partitions.
    pub alignment: AlignmentMode,
    /// How long an event is not repeated.
    pub event_interval: Duration,
}

/// How earlier scalings are taken into account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObservedScalability {
    /// How many scalings it takes.
    pub min_observations: usize,
    /// The worst scalability that is believed.
    pub coefficient_min: f64,
}

impl ScalingOptions {
    /// Reads them; a restart takes `restart` seconds.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(configuration: &Configuration, restart: u64) -> Result<Self, InvalidValue> {
        let observed_scalability = if configuration.read(&options::OBSERVED_SCALABILITY_ENABLED)? {
            let min_observations = configuration.read(&options::OBSERVED_SCALABILITY_MIN_OBSERVATIONS)?;
            Some(ObservedScalability {
                min_observations: usize::try_from(min_observations).unwrap_or(0),
                coefficient_min: configuration.read(&options::OBSERVED_SCALABILITY_COEFFICIENT_MIN)?,
            })
        } else {
            None
        };
        Ok(Self {
            utilization_target: configuration.read(&options::UTILIZATION_TARGET)?,
            max_scale_down_factor: configuration.read(&options::MAX_SCALE_DOWN_FACTOR)?,
            max_scale_up_factor: configuration.read(&options::MAX_SCALE_UP_FACTOR)?,
            min_parallelism: configuration.read(&options::VERTEX_MIN_PARALLELISM)?,
            max_parallelism: configuration.read(&options::VERTEX_MAX_PARALLELISM)?,
            catch_up: configuration.read(&options::CATCH_UP_DURATION)?.as_secs() as f64,
            restart: restart as f64,
            scale_down_interval: configuration.read(&options::SCALE_DOWN_INTERVAL)?,
            observed_scalability,
            block_ineffective: configuration.read(&options::SCALING_EFFECTIVENESS_DETECTION_ENABLED)?,
            effectiveness_threshold: configuration.read(&options::SCALING_EFFECTIVENESS_THRESHOLD)?,
            alignment: AlignmentMode::read(configuration)?,
            event_interval: configuration.read(&options::SCALING_EVENT_INTERVAL)?,
        })
    }
}
