//! The whole evaluation: every metric of every vertex, in topological order.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tidegate_common::number::max;

use super::backlog::is_processing_backlog;
use super::global::GlobalEvaluation;
use super::options::EvaluationOptions;
use super::processing_rate::{busy_times, input_rates, true_processing_rate};
use super::target_rate::Flow;
use super::threshold::Demand;
use super::window::Window;
use crate::decision::{Column, Failure};
use crate::extension::{CustomMetric, Extensions, Situation};
use crate::metric::{EvaluatedMetric, Metric, VertexMetrics};
use crate::topology::{Topology, Vertex};

/// Names beyond the policy's own that are kept of an evaluator in one pass. Each is a column over all vertices.
const MOST_OWN_NAMES: usize = 100;

/// The evaluated metrics of one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// One row for each vertex, in the order of the topology.
    pub vertices: Vec<VertexMetrics>,
    /// Those of the whole job.
    pub global: GlobalEvaluation,
    /// Whether the job works off a backlog.
    pub processing_backlog: bool,
}

impl Evaluation {
    /// What was evaluated, column by column; without what no vertex has.
    pub fn columns(&self) -> Vec<Column> {
        let values = |value: &dyn Fn(&VertexMetrics) -> f64| {
            let values: Vec<f64> = self.vertices.iter().map(value).collect();
            if values.iter().all(|value| value.is_nan()) { Vec::new() } else { values }
        };
        let known = Metric::ALL.into_iter().map(|metric| Column {
            metric: Cow::Borrowed(metric.name()),
            current: values(&|row| row.current(metric)),
            average: values(&|row| row.average(metric)),
        });
        let own = self.own_names().into_iter().map(|name| {
            let value = |row: &VertexMetrics| row.by_name(name).unwrap_or(EvaluatedMetric::of(f64::NAN));
            Column {
                metric: Cow::Owned(name.to_owned()),
                current: values(&|row| value(row).current),
                average: values(&|row| value(row).average),
            }
        });
        known.chain(own).filter(|column| !(column.current.is_empty() && column.average.is_empty())).collect()
    }

    /// The names that only the evaluator knows, in the order in which they came.
    fn own_names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for (name, _) in self.vertices.iter().flat_map(VertexMetrics::own) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Evaluates a window of samples. The evaluator among the `extensions` has the last word on each vertex, also towards
/// the vertices after it, but not on the thresholds that follow from its own rates. What it answers under names of its
/// own is kept with the rest, for an aligner, for filters and for the record.
///
/// # Errors
/// When a source's rate cannot be told.
pub fn evaluate(
    topology: &Topology,
    window: &Window<'_>,
    options: &EvaluationOptions,
    extensions: &dyn Extensions,
) -> Result<Evaluation, Failure> {
    let is_extended = extensions.evaluator().is_some();
    let records_in = window.rates("NUM_RECORDS_IN")?;
    let joins = topology.vertices.iter().any(|vertex| vertex.inputs.len() > 1);
    let records_out = if joins { window.rates("NUM_RECORDS_OUT")? } else { Vec::new() };
    let flow = Flow { topology, records_in: &records_in, records_out: &records_out };

    let lag = window.column("LAG")?;
    let lag_rates = window.rates_of(&lag);
    let busy = busy_times(window, topology, options)?;
    let input = input_rates(window, &records_in, options)?;
    let observed = window.averages("OBSERVED_TPR", options.observed_min_observations)?;

    let columns = || records_in.iter().zip(&lag_rates).zip(busy.iter().zip(input.iter().zip(&observed)));
    let sources = topology.vertices.iter().zip(&records_in).enumerate().filter(|(_, (vertex, _))| vertex.is_source());
    let processing_backlog =
        is_processing_backlog(sources.map(|(index, (_, rate))| (lag.latest(index), *rate)), options);

    let mut vertices: Vec<VertexMetrics> = Vec::with_capacity(topology.vertices.len());
    let mut own_names = BTreeSet::new();
    for ((index, vertex), ((records_in, lag_rate), (busy, (input, observed)))) in
        topology.vertices.iter().enumerate().zip(columns())
    {
        let lag = lag.latest(index);
        let demand = if vertex.is_source() {
            source_demand(vertex, max(0.0, records_in + lag_rate), lag, options)?
        } else {
            downstream_demand(vertex, index, &vertices, &flow)
        };
        let rate = true_processing_rate(*input, *busy, *observed, options);
        let mut row = row(vertex, demand, (rate, *busy, lag), options, processing_backlog);
        if is_extended {
            let situation = Situation { restart: options.restart as u64, processing_backlog };
            for custom in extensions.evaluate(index, &row, situation) {
                merge(&mut row, &custom, &mut own_names);
            }
        }
        vertices.push(row);
    }
    Ok(Evaluation { vertices, global: GlobalEvaluation::of(window), processing_backlog })
}

/// Puts what an evaluator says over what was evaluated, or beside it: as far as there is room for its `own_names`.
fn merge(row: &mut VertexMetrics, custom: &CustomMetric, own_names: &mut BTreeSet<String>) {
    let value = custom.over(row.by_name(&custom.name));
    if Metric::from_name(&custom.name).is_none() && !own_names.contains(&custom.name) {
        let is_nothing = value.current.is_nan() && value.average.is_nan();
        if is_nothing || own_names.len() >= MOST_OWN_NAMES {
            return;
        }
        own_names.insert(custom.name.clone());
    }
    row.set_by_name(&custom.name, value);
}

/// What comes in at a source, and a share of its lag.
fn source_demand(vertex: &Vertex, ingestion: f64, lag: f64, options: &EvaluationOptions) -> Result<Demand, Failure> {
    if ingestion.is_nan() {
        let text = format!("cannot evaluate metrics without ingestion rate of source {}", vertex.id);
        return Err(Failure::Evaluating(text));
    }
    let catch_up_data_rate = if options.catch_up == 0.0 { 0.0 } else { lag / options.catch_up };
    Ok(Demand { target_data_rate: ingestion, catch_up_data_rate })
}

/// What the inputs of a vertex, whose metrics are evaluated already, will send on to it.
fn downstream_demand(vertex: &Vertex, index: usize, evaluated: &[VertexMetrics], flow: &Flow<'_>) -> Demand {
    let mut demand = Demand { target_data_rate: 0.0, catch_up_data_rate: 0.0 };
    for (input, _) in &vertex.inputs {
        let ratio = flow.output_ratio(*input, index);
        let upstream = evaluated.get(*input);
        let rate = |value: Option<f64>| value.unwrap_or(f64::NAN) * ratio;
        demand.target_data_rate += rate(upstream.map(|row| row.average(Metric::TargetDataRate)));
        demand.catch_up_data_rate += rate(upstream.map(|row| row.current(Metric::CatchUpDataRate)));
    }
    demand
}

/// One vertex' metrics. The thresholds are those of the rounded demand.
fn row(
    vertex: &Vertex,
    demand: Demand,
    (rate, busy, lag): (f64, f64, f64),
    options: &EvaluationOptions,
    processing_backlog: bool,
) -> VertexMetrics {
    let mut row = VertexMetrics::default();
    row.set(Metric::TargetDataRate, EvaluatedMetric::avg(demand.target_data_rate));
    row.set(Metric::CatchUpDataRate, EvaluatedMetric::of(demand.catch_up_data_rate));
    row.set(Metric::TrueProcessingRate, EvaluatedMetric::avg(rate));
    row.set(Metric::Load, EvaluatedMetric::avg(busy / 1000.0));
    if !lag.is_nan() {
        row.set(Metric::Lag, EvaluatedMetric::of(lag));
    }
    row.set(Metric::Parallelism, EvaluatedMetric::of(f64::from(vertex.parallelism)));
    row.set(Metric::RecommendedParallelism, EvaluatedMetric::of(f64::from(vertex.parallelism)));
    row.set(Metric::MaxParallelism, EvaluatedMetric::of(f64::from(vertex.max_parallelism)));
    row.set(Metric::NumSourcePartitions, EvaluatedMetric::of(f64::from(vertex.source_partitions)));
    let rounded = Demand {
        target_data_rate: row.average(Metric::TargetDataRate),
        catch_up_data_rate: row.current(Metric::CatchUpDataRate),
    };
    let (up, down) = rounded.thresholds(options, processing_backlog);
    row.set(Metric::ScaleUpRateThreshold, EvaluatedMetric::of(up));
    row.set(Metric::ScaleDownRateThreshold, EvaluatedMetric::of(down));
    row
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::extension::NoExtensions;
    use crate::testing::{FakeView, cases, close, configuration, number, same};

    fn evaluated(case: &Value) -> (Topology, Result<Evaluation, Failure>) {
        let view = FakeView::of_topology(&case["topology"]).with_samples(&case["history"]);
        let topology = Topology::of(&view).unwrap();
        let restart = case["restartTimeMs"].as_u64().unwrap() / 1000;
        let options = EvaluationOptions::read(&configuration(&case["config"]), restart).unwrap();
        let evaluation = evaluate(&topology, &Window::new(&view, topology.vertices.len()), &options, &NoExtensions);
        (topology, evaluation)
    }

    #[test]
    fn every_metric_is_that_of_the_reference() {
        for case in cases("oracle_evaluator") {
            let (topology, evaluation) = evaluated(&case);
            let evaluation = evaluation.unwrap();
            for (vertex, row) in topology.vertices.iter().zip(&evaluation.vertices) {
                let expected = &case["expectedVertexMetrics"][&vertex.id];
                for metric in Metric::ALL {
                    if metric == Metric::RecommendedParallelism {
                        continue;
                    }
                    let (found, expected) = (row.get(metric), &expected[metric.name()]);
                    assert_eq!(found.is_some(), expected.is_object(), "{} {metric:?} {case}", vertex.id);
                    let close = close(row.current(metric), number(&expected["current"]))
                        && close(row.average(metric), number(&expected["average"]));
                    assert!(close, "{} {metric:?} {found:?} {expected}", vertex.id);
                }
            }
            for scalar in evaluation.global.scalars() {
                let expected = &case["expectedGlobalMetrics"][scalar.metric];
                assert!(same(scalar.current, number(&expected["current"])), "{scalar:?} {expected}");
                assert!(same(scalar.average, number(&expected["average"])), "{scalar:?} {expected}");
            }
        }
    }

    #[test]
    fn the_facts_of_the_upstream_tests_hold() {
        for case in cases("upstream_evaluation") {
            let (topology, evaluation) = evaluated(&case);
            let evaluation = evaluation.unwrap();
            for (id, facts) in case["expected"].as_object().unwrap() {
                let index = topology.vertices.iter().position(|vertex| vertex.id == *id).unwrap();
                let row = &evaluation.vertices[index];
                for (name, expected) in facts.as_object().unwrap() {
                    let (name, field) = name.split_once('.').unwrap_or((name, "absent"));
                    let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name).unwrap();
                    match field {
                        "absent" => assert_eq!(row.get(metric), None, "{case}"),
                        "avg" => assert!(same(row.average(metric), number(expected)), "{name} {case}"),
                        _ => assert!(same(row.current(metric), number(expected)), "{name} {case}"),
                    }
                }
            }
        }
    }

    #[test]
    fn a_source_without_a_rate_cannot_be_evaluated() {
        let mut case = cases("upstream_evaluation").next().unwrap();
        case["history"][0]["vertices"]["source"]["NUM_RECORDS_IN"] = Value::Null;
        assert!(matches!(evaluated(&case).1, Err(Failure::Evaluating(_))));
    }
}
