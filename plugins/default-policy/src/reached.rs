//! The plugins that the host reaches for the policy, in policy-kit's words.

use tidegate_policy_kit::decision::Column;
use tidegate_policy_kit::extension::{Alignment, CustomMetric, Extensions, Ruling, Situation};
use tidegate_policy_kit::metric::{EvaluatedMetric, VertexMetrics};
use tidegate_policy_kit::view::ShipStrategy;

use crate::bindings::tidegate::policy::{extension, observation, terms};

/// The host's extensions.
pub(crate) struct Reached;

impl Extensions for Reached {
    fn evaluator(&self) -> Option<String> {
        extension::evaluator()
    }

    fn aligner(&self) -> Option<String> {
        extension::aligner()
    }

    fn filters(&self) -> Vec<String> {
        extension::filters()
    }

    fn evaluate(&self, vertex: usize, evaluated: &VertexMetrics, situation: Situation) -> Vec<CustomMetric> {
        let restart_time = situation.restart.saturating_mul(1000);
        let answer =
            extension::evaluate(index(vertex), &metrics(evaluated), restart_time, situation.processing_backlog);
        let custom = |metric: terms::Metric| {
            let terms::Metric { name, current, average } = metric;
            CustomMetric { name, current, average }
        };
        answer.into_iter().map(custom).collect()
    }

    fn align(&self, question: &Alignment<'_>) -> Result<Option<u32>, String> {
        let Alignment { vertex, applicant, inputs, evaluated } = question;
        let positive = |number: i32| u32::try_from(number).unwrap_or(0);
        let applicant = terms::Applicant {
            vertex: index(*vertex),
            current: positive(applicant.current),
            target: positive(applicant.target),
            source_partitions: positive(applicant.source_partitions),
            max_parallelism: positive(applicant.max_parallelism),
            lower_limit: positive(applicant.lower_limit),
            upper_limit: positive(applicant.upper_limit),
            inputs: inputs.iter().map(|ship| strategy(*ship)).collect(),
        };
        extension::align(&applicant, &metrics(evaluated))
    }

    fn filter(&self, changes: Vec<(usize, u32)>, evaluated: Vec<Column>) -> Result<Ruling, String> {
        let changes: Vec<terms::Proposal> = changes
            .into_iter()
            .map(|(vertex, parallelism)| terms::Proposal { vertex: index(vertex), parallelism })
            .collect();
        let evaluated: Vec<terms::MetricColumn> = evaluated
            .into_iter()
            .map(|Column { metric, current, average }| terms::MetricColumn {
                name: metric.into_owned(),
                current,
                average,
            })
            .collect();
        Ok(match extension::filter(&changes, &evaluated)? {
            extension::Ruling::Accepted(left) => {
                Ruling::Accepted(left.into_iter().map(|it| (it.vertex as usize, it.parallelism)).collect())
            }
            extension::Ruling::Vetoed((by, reason)) => Ruling::Vetoed { by, reason },
        })
    }
}

/// A job has far fewer vertices than there are indexes.
fn index(vertex: usize) -> u32 {
    u32::try_from(vertex).unwrap_or(u32::MAX)
}

fn metrics(evaluated: &VertexMetrics) -> Vec<terms::Metric> {
    let metric = |(name, value): (&str, EvaluatedMetric)| {
        let EvaluatedMetric { current, average } = value;
        terms::Metric { name: name.to_owned(), current, average }
    };
    evaluated.iter().map(metric).collect()
}

fn strategy(ship: ShipStrategy) -> observation::ShipStrategy {
    match ship {
        ShipStrategy::Hash => observation::ShipStrategy::Hash,
        ShipStrategy::Rebalance => observation::ShipStrategy::Rebalance,
        ShipStrategy::Rescale => observation::ShipStrategy::Rescale,
        ShipStrategy::Forward => observation::ShipStrategy::Forward,
        ShipStrategy::Custom => observation::ShipStrategy::Custom,
        ShipStrategy::Broadcast => observation::ShipStrategy::Broadcast,
        ShipStrategy::Global => observation::ShipStrategy::Global,
        ShipStrategy::Shuffle => observation::ShipStrategy::Shuffle,
        ShipStrategy::Unknown => observation::ShipStrategy::Unknown,
    }
}
