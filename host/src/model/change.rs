//! What a policy and the plugins that it reaches say to each other about a job.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_common::number::round_metric;

use super::{Evaluated, Scalar, ShipStrategy};

/// A parallelism for one vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposal {
    /// An index into [`super::Topology::vertices`]; not yet checked.
    pub vertex: usize,
    /// As a plugin says it; not yet checked.
    pub parallelism: u32,
}

/// A vertex whose parallelism is to be aligned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applicant {
    /// An index into [`super::Topology::vertices`].
    pub vertex: usize,
    /// Its parallelism now.
    pub current: u32,
    /// The parallelism to align.
    pub target: u32,
    /// Partitions that it reads; 0 where there are none or they are not known.
    pub source_partitions: u32,
    /// Its number of key groups.
    pub max_parallelism: u32,
    /// The least parallelism that the options allow it.
    pub lower_limit: u32,
    /// The largest parallelism that the options allow it.
    pub upper_limit: u32,
    /// How its inputs are partitioned.
    pub inputs: Vec<ShipStrategy>,
}

/// What one filter says of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterOutcome {
    /// They may be made as they are.
    Accept,
    /// These may be made instead.
    Modify(Vec<Proposal>),
    /// None may be made, and why.
    Veto(String),
}

/// What all filters together say of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// These may be made: ordered by vertex, never empty.
    Accepted(Vec<Proposal>),
    /// None may be made.
    Vetoed {
        /// The filter that says so.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
}

/// Names of metrics that are kept of a job in one pass; further ones are left out.
const MOST_METRICS: usize = 1000;

/// What a policy has evaluated so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// How long a restart takes; zero where nobody says.
    pub restart_time: Duration,
    /// Whether the job works off a backlog.
    pub processing_backlog: bool,
    vertices: usize,
    /// By name: the latest value and the average of each vertex.
    columns: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Evaluation {
    /// Nothing yet, of a job with so many vertices.
    pub fn of(vertices: usize) -> Self {
        Self { vertices, ..Self::default() }
    }

    /// What these columns hold about so many vertices.
    pub fn of_columns(vertices: usize, columns: &[Evaluated]) -> Self {
        let mut evaluation = Self::of(vertices);
        for Evaluated { metric, current, average } in columns {
            let value = |values: &[f64], vertex: usize| values.get(vertex).copied().unwrap_or(f64::NAN);
            let values = (0..vertices).map(|vertex| (value(current, vertex), value(average, vertex)));
            evaluation.columns.insert(metric.clone(), values.collect());
        }
        evaluation
    }

    /// Puts `scalar` in the place of what there is of a vertex, as it is.
    pub fn set(&mut self, vertex: usize, scalar: &Scalar) {
        if let Some(place) = self.place(vertex, &scalar.metric) {
            *place = (scalar.current, scalar.average);
        }
    }

    /// Merges `scalar` into what there is of a vertex, value by value and rounded as evaluated metrics are: a NaN leaves
    /// what it finds.
    pub fn merge(&mut self, vertex: usize, scalar: &Scalar) {
        let either = |incoming: f64, present: f64| round_metric(if incoming.is_nan() { present } else { incoming });
        if let Some(place) = self.place(vertex, &scalar.metric) {
            *place = (either(scalar.current, place.0), either(scalar.average, place.1));
        }
    }

    fn place(&mut self, vertex: usize, metric: &str) -> Option<&mut (f64, f64)> {
        if self.columns.len() >= MOST_METRICS && !self.columns.contains_key(metric) {
            return None;
        }
        if !self.columns.contains_key(metric) {
            self.columns.insert(metric.to_owned(), vec![(f64::NAN, f64::NAN); self.vertices]);
        }
        self.columns.get_mut(metric)?.get_mut(vertex)
    }

    /// One metric of all vertices, if one of them has it.
    pub fn metric(&self, name: &str) -> Option<Evaluated> {
        let values = self.columns.get(name)?;
        let (current, average) = values.iter().copied().unzip();
        Some(Evaluated { metric: name.to_owned(), current, average })
    }

    /// All metrics of one vertex, ordered by name.
    pub fn vertex(&self, vertex: usize) -> Vec<Scalar> {
        let values = self.columns.iter().filter_map(|(name, values)| Some((name, *values.get(vertex)?)));
        values
            .filter(|(_, (current, average))| !(current.is_nan() && average.is_nan()))
            .map(|(name, (current, average))| Scalar { metric: name.clone(), current, average })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(current: f64, average: f64) -> Scalar {
        Scalar { metric: "LAG".to_owned(), current, average }
    }

    #[test]
    fn an_evaluators_values_go_over_those_of_the_policy_unless_they_are_none() {
        let nan = f64::NAN;
        for (present, incoming, expected) in [
            ((50.0, 100.0), (60.0, 120.0), (60.0, 120.0)),
            ((50.0, 100.0), (nan, nan), (50.0, 100.0)),
            ((50.0, 100.0), (nan, 130.0), (50.0, 130.0)),
            ((nan, nan), (60.0, 120.0), (60.0, 120.0)),
            ((1.0, 1.0), (1.23456, f64::INFINITY), (1.235, f64::INFINITY)),
        ] {
            let mut evaluation = Evaluation::of(2);
            evaluation.set(1, &scalar(present.0, present.1));
            evaluation.merge(1, &scalar(incoming.0, incoming.1));
            assert_eq!(evaluation.vertex(1), [scalar(expected.0, expected.1)]);
        }
    }

    #[test]
    fn what_is_not_evaluated_is_not_there() {
        let mut evaluation = Evaluation::of(2);
        evaluation.set(0, &scalar(1.0, 2.0));
        evaluation.set(7, &scalar(1.0, 2.0));
        assert_eq!(evaluation.metric("LOAD"), None);
        let lag = evaluation.metric("LAG").unwrap();
        assert_eq!(lag.current[0], 1.0);
        assert!(lag.current[1].is_nan() && lag.current.len() == 2);
        assert_eq!(evaluation.vertex(1), []);
        assert_eq!(evaluation.vertex(7), []);
    }

    #[test]
    fn there_is_an_end_to_names() {
        let mut evaluation = Evaluation::of(1);
        for name in 0..MOST_METRICS + 10 {
            evaluation.merge(0, &Scalar { metric: name.to_string(), current: 1.0, average: 1.0 });
        }
        assert_eq!(evaluation.vertex(0).len(), MOST_METRICS);
    }

    #[test]
    fn columns_may_be_short_or_empty() {
        let column = Evaluated { metric: "LAG".to_owned(), current: vec![1.0], average: Vec::new() };
        let evaluation = Evaluation::of_columns(2, &[column]);
        let [found] = &evaluation.vertex(0)[..] else { panic!("{evaluation:?}") };
        assert!(found.current == 1.0 && found.average.is_nan());
        assert_eq!(evaluation.vertex(1), []);
    }
}
