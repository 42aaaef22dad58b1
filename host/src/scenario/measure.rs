//! What came of a job, added up second by second from how it really is, whatever its metrics say.

use std::time::Duration;

use serde::Serialize;
use tidegate_common::time::Timestamp;

use super::{Scenario, Utilisation};
use crate::simulate::{JobSnapshot, VertexSnapshot};

/// Seconds of load that may wait of a job that has settled.
const QUIET: f64 = 1.0;

/// What one policy made of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    /// How often the job was restarted with another parallelism.
    pub rescales: usize,
    /// The load's changes, each with what came of it.
    pub changes: Vec<Change>,
    /// The most records that ever waited.
    pub backlog_max: f64,
    /// Records that waited, times seconds.
    pub backlog_record_seconds: f64,
    /// Slots in use, times hours: hours of cores, one to a slot.
    pub core_hours: f64,
    /// Subtasks, times hours.
    pub subtask_hours: f64,
    /// Seconds in which the job stood still for a rescale.
    pub down_seconds: u64,
    /// Seconds in which it could not keep up: it stood still, or a vertex had more to do than the upper bound.
    pub behind_seconds: u64,
    /// Seconds in which it did, but a vertex with more than one subtask had less to do than the lower bound.
    pub idle_seconds: u64,
    /// Seconds simulated.
    pub seconds: u64,
    /// Passes of the host.
    pub passes: usize,
    /// Passes that failed, and in which nothing could be changed.
    pub failed_passes: usize,
    /// Why the first of them did.
    pub first_failure: Option<String>,
    /// The course of it, one entry per pass.
    #[serde(skip)]
    pub course: Vec<Moment>,
}

/// What came of one change of the load.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Seconds from the beginning.
    pub at: u64,
    /// Records per second that arrive from then on.
    pub offered: f64,
    /// Rescales until the next change.
    pub rescales: usize,
    /// Seconds until the job ran, had caught up and was not rescaled again before the next change; nothing if it never
    /// came to that.
    pub settled_after: Option<u64>,
}

/// The job at a pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Seconds from the beginning.
    pub at: u64,
    /// Records per second that arrive at all sources.
    pub offered: f64,
    /// Records that wait.
    pub backlog: f64,
    /// Subtasks of all vertices that the policy may scale.
    pub subtasks: u32,
}

/// Adds up seconds.
#[derive(Debug)]
pub(super) struct Tally<'a> {
    scenario: &'a Scenario,
    run: Run,
    was_running: bool,
    running_since: Option<Timestamp>,
    /// The end of the last second that was not quiet, since the last change.
    loud_until: u64,
    next_change: usize,
}

impl<'a> Tally<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, run: Run::default(), was_running: true, running_since: None, loud_until: 0, next_change: 0 }
    }

    /// Counts the second after `at`, which begins with the job like this.
    pub(super) fn second(&mut self, at: u64, job: &JobSnapshot, pass: bool) {
        let sources = || job.vertices.iter().filter_map(|vertex| vertex.source);
        let offered: f64 = sources().map(|source| source.offered).sum();
        let backlog: f64 = sources().map(|source| source.lag).sum();
        let changes = &self.scenario.changes;
        while changes.get(self.next_change).is_some_and(|change| *change <= Duration::from_secs(at)) {
            self.settle(at);
            self.run.changes.push(Change { at, offered, rescales: 0, settled_after: None });
            self.loud_until = at;
            self.next_change += 1;
        }

        let running = job.is_running();
        // A restart can be over within the second.
        let unseen = running && self.running_since.is_some_and(|since| since != job.running_since);
        if self.was_running && (!running || unseen) {
            self.run.rescales += 1;
            if let Some(change) = self.run.changes.last_mut() {
                change.rescales += 1;
            }
        }
        (self.was_running, self.running_since) = (running, Some(job.running_since));
        if !running || backlog > QUIET * offered + 1.0 {
            self.loud_until = at + 1;
        }

        let (load, idle) = judged(self.scenario, job);
        let behind = !running || load > self.scenario.utilisation.most;
        self.run.seconds += 1;
        self.run.down_seconds += u64::from(!running);
        self.run.behind_seconds += u64::from(behind);
        self.run.idle_seconds += u64::from(!behind && idle);
        self.run.backlog_max = self.run.backlog_max.max(backlog);
        self.run.backlog_record_seconds += backlog;
        self.run.core_hours += f64::from(slots(self.scenario, job)) / 3600.0;
        let subtasks: u32 = job.vertices.iter().map(|vertex| vertex.parallelism).sum();
        self.run.subtask_hours += f64::from(subtasks) / 3600.0;
        if pass {
            let scaled = job.vertices.iter().zip(&self.scenario.scaled).filter(|(_, scaled)| **scaled);
            let subtasks = scaled.map(|(vertex, _)| vertex.parallelism).sum();
            self.run.course.push(Moment { at, offered, backlog, subtasks });
        }
    }

    /// Counts a pass of the host, and why it failed if it did.
    pub(super) fn pass(&mut self, failure: Option<&str>) {
        self.run.passes += 1;
        self.run.failed_passes += usize::from(failure.is_some());
        if let (None, Some(failure)) = (&self.run.first_failure, failure) {
            self.run.first_failure = Some(failure.to_owned());
        }
    }

    /// What came of it.
    pub(super) fn finish(mut self) -> Run {
        self.settle(self.run.seconds);
        self.run
    }

    /// The stretch since the last change ends now.
    fn settle(&mut self, now: u64) {
        if let Some(change) = self.run.changes.last_mut() {
            change.settled_after = (self.loud_until < now).then(|| self.loud_until.saturating_sub(change.at));
        }
    }
}

/// The largest share of its capacity that a vertex has to do, and whether a vertex that could be smaller has too little.
fn judged(scenario: &Scenario, job: &JobSnapshot) -> (f64, bool) {
    let Utilisation { least, .. } = scenario.utilisation;
    let load = |vertex: &VertexSnapshot| vertex.offered / vertex.capacity;
    let vertices = job.vertices.iter().zip(&scenario.scaled);
    let most = job.vertices.iter().map(load).fold(0.0, f64::max);
    let mut scaled = vertices.filter(|(_, scaled)| **scaled).map(|(vertex, _)| vertex);
    (most, scaled.any(|vertex| vertex.parallelism > 1 && load(vertex) < least))
}

/// Slots that the job has: those of its largest vertex, for each group that shares them.
fn slots(scenario: &Scenario, job: &JobSnapshot) -> u32 {
    let groups = || scenario.shape.vertices.iter().map(|vertex| vertex.slot_sharing_group).zip(&job.vertices);
    let largest =
        |group: u32| groups().filter(|(other, _)| *other == group).map(|(_, vertex)| vertex.parallelism).max();
    let mut seen: Vec<u32> = groups().map(|(group, _)| group).collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter().filter_map(largest).sum()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::model::{JobId, VertexId};
    use crate::simulate::SourceSnapshot;

    /// 100 records per second, then 200, a minute each; the operator manages 100 with each of its subtasks.
    fn scenario() -> Scenario {
        let text = r#"
            title = "x"
            lasts = "2min"
            [[vertex]]
            name = "in"
            capacity = 1000
            scale = false
            source = { load = { steps = { hold = "1min", rates = [100, 200] } } }
            [[vertex]]
            name = "work"
            capacity = 100
            inputs = [{ from = "in" }]
        "#;
        Scenario::parse(Path::new("x.toml"), text, None).unwrap()
    }

    fn job(parallelism: u32, state: &'static str, offered: f64, lag: f64) -> JobSnapshot {
        let vertex = |number: u128, parallelism: u32, capacity: f64, source| VertexSnapshot {
            id: VertexId::from_u128(number),
            name: String::new(),
            parallelism,
            busy: 0.0,
            processed: 0.0,
            offered,
            capacity,
            source,
        };
        let source = Some(SourceSnapshot { offered, lag });
        let work = vertex(1, parallelism, 100.0 * f64::from(parallelism), None);
        JobSnapshot {
            id: JobId::from_u128(1),
            name: String::new(),
            state,
            running_since: Timestamp::default(),
            vertices: vec![vertex(0, 1, 1000.0, source), work],
        }
    }

    #[test]
    fn seconds_add_up_to_what_came_of_each_change() {
        let scenario = scenario();
        let mut tally = Tally::new(&scenario);
        for second in 0..120 {
            // Three subtasks at first; when the load doubles, a backlog, then a rescale to four, caught up 20 s after it.
            let job = match second {
                0..60 => job(3, "RUNNING", 100.0, 0.0),
                60..70 => job(1, "RUNNING", 200.0, 1000.0),
                70..80 => job(1, "RESTARTING", 200.0, 3000.0),
                80..90 => job(4, "RUNNING", 200.0, 500.0),
                _ => job(4, "RUNNING", 200.0, 0.0),
            };
            tally.second(second, &job, second % 10 == 0);
        }
        let run = tally.finish();
        let change = |at, offered, rescales, settled_after| Change { at, offered, rescales, settled_after };
        assert_eq!(run.changes, [change(0, 100.0, 0, Some(0)), change(60, 200.0, 1, Some(30))]);
        assert_eq!((run.rescales, run.seconds, run.down_seconds), (1, 120, 10));
        // Behind: too small for ten seconds, then down. Idle: a third busy with three subtasks.
        assert_eq!((run.behind_seconds, run.idle_seconds), (20, 60));
        assert_eq!((run.backlog_max, run.backlog_record_seconds), (3000.0, 45_000.0));
        let core_hours = f64::from(60 * 3 + 20 + 40 * 4) / 3600.0;
        assert!((run.core_hours - core_hours).abs() < 1e-9, "{}", run.core_hours);
        assert!((run.subtask_hours - core_hours - 120.0 / 3600.0).abs() < 1e-9, "{}", run.subtask_hours);
        assert_eq!(run.course.len(), 12);
    }

    #[test]
    fn a_restart_between_two_looks_counts() {
        let scenario = scenario();
        let mut tally = Tally::new(&scenario);
        for second in 0..120 {
            let since = Timestamp::from_millis(if second < 30 { 0 } else { 29_500 });
            tally.second(second, &JobSnapshot { running_since: since, ..job(2, "RUNNING", 100.0, 0.0) }, false);
        }
        assert_eq!(tally.finish().rescales, 1);
    }

    #[test]
    fn a_job_that_never_catches_up_never_settles() {
        let scenario = scenario();
        let mut tally = Tally::new(&scenario);
        for second in 0..120 {
            tally.second(second, &job(1, "RUNNING", 200.0, 50.0 * second as f64), false);
        }
        let run = tally.finish();
        assert_eq!(run.changes.iter().map(|change| change.settled_after).collect::<Vec<_>>(), [None, None]);
        assert_eq!(run.behind_seconds, 120);
    }
}
