//! The true processing rate: what a vertex could process if it were busy all the time.

use tidegate_common::options::BusyTimeAggregator;

use super::options::EvaluationOptions;
use super::window::Window;
use crate::decision::Failure;
use crate::topology::Topology;

/// Busy milliseconds per second of each vertex.
pub(super) fn busy_times(
    window: &Window<'_>,
    topology: &Topology,
    options: &EvaluationOptions,
) -> Result<Vec<f64>, Failure> {
    match options.aggregator {
        BusyTimeAggregator::Avg => {
            let rates = window.rates("ACCUMULATED_BUSY_TIME")?;
            let subtasks = topology.vertices.iter().map(|vertex| f64::from(vertex.parallelism));
            Ok(rates.into_iter().zip(subtasks).map(|(rate, subtasks)| rate / subtasks).collect())
        }
        BusyTimeAggregator::Max | BusyTimeAggregator::Min => {
            Ok(window.averages("LOAD", 1)?.into_iter().map(|load| load * 1000.0).collect())
        }
    }
}

/// Records per second that each vertex processed while it was that busy. `records_in` are the rates of the counters.
pub(super) fn input_rates(
    window: &Window<'_>,
    records_in: &[f64],
    options: &EvaluationOptions,
) -> Result<Vec<f64>, Failure> {
    match options.aggregator {
        BusyTimeAggregator::Avg => Ok(records_in.to_vec()),
        BusyTimeAggregator::Max | BusyTimeAggregator::Min => {
            let gauges = window.averages("NUM_RECORDS_IN_PER_SECOND", 1)?;
            let choose = |(gauge, counter): (f64, &f64)| if gauge.is_finite() { gauge } else { *counter };
            Ok(gauges.into_iter().zip(records_in).map(choose).collect())
        }
    }
}

/// Records per second of a vertex that is busy all the time, from busy time or, where that promises too much more,
/// from what was observed while catching up (NaN if nothing was).
pub(super) fn true_processing_rate(
    input_rate: f64,
    busy_millis_per_second: f64,
    observed: f64,
    options: &EvaluationOptions,
) -> f64 {
    let by_busy_time = if input_rate == 0.0 { f64::INFINITY } else { input_rate / (busy_millis_per_second / 1000.0) };
    if observed.is_nan() {
        by_busy_time
    } else if !by_busy_time.is_finite() || by_busy_time > observed * (1.0 + options.observed_switch_threshold) {
        observed
    } else {
        by_busy_time
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::window::average;
    use super::*;
    use crate::testing::{FakeView, cases, configuration, number, same};
    use crate::topology::Vertex;

    fn options(case: &Value) -> EvaluationOptions {
        let mut configuration = configuration(case.get("config").unwrap_or(&json!({})));
        if let Some(aggregator) = case["aggregator"].as_str() {
            configuration.set("job.autoscaler.metrics.busy-time.aggregator", aggregator);
        }
        EvaluationOptions::read(&configuration, 300).unwrap()
    }

    fn view(case: &Value, metrics: &[(&str, &str)]) -> FakeView {
        let times = case["tsMillis"].as_array().unwrap().iter().map(|time| time.as_i64().unwrap()).collect();
        let mut view = FakeView { times, ..FakeView::default() };
        for (metric, field) in metrics {
            if let Some(values) = case[*field].as_array() {
                view.metrics.insert((*metric).to_owned(), values.iter().map(number).collect());
            }
        }
        view
    }

    #[test]
    fn the_observed_rate_is_used_where_busy_time_promises_much_more() {
        for case in cases("upstream_true_processing_rate") {
            let options = options(&case);
            let samples: Vec<f64> = case["observedTprSamples"].as_array().unwrap().iter().map(number).collect();
            let observed = average(samples.into_iter(), options.observed_min_observations);
            let (input, busy) = (number(&case["inputRate"]), number(&case["busyMsPerSecond"]));
            let rate = true_processing_rate(input, busy, observed, &options);
            assert!(same(rate, number(&case["expected"])), "{case}: {rate}");
        }
    }

    #[test]
    fn the_input_rate_is_the_gauge_unless_busy_time_is_averaged() {
        for case in cases("upstream_tpr_input_rate") {
            let view = view(&case, &[("NUM_RECORDS_IN", "cumulative"), ("NUM_RECORDS_IN_PER_SECOND", "perSecond")]);
            let window = Window::new(&view, 1);
            let records_in = window.rates("NUM_RECORDS_IN").unwrap();
            let rates = input_rates(&window, &records_in, &options(&case)).unwrap();
            assert_eq!(rates, [number(&case["expected"])], "{case}");
        }
    }

    #[test]
    fn busy_time_is_that_of_the_aggregator() {
        for case in cases("upstream_busy_time") {
            let view = view(&case, &[("LOAD", "load"), ("ACCUMULATED_BUSY_TIME", "accumulatedBusyTime")]);
            let parallelism = case["parallelism"].as_u64().unwrap() as u32;
            let topology = Topology { vertices: vec![Vertex { parallelism, ..Vertex::default() }] };
            let busy = busy_times(&Window::new(&view, 1), &topology, &options(&case)).unwrap();
            assert!(same(busy[0], number(&case["expectedBusyMsPerSecond"])), "{case}: {busy:?}");
        }
    }
}
