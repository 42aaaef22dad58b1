//! Two policies on one trace: where they decide differently, and what that comes to.

use std::time::Duration;

use serde::Serialize;
use tidegate_common::time::Timestamp;

use super::compare::{Difference, decisions};
use super::{Outcome, ReplayedPass};
use crate::model::{Decision, Topology, VertexId};

/// What one policy did over a whole trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// How often Flink was asked for other bounds.
    pub rescales: usize,
    /// Subtasks that the policy held, times hours; where it held none, those that ran in the recording.
    pub vertex_hours: f64,
    /// Passes in which a vertex would have processed less than its lower, or more than its upper, bound of
    /// utilisation asks for, with what the policy held. Judged by what was measured in the recording.
    pub outside_bounds: usize,
    /// Passes of which that can be told.
    pub judged: usize,
}

/// Adds up what two policies do on one trace.
#[derive(Debug, Default)]
pub struct Versus {
    /// What the first one did.
    pub one: Totals,
    /// What the other one did.
    pub other: Totals,
    /// Passes so far.
    pub passes: usize,
    /// Passes in which they differ.
    pub differing: usize,
    /// The last graph that was seen, and when a pass saw it or found nothing newer.
    last: Option<(Timestamp, Topology)>,
    gap: Duration,
    /// What each held after the last pass.
    held: [Vec<u32>; 2],
}

impl Versus {
    /// Counts one pass of both, and says in what they differ: the first one's is what is expected.
    pub fn count(&mut self, one: &ReplayedPass, other: &ReplayedPass) -> Vec<Difference> {
        self.pass_time(one.at);
        let seen = |pass: &ReplayedPass| pass.record.as_ref().and_then(|record| record.topology.clone());
        if let Some(topology) = seen(one).or_else(|| seen(other)).or_else(|| self.last.take().map(|(_, last)| last)) {
            self.held = [one, other].map(|pass| held(&topology, &pass.outcome));
            let measured = [one, other].into_iter().find_map(|pass| Measured::of(pass, &topology));
            if let Some(measured) = measured {
                for (totals, held) in [&mut self.one, &mut self.other].into_iter().zip(&self.held) {
                    totals.judged += 1;
                    totals.outside_bounds += usize::from(measured.is_outside(held));
                }
            }
            self.last = Some((one.at, topology));
        }
        self.one.rescales += usize::from(one.outcome.put.is_some());
        self.other.rescales += usize::from(other.outcome.put.is_some());
        self.passes += 1;
        let differences = decisions(&one.outcome, &other.outcome);
        self.differing += usize::from(!differences.is_empty());
        differences
    }

    /// The trace has ended: the last pass counts for as long as the one before it.
    pub fn finish(&mut self) {
        self.hold_for(self.gap);
    }

    /// Adds another trace.
    pub fn add(&mut self, trace: &Self) {
        for (sum, totals) in [(&mut self.one, &trace.one), (&mut self.other, &trace.other)] {
            sum.rescales += totals.rescales;
            sum.vertex_hours += totals.vertex_hours;
            sum.outside_bounds += totals.outside_bounds;
            sum.judged += totals.judged;
        }
        self.passes += trace.passes;
        self.differing += trace.differing;
    }

    fn pass_time(&mut self, now: Timestamp) {
        if let Some((before, _)) = &self.last {
            let millis = u64::try_from(now.as_millis() - before.as_millis()).unwrap_or(0);
            self.gap = Duration::from_millis(millis);
            self.hold_for(self.gap);
        }
    }

    fn hold_for(&mut self, span: Duration) {
        for (totals, held) in [&mut self.one, &mut self.other].into_iter().zip(&self.held) {
            let subtasks: f64 = held.iter().copied().map(f64::from).sum();
            totals.vertex_hours += subtasks * span.as_secs_f64() / 3600.0;
        }
    }
}

/// The parallelism of each vertex that a policy holds.
fn held(topology: &Topology, outcome: &Outcome) -> Vec<u32> {
    let held = |id: VertexId, runs: u32| outcome.overrides.get(&id).copied().unwrap_or(runs);
    topology.vertices.iter().map(|vertex| held(vertex.id, vertex.parallelism)).collect()
}

/// What each vertex processed per second when it was always busy, and between which rates it has to be able to.
struct Measured {
    runs: Vec<u32>,
    capacity: Vec<f64>,
    least: Vec<f64>,
    most: Vec<f64>,
}

impl Measured {
    /// Nothing where the pass did not evaluate, or the policy tells none of this.
    fn of(pass: &ReplayedPass, topology: &Topology) -> Option<Self> {
        let decision: &Decision = pass.record.as_ref()?.decision.as_ref()?;
        let column = |metric: &str| decision.evaluated.iter().find(|column| column.metric == metric);
        Some(Self {
            runs: topology.vertices.iter().map(|vertex| vertex.parallelism).collect(),
            capacity: column("TRUE_PROCESSING_RATE")?.average.clone(),
            least: column("SCALE_UP_RATE_THRESHOLD")?.current.clone(),
            most: column("SCALE_DOWN_RATE_THRESHOLD")?.current.clone(),
        })
    }

    /// Whether some vertex is too small or too large with these parallelisms.
    fn is_outside(&self, held: &[u32]) -> bool {
        let vertices = self.runs.iter().zip(held).zip(&self.capacity).zip(self.least.iter().zip(&self.most));
        // Unknown numbers are NaN, which no comparison is true for.
        vertices.into_iter().any(|(((runs, held), capacity), (least, most))| {
            let capacity = capacity * f64::from(*held) / f64::from(*runs);
            capacity < *least || capacity > *most
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vertex_is_judged_by_what_it_would_have_processed() {
        // Two subtasks manage 200 records per second; 150 to 300 are asked for.
        let measured = Measured { runs: vec![2], capacity: vec![200.0], least: vec![150.0], most: vec![300.0] };
        for (held, outside) in [(1, true), (2, false), (3, false), (4, true)] {
            assert_eq!(measured.is_outside(&[held]), outside, "{held}");
        }
        let unknown = Measured { capacity: vec![f64::NAN], ..measured };
        assert!(!unknown.is_outside(&[1]));
    }
}
