//! Flink's metrics of one vertex -> its collected scaling metrics.

use tidegate_common::number;
use tidegate_common::options::BusyTimeAggregator;

use super::names::{FlinkMetric, VertexNames};
use super::options::ConversionOptions;
use crate::flink::Aggregate;
use crate::model::{IoMetrics, ScalingMetric, VertexMetrics};

/// A metric over all subtasks of a vertex.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Values {
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) avg: f64,
    pub(super) sum: f64,
}

/// The metrics of a vertex that Flink answered with.
#[derive(Clone, Debug, Default)]
pub(super) struct FlinkMetrics {
    values: [Option<Values>; FlinkMetric::ALL.len()],
}

/// A vertex as its metrics are converted.
pub(super) struct VertexInput<'a> {
    pub(super) is_source: bool,
    pub(super) io: IoMetrics,
    pub(super) metrics: &'a FlinkMetrics,
}

/// The collected metrics of `vertex`, rounded.
///
/// `observed_tpr_average` is the average of the true processing rates that were observed before; it stands in where
/// none can be observed now.
pub(super) fn vertex_metrics(
    vertex: &VertexInput<'_>,
    options: &ConversionOptions,
    observed_tpr_average: impl FnOnce() -> f64,
) -> VertexMetrics {
    let mut collected = VertexMetrics::default();
    let mut put = |metric, value| collected.set(metric, number::round_metric(value));
    put(ScalingMetric::Load, vertex.busy_time(options.busy_time_aggregator).unwrap_or(f64::NAN) / 1000.0);
    put(ScalingMetric::AccumulatedBusyTime, vertex.io.accumulated_busy_time);
    put(ScalingMetric::NumRecordsIn, vertex.records_in());
    put(ScalingMetric::NumRecordsOut, vertex.io.records_out);
    if vertex.is_source {
        let lag = vertex.metrics.sum(FlinkMetric::PendingRecords).unwrap_or(0.0);
        put(ScalingMetric::Lag, lag);
        let rate = vertex.source_rate();
        if !rate.is_nan() {
            let observed = vertex.observed_tpr(lag, rate, options.lag_threshold);
            put(ScalingMetric::ObservedTpr, observed.unwrap_or_else(observed_tpr_average));
        }
    } else if let Some(rate) = vertex.metrics.sum(FlinkMetric::NumRecordsInPerSec) {
        put(ScalingMetric::NumRecordsInPerSecond, rate);
    }
    collected
}

/// Records per second that a source could read, given that it reads `rate` and is held back for `backpressure`
/// milliseconds of each second. `None` when it is held back all the time.
pub(super) fn observed_tpr(rate: f64, backpressure: f64) -> Option<f64> {
    if backpressure >= 1000.0 { None } else { Some(rate / (1.0 - backpressure / 1000.0)) }
}

impl VertexInput<'_> {
    /// Busy milliseconds per second; `None` when Flink has no finite number for it, as with legacy sources.
    pub(super) fn busy_time(&self, aggregator: BusyTimeAggregator) -> Option<f64> {
        let busy = self.metrics.get(FlinkMetric::BusyTimePerSec)?;
        let busy = match aggregator {
            BusyTimeAggregator::Avg => busy.avg,
            BusyTimeAggregator::Max => busy.max,
            BusyTimeAggregator::Min => busy.min,
        };
        busy.is_finite().then(|| number::max(0.0, busy))
    }

    /// Records read since start. A source has no inputs, so that what its operator says is taken: what it read, or
    /// what it emitted.
    fn records_in(&self) -> f64 {
        let mut records = self.io.records_in;
        for metric in [FlinkMetric::SourceTaskNumRecordsIn, FlinkMetric::SourceTaskNumRecordsOut] {
            if self.is_source && records == 0.0 {
                records = self.metrics.sum(metric).unwrap_or(records);
            }
        }
        number::max(0.0, records)
    }

    /// Records per second that a source reads, or else emits; NaN where Flink does not tell.
    fn source_rate(&self) -> f64 {
        let mut rate = self.metrics.sum(FlinkMetric::SourceTaskNumRecordsInPerSec);
        if rate.is_none_or(|rate| rate == 0.0) {
            rate = self.metrics.sum(FlinkMetric::SourceTaskNumRecordsOutPerSec).or(rate);
        }
        rate.map_or(f64::NAN, |rate| number::max(0.0, rate))
    }

    /// The true processing rate that can be observed now: an idle source's is infinite, one that is catching up shows
    /// its own.
    fn observed_tpr(&self, lag: f64, rate: f64, lag_threshold: f64) -> Option<f64> {
        if rate == 0.0 {
            return Some(f64::INFINITY);
        }
        if lag < lag_threshold * rate {
            return None;
        }
        let backpressure = self.metrics.get(FlinkMetric::BackpressureTimePerSec);
        observed_tpr(rate, backpressure.map_or(f64::NAN, |backpressure| backpressure.avg))
    }
}

impl FlinkMetrics {
    /// Those that were answered, with their meanings.
    pub(super) fn from_answer(names: &VertexNames, answer: &[Aggregate]) -> Self {
        let mut metrics = Self::default();
        for aggregate in answer {
            if let Some(metric) = names.metric(&aggregate.id) {
                let Aggregate { min, max, avg, sum, .. } = *aggregate;
                metrics.add(metric, Values { min, max, avg, sum });
            }
        }
        metrics
    }

    /// Those of a vertex that has finished: nothing to do and nothing done.
    pub(super) fn finished() -> Self {
        let mut metrics = Self::default();
        for metric in [
            FlinkMetric::BusyTimePerSec,
            FlinkMetric::PendingRecords,
            FlinkMetric::SourceTaskNumRecordsInPerSec,
            FlinkMetric::SourceTaskNumRecordsIn,
            FlinkMetric::SourceTaskNumRecordsOut,
        ] {
            metrics.add(metric, Values::default());
        }
        metrics
    }

    /// Puts `values` under `metric`, together with what is there: then there is no average any more.
    pub(super) fn add(&mut self, metric: FlinkMetric, values: Values) {
        if let Some(held) = self.values.get_mut(metric as usize) {
            *held = Some(match held {
                None => values,
                Some(held) => Values {
                    min: number::min(held.min, values.min),
                    max: number::max(held.max, values.max),
                    avg: f64::NAN,
                    sum: held.sum + values.sum,
                },
            });
        }
    }

    fn get(&self, metric: FlinkMetric) -> Option<Values> {
        self.values.get(metric as usize).copied().flatten()
    }

    fn sum(&self, metric: FlinkMetric) -> Option<f64> {
        self.get(metric).map(|values| values.sum)
    }
}
