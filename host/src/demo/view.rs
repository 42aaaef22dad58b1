//! What the demo shows at one moment.

use tidegate_common::time::Timestamp;

use crate::simulate::JobSnapshot;

/// All jobs at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DemoView {
    /// The moment.
    pub now: Timestamp,
    /// In the order in which they are shown.
    pub jobs: Vec<DemoJob>,
    /// Who decides, where that is not the bundled policy.
    pub policy: Option<DemoPolicy>,
}

/// A policy that may be another version at any moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DemoPolicy {
    /// Where it comes from.
    pub source: String,
    /// The version in service: the beginning of its digest. Absent: none is.
    pub version: Option<String>,
    /// A newer version that does not come into service, and why.
    pub refused: Option<(String, String)>,
}

/// One job.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoJob {
    /// Its name.
    pub name: String,
    /// What Flink says of it, such as `RUNNING`.
    pub state: String,
    /// The last thing that was decided about it.
    pub decision: Option<DemoDecision>,
    /// Its vertices, in topological order.
    pub rows: Vec<DemoRow>,
}

/// One vertex.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoRow {
    /// As Flink shows it.
    pub vertex: String,
    /// The share of its time that its fullest subtask is busy; from 0 to 1. Absent: not known now.
    pub load: Option<f64>,
    /// Records that wait; sources only.
    pub lag: Option<f64>,
    /// Subtasks now. While the job restarts: before it did.
    pub parallelism: u32,
    /// Subtasks that the host wants. Absent: it has not said.
    pub wanted: Option<u32>,
}

/// What was decided about a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoDecision {
    /// When. A decision with another time is another decision.
    pub at: Timestamp,
    /// Whether something was changed.
    pub acted: bool,
    /// What, in a few words, such as `join 2 -> 5`.
    pub what: String,
    /// Why, in a sentence. May be empty.
    pub why: String,
}

impl DemoJob {
    /// A job as the simulated cluster has it; nothing is known yet of decisions.
    pub fn of(job: &JobSnapshot) -> Self {
        let running = job.is_running();
        let rows = job.vertices.iter().map(|vertex| DemoRow {
            vertex: vertex.name.clone(),
            load: running.then_some(vertex.busy),
            lag: vertex.source.map(|source| source.lag),
            parallelism: vertex.parallelism,
            wanted: None,
        });
        Self { name: job.name.clone(), state: job.state.to_owned(), decision: None, rows: rows.collect() }
    }

    /// Records that wait at all its sources.
    pub fn lag(&self) -> f64 {
        self.rows.iter().filter_map(|row| row.lag).sum()
    }

    /// Whether it processes records now.
    pub fn is_running(&self) -> bool {
        self.state == "RUNNING"
    }
}

/// `number` without fractions, with a comma between thousands.
pub(super) fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.max(0.0));
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The seconds from `at` to `now`, in words.
pub(super) fn age(now: Timestamp, at: Timestamp) -> String {
    let seconds = (now.as_millis() - at.as_millis()).max(0) / 1000;
    match seconds {
        0 => "now".to_owned(),
        1..=119 => format!("{seconds} s ago"),
        _ => format!("{} min ago", seconds / 60),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A job of a source and an operator.
    pub(in crate::demo) fn job(name: &str, lag: f64, parallelism: u32, wanted: u32) -> DemoJob {
        let source = DemoRow {
            vertex: "Source: log".to_owned(),
            load: Some(0.2),
            lag: Some(lag),
            parallelism: 1,
            wanted: Some(1),
        };
        let operator =
            DemoRow { vertex: "enrich".to_owned(), load: Some(0.97), lag: None, parallelism, wanted: Some(wanted) };
        DemoJob { name: name.to_owned(), state: "RUNNING".to_owned(), decision: None, rows: vec![source, operator] }
    }

    pub(in crate::demo) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    #[test]
    fn numbers_and_ages_are_for_people() {
        for (number, text) in [(0.4, "0"), (999.0, "999"), (1000.0, "1,000"), (1_234_567.8, "1,234,568"), (-3.0, "0")] {
            assert_eq!(grouped(number), text);
        }
        for (seconds, text) in [(0, "now"), (7, "7 s ago"), (119, "119 s ago"), (150, "2 min ago")] {
            assert_eq!(age(at(1000 + seconds), at(1000)), text);
        }
    }
}
