//! Which options are out of range, in the order and the words of Flink's `AutoscalerValidator`.

use std::fmt;

use thiserror::Error;

use crate::configuration::{ConfigOption, Configuration, InvalidValue};
use crate::number::java_text;
use crate::options;
use crate::periods::{InvalidPeriod, validate_periods};
use crate::value::Value;

/// What is wrong with a configuration. Its text is Flink's own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidOption {
    /// A number outside its range.
    #[error("The AutoScalerOption {key} is invalid, it should be a value within the range [{min}, {max}]")]
    OutOfRange {
        /// The canonical key.
        key: &'static str,
        /// The least valid value.
        min: Bound,
        /// The largest valid value.
        max: Bound,
    },
    /// A text where a number should be.
    #[error("Invalid value in the autoscaler config {key}")]
    NotANumber {
        /// The canonical key.
        key: &'static str,
    },
    /// A text that is no excluded period.
    #[error(transparent)]
    Period(#[from] InvalidPeriod),
    /// An option that the other checks depend on cannot be read.
    #[error(transparent)]
    Unreadable(#[from] InvalidValue),
}

/// One end of a range, written as Java writes doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound(String);

impl Bound {
    fn new(value: f64) -> Self {
        Self(if value == f64::INFINITY { "+Infinity".to_owned() } else { java_text(value) })
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the autoscaler's options, unless it is not enabled.
///
/// # Errors
/// The first option that is wrong.
pub fn validate(configuration: &Configuration) -> Result<(), InvalidOption> {
    if !configuration.read(&options::ENABLED)? {
        return Ok(());
    }
    // What the checks depend on is read before the first of them: it is no mere finding if that fails.
    let target = configuration.read(&options::UTILIZATION_TARGET)?;
    let observed_scalability = configuration.read(&options::OBSERVED_SCALABILITY_ENABLED)?;
    let effectiveness_detection = configuration.read(&options::SCALING_EFFECTIVENESS_DETECTION_ENABLED)?;
    let memory_tuning = configuration.read(&options::MEMORY_TUNING_ENABLED)?;
    let periods = configuration.read(&options::EXCLUDED_PERIODS)?;

    let check = Check { configuration };
    check.range(&options::MAX_SCALE_DOWN_FACTOR, 0.0, f64::INFINITY)?;
    check.range(&options::MAX_SCALE_UP_FACTOR, 0.0, f64::INFINITY)?;
    check.range(&options::UTILIZATION_TARGET, 0.0, 1.0)?;
    check.range(&options::TARGET_UTILIZATION_BOUNDARY, 0.0, f64::INFINITY)?;
    check.range(&options::UTILIZATION_MAX, target, 1.0)?;
    check.range(&options::UTILIZATION_MIN, 0.0, target)?;
    check.range(&options::GC_PRESSURE_THRESHOLD, 0.0, 1.0)?;
    check.range(&options::HEAP_USAGE_THRESHOLD, 0.0, 1.0)?;
    if observed_scalability {
        check.range(&options::OBSERVED_SCALABILITY_COEFFICIENT_MIN, 0.01, 1.0)?;
    }
    if effectiveness_detection {
        check.range(&options::SCALING_EFFECTIVENESS_THRESHOLD, 0.0, 1.0)?;
    }
    if memory_tuning {
        check.range(&options::MEMORY_TUNING_OVERHEAD, 0.0, 1.0)?;
    }
    Ok(validate_periods(&periods)?)
}

struct Check<'a> {
    configuration: &'a Configuration,
}

impl Check<'_> {
    /// NaN passes every range, and so does an option that is not set.
    fn range<T>(&self, option: &ConfigOption<T>, min: f64, max: f64) -> Result<(), InvalidOption>
    where
        T: Value + Clone + Into<Option<f64>>,
    {
        let value = self.configuration.read(option).map_err(|_| InvalidOption::NotANumber { key: option.key() })?;
        match value.into() {
            Some(value) if value < min || value > max => {
                Err(InvalidOption::OutOfRange { key: option.key(), min: Bound::new(min), max: Bound::new(max) })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;
    use tidegate_vectors::cases;

    use super::*;

    fn configuration(options: &Json) -> Configuration {
        options.as_object().unwrap().iter().map(|(key, value)| (key.as_str(), value.as_str().unwrap())).collect()
    }

    fn text(options: &Json) -> Option<String> {
        validate(&configuration(options)).err().map(|error| error.to_string())
    }

    #[test]
    fn options_are_judged_as_the_java_autoscaler_judges_them() {
        for case in cases("peer_validation") {
            let error = validate(&configuration(&case["options"])).err();
            if let Some(exception) = case["exception"].as_str() {
                let Some(InvalidOption::Unreadable(error)) = error else {
                    panic!("{case}");
                };
                assert!(exception.ends_with(&error.to_string()), "{case}");
                continue;
            }
            assert_eq!(error.map(|error| error.to_string()).as_deref(), case["error"].as_str(), "{case}");
        }
    }

    #[test]
    fn texts_are_those_of_the_reference() {
        for case in cases("oracle_validator") {
            assert_eq!(text(&case["config"]).as_deref(), case["expectedError"].as_str(), "{case}");
        }
    }

    #[test]
    fn the_facts_of_the_upstream_tests_hold() {
        for case in cases("upstream_validator") {
            let (error, part) = (text(&case["config"]), case["expectedErrorContains"].as_str());
            assert_eq!(error.is_some(), part.is_some(), "{case}");
            assert!(error.unwrap_or_default().contains(part.unwrap_or_default()), "{case}");
        }
    }
}
