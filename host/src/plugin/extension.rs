//! `tidegate:policy/extension`: what a policy asks while it decides, and what becomes of the answers of evaluators,
//! aligners and filters.

use std::time::Duration;

use super::CallError;
use super::call::State;
use super::log::clean;
use super::policy::bindings::tidegate::policy::extension::{Host, Ruling};
use super::view::bindings::tidegate::policy::terms;
use super::view::{from_proposal, from_scalar, into_applicant, into_proposal, into_scalar};
use crate::extension::{ExtensionError, Situation};
use crate::model;

/// Metrics that an evaluator may answer about one vertex.
const MOST_METRICS: usize = 100;

/// Bytes of a metric's name.
const LONGEST_NAME: usize = 100;

/// What there is to say of extensions to who asks outside of a decision.
const NOT_DECIDING: &str = "extensions can be asked only while a policy decides";

impl Host for State {
    async fn evaluator(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.extensions.as_ref().and_then(|extensions| extensions.evaluator()))
    }

    async fn aligner(&mut self) -> wasmtime::Result<Option<String>> {
        Ok(self.extensions.as_ref().and_then(|extensions| extensions.aligner()))
    }

    async fn filters(&mut self) -> wasmtime::Result<Vec<String>> {
        Ok(self.extensions.as_ref().map(|extensions| extensions.filters()).unwrap_or_default())
    }

    async fn evaluate(
        &mut self,
        vertex: u32,
        evaluated: Vec<terms::Metric>,
        restart_time: u64,
        processing_backlog: bool,
    ) -> wasmtime::Result<Vec<terms::Metric>> {
        let Some(extensions) = &self.extensions else { return Ok(Vec::new()) };
        let situation = Situation { restart_time: Duration::from_millis(restart_time), processing_backlog };
        let evaluated = evaluated.into_iter().map(into_scalar).collect();
        let metrics = extensions.evaluate(vertex as usize, evaluated, situation).await;
        Ok(metrics.into_iter().map(from_scalar).collect())
    }

    async fn align(
        &mut self,
        applicant: terms::Applicant,
        evaluated: Vec<terms::Metric>,
    ) -> wasmtime::Result<Result<Option<u32>, String>> {
        let Some(extensions) = &self.extensions else { return Ok(Err(NOT_DECIDING.to_owned())) };
        let evaluated = evaluated.into_iter().map(into_scalar).collect();
        Ok(extensions.align(into_applicant(applicant), evaluated).await)
    }

    async fn filter(
        &mut self,
        changes: Vec<terms::Proposal>,
        evaluated: Vec<terms::MetricColumn>,
    ) -> wasmtime::Result<Result<Ruling, String>> {
        let Some(extensions) = &self.extensions else { return Ok(Err(NOT_DECIDING.to_owned())) };
        let changes = changes.into_iter().map(into_proposal).collect();
        let column = |column: terms::MetricColumn| {
            let terms::MetricColumn { name, current, average } = column;
            model::Evaluated { metric: name, current, average }
        };
        let ruling = extensions.filter(changes, evaluated.into_iter().map(column).collect()).await;
        Ok(ruling.map(|ruling| match ruling {
            model::Ruling::Accepted(left) => Ruling::Accepted(left.into_iter().map(from_proposal).collect()),
            model::Ruling::Vetoed { by, reason } => Ruling::Vetoed((by, reason)),
        }))
    }
}

/// The domain's form of an answer that an evaluator, an aligner or a filter gave or did not give.
pub(super) fn answered<T>(answer: Result<Result<T, String>, CallError>) -> Result<T, ExtensionError> {
    match answer {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(reason)) => Err(ExtensionError::Declined { reason: clean(&reason) }),
        Err(error) => Err(ExtensionError::Broken(error.into())),
    }
}

/// The domain's form of an evaluator's metrics.
///
/// # Errors
/// When there are too many, or one has no name to keep it under.
pub(super) fn into_metrics(metrics: Vec<terms::Metric>) -> Result<Vec<model::Scalar>, CallError> {
    if metrics.len() > MOST_METRICS {
        let reason = format!("it has {} metrics of one vertex, {MOST_METRICS} may be given", metrics.len());
        return Err(CallError::Malformed { reason });
    }
    if let Some(metric) = metrics.iter().find(|metric| !(1..=LONGEST_NAME).contains(&metric.name.len())) {
        let reason = format!("a metric's name has {} bytes, 1 to {LONGEST_NAME} are taken", metric.name.len());
        return Err(CallError::Malformed { reason });
    }
    Ok(metrics.into_iter().map(into_scalar).collect())
}

/// Whose call it is, for the log and the sandbox.
pub(super) fn job_of(observation: &model::Observation) -> String {
    format!("{}/{}", observation.cluster, observation.job_name)
}

#[cfg(test)]
mod tests {
    use super::super::contract::Contract;
    use super::super::linked::World;
    use super::super::{aligner, evaluator, filter, policy};

    /// So that no call of a guest can lead back to a guest of its own kind, or to itself.
    #[test]
    fn only_a_policy_can_ask_for_extensions() {
        let asks = |contract: &Contract| contract.imports.contains(&"tidegate:policy/extension");
        assert!(asks(&policy::Pre::CONTRACT));
        for contract in [aligner::Pre::CONTRACT, evaluator::Pre::CONTRACT, filter::Pre::CONTRACT] {
            assert!(!asks(&contract), "{}", contract.export);
        }
    }
}
