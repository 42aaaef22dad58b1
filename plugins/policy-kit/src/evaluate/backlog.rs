//! Whether the job is busy with a backlog: then it is not scaled down.

use super::options::EvaluationOptions;

/// Whether one of the sources, given by their latest lag (NaN if unknown) and the rate at which they read, would take
/// longer than the threshold to work off its lag.
pub(super) fn is_processing_backlog(
    sources: impl IntoIterator<Item = (f64, f64)>,
    options: &EvaluationOptions,
) -> bool {
    sources.into_iter().any(|(lag, rate)| {
        let lag = if lag.is_nan() { 0.0 } else { lag };
        lag / rate > options.backlog_lag_threshold
    })
}

#[cfg(test)]
mod tests {
    use tidegate_common::time::Timestamp;

    use super::super::window::rate;
    use super::*;
    use crate::testing::{cases, configuration, number};

    #[test]
    fn a_backlog_is_a_lag_of_more_than_the_threshold() {
        for case in cases("upstream_backlog") {
            let options = EvaluationOptions::read(&configuration(&case["config"]), 300).unwrap();
            let samples = case["samples"].as_array().unwrap();
            let times: Vec<_> =
                samples.iter().map(|s| Timestamp::from_millis(s["tsMillis"].as_i64().unwrap())).collect();
            let records: Vec<_> = samples.iter().map(|s| number(&s["NUM_RECORDS_IN"])).collect();
            let lag = number(&samples.last().unwrap()["LAG"]);
            let backlog = is_processing_backlog([(lag, rate(&times, records.into_iter()))], &options);
            assert_eq!(backlog, case["expectedProcessingBacklog"].as_bool().unwrap(), "{case}");
        }
    }
}
