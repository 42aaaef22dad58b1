//! The texts of scaling reports.

use std::fmt::Write as _;
use std::time::Duration;

use tidegate_common::number::java_fixed_2;

use crate::decision::{Event, Severity};
use crate::metric::{Metric, VertexMetrics};

/// One vertex that is to change, and why.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// The vertex' id.
    pub vertex: &'a str,
    /// Its parallelism now.
    pub current: i32,
    /// Its parallelism to be.
    pub new: i32,
    /// Its evaluated metrics.
    pub metrics: &'a VertexMetrics,
}

/// What becomes of the changes in a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// They are applied.
    Enabled,
    /// They are only recommended: because of an option and its value.
    Disabled(&'static str, String),
}

/// The event that tells what is scaled, or would be.
pub(super) fn scaling_report(header: &Header, summaries: &[Summary<'_>], interval: Duration) -> Event {
    let mut message = match header {
        Header::Enabled => "Scaling execution enabled, begin scaling vertices:".to_owned(),
        Header::Disabled(key, value) => {
            format!("Scaling execution disabled by config {key}:{value}, recommended parallelism change:")
        }
    };
    for summary in summaries {
        message.push_str(&entry(summary));
    }
    Event {
        severity: Severity::Normal,
        reason: "ScalingReport",
        message,
        message_key: Some("ScalingExecutor".to_owned()),
        interval: Some(interval),
    }
}

fn entry(summary: &Summary<'_>) -> String {
    let Summary { vertex, current, new, metrics } = summary;
    let capacity = java_fixed_2(metrics.average(Metric::TrueProcessingRate));
    let expected = java_fixed_2(metrics.current(Metric::ExpectedProcessingRate));
    let target = java_fixed_2(metrics.average(Metric::TargetDataRate));
    let mut text = format!("{{ Vertex ID {vertex} | Parallelism {current} -> {new} ");
    // Writing to a String cannot fail.
    let _ = write!(text, "| Processing capacity {capacity} -> {expected} | Target data rate {target}}}");
    text
}

/// A number that tells two sets of changes apart, whatever their order: handlers that keep one report of a kind, as the
/// Java autoscaler's JDBC handler does, compare by it.
pub fn parallelism_hash<'a>(changes: impl IntoIterator<Item = (&'a str, i32, i32)>) -> String {
    let mut hash = 0_u32;
    for (vertex, current, new) in changes {
        let change = format!("Parallelism {current} -> {new}");
        hash = hash.wrapping_add(java_hash(vertex) ^ java_hash(&change));
    }
    (hash & 0x7FFF_FFFF).to_string()
}

/// Java's `String.hashCode`.
fn java_hash(text: &str) -> u32 {
    text.encode_utf16().fold(0, |hash: u32, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::EvaluatedMetric;
    use crate::testing::{cases, number};

    #[test]
    fn reports_and_their_hashes_are_those_of_the_reference() {
        for case in cases("oracle_report_hash") {
            let changes: Vec<_> = case["summaries"]
                .as_array()
                .unwrap()
                .iter()
                .map(|summary| {
                    let mut metrics = VertexMetrics::default();
                    let rate = |field: &str| number(&summary[field]);
                    metrics.set(Metric::TrueProcessingRate, EvaluatedMetric::avg(rate("tpr")));
                    metrics.set(Metric::ExpectedProcessingRate, EvaluatedMetric::of(rate("expectedRate")));
                    metrics.set(Metric::TargetDataRate, EvaluatedMetric::avg(rate("target")));
                    let int = |field: &str| summary[field].as_i64().unwrap() as i32;
                    (summary["vertex"].as_str().unwrap(), int("current"), int("new"), metrics)
                })
                .collect();
            let hash = parallelism_hash(changes.iter().map(|(vertex, current, new, _)| (*vertex, *current, *new)));
            assert_eq!(hash, case["expectedParallelismHash"].as_str().unwrap());
            if let Some(report) = case["expectedReportSingleOrder"].as_str() {
                let (vertex, current, new, metrics) = &changes[0];
                let summary = Summary { vertex, current: *current, new: *new, metrics };
                assert_eq!(format!("H:{}", entry(&summary)), report);
            }
        }
    }
}
