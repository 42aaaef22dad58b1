//! What the policy asks of the plugins that are configured for a job.

use crate::decision::Column;
use crate::metric::{EvaluatedMetric, VertexMetrics};
use crate::scale::Applicant;
use crate::view::ShipStrategy;

/// The evaluator, the aligner and the filters of a job.
pub trait Extensions {
    /// The name of the plugin that adds to what is evaluated, if there is one.
    fn evaluator(&self) -> Option<String>;
    /// The name of the plugin that aligns parallelisms, if there is one.
    fn aligner(&self) -> Option<String>;
    /// The names of the plugins that filter changes.
    fn filters(&self) -> Vec<String>;

    /// The evaluator's metrics of the vertex at that index.
    fn evaluate(&self, vertex: usize, evaluated: &VertexMetrics, situation: Situation) -> Vec<CustomMetric>;
    /// The aligner's parallelism; none where the vertex keeps its target.
    ///
    /// # Errors
    /// When the aligner has no answer, and why.
    fn align(&self, question: &Alignment<'_>) -> Result<Option<u32>, String>;
    /// What the filters say of `changes`: the index of each vertex that would change, and its new parallelism.
    ///
    /// # Errors
    /// When one of them has no answer, and why.
    fn filter(&self, changes: Vec<(usize, u32)>, evaluated: Vec<Column>) -> Result<Ruling, String>;
}

/// What an evaluator is told about the whole job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Situation {
    /// How long a restart takes, whole seconds.
    pub restart: u64,
    /// Whether the job works off a backlog.
    pub processing_backlog: bool,
}

/// One metric of an evaluator. NaN where it has nothing to say.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomMetric {
    /// Such as `TARGET_DATA_RATE`.
    pub name: String,
    /// The latest value.
    pub current: f64,
    /// The average over the window.
    pub average: f64,
}

/// A vertex that an aligner is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Alignment<'a> {
    /// Its index.
    pub vertex: usize,
    /// Its parallelism, and within which limits.
    pub applicant: &'a Applicant,
    /// How its inputs are partitioned.
    pub inputs: &'a [ShipStrategy],
    /// Its evaluated metrics.
    pub evaluated: &'a VertexMetrics,
}

/// What filters say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// These changes, and only these.
    Accepted(Vec<(usize, u32)>),
    /// None.
    Vetoed {
        /// The filter that says so.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
}

impl CustomMetric {
    /// This metric over what was there before: a NaN leaves what it finds.
    pub fn over(&self, before: Option<EvaluatedMetric>) -> EvaluatedMetric {
        let either = |incoming: f64, present: f64| if incoming.is_nan() { present } else { incoming };
        let (current, average) = before.map_or((f64::NAN, f64::NAN), |before| (before.current, before.average));
        EvaluatedMetric::new(either(self.current, current), either(self.average, average))
    }
}

/// A job without any.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoExtensions;

impl Extensions for NoExtensions {
    fn evaluator(&self) -> Option<String> {
        None
    }

    fn aligner(&self) -> Option<String> {
        None
    }

    fn filters(&self) -> Vec<String> {
        Vec::new()
    }

    fn evaluate(&self, _: usize, _: &VertexMetrics, _: Situation) -> Vec<CustomMetric> {
        Vec::new()
    }

    fn align(&self, _: &Alignment<'_>) -> Result<Option<u32>, String> {
        Ok(None)
    }

    fn filter(&self, changes: Vec<(usize, u32)>, _: Vec<Column>) -> Result<Ruling, String> {
        Ok(Ruling::Accepted(changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cases, number, same};

    #[test]
    fn metrics_are_merged_as_upstream_does() {
        let pair = |values: &serde_json::Value| (number(&values[0]), number(&values[1]));
        for case in cases("upstream_custom_evaluator_merge") {
            let (current, average) = pair(&case["incoming"]);
            let incoming = CustomMetric { name: "LAG".to_owned(), current, average };
            let (current, average) = pair(&case["actual"]);
            let merged = incoming.over(Some(EvaluatedMetric::new(current, average)));
            let expected = pair(&case["expected"]);
            assert!(same(merged.current, expected.0) && same(merged.average, expected.1), "{case}");
        }
        let incoming = CustomMetric { name: "LAG".to_owned(), current: 1.0, average: f64::NAN };
        let added = incoming.over(None);
        assert!(same(added.current, 1.0) && same(added.average, f64::NAN), "a metric that was not there is added");
    }
}
