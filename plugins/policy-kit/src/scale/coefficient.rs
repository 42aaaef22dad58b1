//! How well a vertex scaled in the past.

use tidegate_common::number::{ceil_to_decimals, max, min};

use super::options::ObservedScalability;
use crate::metric::Metric;

/// The share of linear scaling that a vertex reached, from its earlier scalings, oldest first, as pairs of the
/// parallelism that it had and its true processing rate at that time. 1 where that cannot be told.
///
/// It is the slope of the least squares line through the origin, over that of the smallest parallelism. None if it is
/// no number: the smallest parallelism was recorded with an infinite rate.
pub fn scaling_coefficient(history: &[(i32, f64)], options: ObservedScalability) -> Option<f64> {
    if history.is_empty() || history.len() < options.min_observations {
        return Some(1.0);
    }
    let baseline = baseline(history);
    let squares: f64 = history.iter().map(|(parallelism, _)| f64::from(*parallelism) * f64::from(*parallelism)).sum();
    if baseline.is_nan() || history.iter().any(|(_, rate)| rate.is_nan()) || squares == 0.0 {
        return Some(1.0);
    }
    let products: f64 = history.iter().map(|(parallelism, rate)| f64::from(*parallelism) * rate).sum();
    let coefficient = products / (squares * baseline);
    ceil_to_decimals(max(options.coefficient_min, min(1.0, coefficient)), 2)
}

/// The rate of one subtask where the parallelism was smallest, latest first.
fn baseline(history: &[(i32, f64)]) -> f64 {
    let mut smallest: Option<(i32, f64)> = None;
    for (parallelism, rate) in history.iter().rev() {
        if *parallelism == 1 {
            return *rate;
        }
        if smallest.is_none_or(|(least, _)| *parallelism < least) {
            smallest = Some((*parallelism, *rate));
        }
    }
    smallest.map_or(f64::NAN, |(parallelism, rate)| rate / f64::from(parallelism))
}

/// The metric of a summary that scalability is read from.
pub(super) const RATE: &str = Metric::TrueProcessingRate.name();

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scale::ScalingOptions;
    use crate::testing::{cases, configuration, number};

    #[test]
    fn the_coefficient_is_that_of_the_reference() {
        for file in ["oracle_scaling_coefficient", "upstream_observed_scalability"] {
            for case in cases(file) {
                let mut configuration = configuration(&case["config"]);
                configuration.set("job.autoscaler.observed-scalability.enabled", "true");
                let options = ScalingOptions::read(&configuration, 300).unwrap().observed_scalability.unwrap();
                let history: Vec<(i32, f64)> = case["history"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|entry| {
                        let parallelism = entry["currentParallelism"].as_i64().unwrap() as i32;
                        (parallelism, number(&entry["trueProcessingRateAvg"]))
                    })
                    .collect();
                let coefficient = scaling_coefficient(&history, options);
                let expected = &case["expected"];
                match (coefficient, expected.as_object()) {
                    (Some(found), Some(range)) => {
                        assert!(range.get("greaterThan").is_none_or(|bound| found > number(bound)), "{case} {found}");
                        assert!(range.get("lessThan").is_none_or(|bound| found < number(bound)), "{case} {found}");
                    }
                    (Some(found), None) => assert_eq!(found, number(expected), "{case}"),
                    (None, _) => assert!(expected.as_str().is_some_and(|text| text.contains("rror")), "{case}"),
                }
            }
        }
    }

    #[test]
    fn an_infinite_baseline_has_no_coefficient() {
        let options = ObservedScalability { min_observations: 1, coefficient_min: 0.5 };
        assert_eq!(scaling_coefficient(&[(1, f64::INFINITY), (2, 10.0)], options), None);
    }
}
