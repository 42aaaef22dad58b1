//! DS2 as it was published (Kalavri et al., OSDI 2018), to compare with: a simulation's reference, no policy to run.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_common::configuration::Configuration;

use crate::extension::Extensions;
use crate::model::{Decision, Observation, ScalingMetric, Target, Topology, Verdict};
use crate::policy::{Policy, PolicyError};

/// Plain DS2: every operator gets as many instances as its share of the sources' rate needs, should its capacity grow in
/// proportion.
///
/// Rates are those between the last two samples, so that a policy interval of DS2's is the time between two passes, and
/// its warm-up the time until the window is full. One decision is enough to act (activation time 1); any other result
/// than what runs is acted on; nothing is added to it (scaling factor 0, no target rate ratio). Sources stay as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ds2;

/// One operator, and what was measured of it.
#[derive(Clone, Debug, PartialEq)]
struct Operator {
    /// Those that it has its records from; earlier ones. None: it is a source.
    inputs: Vec<usize>,
    parallelism: u32,
    /// Records per second that arrive at a source from outside.
    arriving: f64,
    /// Records per second of busy time that all its instances take in together.
    true_processing_rate: f64,
    /// Records that it puts out for each one that it takes in, over each of its edges.
    selectivity: f64,
}

/// The instances that each operator needs; those that it has where nothing was measured of it.
fn optimal(operators: &[Operator]) -> Vec<u32> {
    let mut needed = Vec::with_capacity(operators.len());
    let mut outputs: Vec<f64> = Vec::with_capacity(operators.len());
    for operator in operators {
        if operator.inputs.is_empty() {
            needed.push(operator.parallelism);
            outputs.push(operator.arriving * operator.selectivity);
            continue;
        }
        let input: f64 = operator.inputs.iter().filter_map(|from| outputs.get(*from)).sum();
        let instances = input / (operator.true_processing_rate / f64::from(operator.parallelism));
        needed.push(if instances.is_finite() { (instances.ceil() as u32).max(1) } else { operator.parallelism });
        outputs.push(input * operator.selectivity);
    }
    needed
}

#[async_trait]
impl Policy for Ds2 {
    fn name(&self) -> &str {
        "ds2"
    }

    async fn check_options(&self, _: &str, _: &Configuration) -> Result<Vec<String>, PolicyError> {
        Ok(Vec::new())
    }

    async fn decide(&self, observation: Arc<Observation>, _: Arc<dyn Extensions>) -> Result<Decision, PolicyError> {
        let hold =
            |reason: &str| Decision { verdict: Verdict::Hold { reason: reason.to_owned() }, ..Decision::default() };
        if !observation.is_window_full() {
            return Ok(hold("the window is not full"));
        }
        let Some(operators) = measured(&observation) else { return Ok(hold("there are no two samples yet")) };
        let needed = optimal(&operators);
        let vertices =
            observation.topology.vertices.iter().zip(&observation.excluded).zip(needed.iter().zip(&operators));
        let scaled = vertices.filter(|((_, excluded), (_, operator))| !**excluded && !operator.inputs.is_empty());
        let wanted = scaled.map(|((vertex, _), (needed, _))| (vertex, (*needed).min(vertex.max_parallelism)));
        let wanted: Vec<_> = wanted.collect();
        if wanted.iter().all(|(vertex, parallelism)| vertex.parallelism == *parallelism) {
            return Ok(hold("every operator has what it needs"));
        }
        let targets = wanted.into_iter().map(|(vertex, parallelism)| Target { vertex: vertex.id, parallelism });
        Ok(Decision { verdict: Verdict::Scale(targets.collect()), ..Decision::default() })
    }
}

/// What the last two samples say; none where there are not two.
fn measured(observation: &Observation) -> Option<Vec<Operator>> {
    let topology = &observation.topology;
    let mut latest = observation.window.iter().rev();
    let (after, before) = (latest.next()?, latest.next()?);
    let seconds = (after.at.as_millis() - before.at.as_millis()) as f64 / 1000.0;
    let operator = |(index, vertex): (usize, &crate::model::Vertex)| {
        let grown = |metric: ScalingMetric| {
            let of = |sample: &crate::model::Sample| sample.vertex(vertex.id).map_or(f64::NAN, |it| it.value(metric));
            of(after) - of(before)
        };
        let (taken, busy) = (grown(ScalingMetric::NumRecordsIn), grown(ScalingMetric::AccumulatedBusyTime) / 1000.0);
        // The counter sums over the edges; each is taken to carry the same.
        let edges = topology.edges.iter().filter(|edge| edge.from == index).count().max(1) as f64;
        let selectivity = grown(ScalingMetric::NumRecordsOut) / taken / edges;
        Operator {
            inputs: inputs(topology, index),
            parallelism: vertex.parallelism,
            arriving: (taken + grown(ScalingMetric::Lag)) / seconds,
            // The busy time is that of all instances: records of a busy second are those of one.
            true_processing_rate: taken / busy * f64::from(vertex.parallelism),
            selectivity: if selectivity.is_finite() { selectivity } else { 0.0 },
        }
    };
    Some(topology.vertices.iter().enumerate().map(operator).collect())
}

fn inputs(topology: &Topology, index: usize) -> Vec<usize> {
    topology.edges.iter().filter(|edge| edge.to == index).map(|edge| edge.from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The topologies, rates and results of the unit tests in DS2's own repository: `Source -> Op1 -> Op2`, and the same
    /// with a second source like the first.
    #[test]
    fn the_results_are_those_of_the_authors() {
        for (source, (taken, put_out), last, one_source, two_sources) in [
            (100.0, (50.0, 400.0), 100.0, (2, 8), (4, 16)),
            (200.0, (40.0, 700.0), 99.0, (5, 36), (10, 71)),
            (200.0, (10.0, 700.0), 201.0, (20, 70), (40, 140)),
        ] {
            let operator = |inputs: &[usize], true_processing_rate: f64, selectivity: f64| Operator {
                inputs: inputs.to_vec(),
                parallelism: 1,
                arriving: source,
                true_processing_rate,
                selectivity,
            };
            let from = operator(&[], f64::NAN, 1.0);
            let one = [from.clone(), operator(&[0], taken, put_out / taken), operator(&[1], last, 0.0)];
            assert_eq!(optimal(&one)[1..], [one_source.0, one_source.1]);
            let two = [from.clone(), from, operator(&[0, 1], taken, put_out / taken), operator(&[2], last, 0.0)];
            assert_eq!(optimal(&two)[2..], [two_sources.0, two_sources.1]);
        }
    }

    #[test]
    fn an_operator_that_did_nothing_stays_as_it_is() {
        let source = Operator {
            inputs: Vec::new(),
            parallelism: 3,
            arriving: 0.0,
            true_processing_rate: f64::NAN,
            selectivity: 0.0,
        };
        let idle = Operator { inputs: vec![0], parallelism: 4, ..source.clone() };
        assert_eq!(optimal(&[source, idle]), [3, 4]);
    }
}
