//! One simulated job: a fluid model of its records, and the states that a rescale takes it through.

use std::sync::Arc;
use std::time::Duration;

use tidegate_common::time::Timestamp;

use super::flow::Graph;
use super::meter::{Meters, Totals, seconds_between};
use super::subtasks::Subtasks;
use super::{ClusterOptions, JobShape, Load};
use crate::model::Bounds;

/// The longest step of the model. Steps end at its multiples, so that how often a job is looked at hardly matters.
const TICK: Duration = Duration::from_millis(250);

/// A job at one moment.
#[derive(Clone, Debug)]
pub(super) struct JobState {
    shape: Arc<JobShape>,
    graph: Arc<Graph>,
    downtime: Duration,
    resource_wait: Duration,
    cooldown: Duration,
    meter_window: Option<Duration>,
    now: Timestamp,
    started: Timestamp,
    created: Timestamp,
    running_since: Timestamp,
    phase: Phase,
    bounds: Vec<Bounds>,
    vertices: Vec<VertexState>,
    sources: Vec<SourceState>,
}

/// What Flink calls the job's state.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    /// Records flow.
    Running,
    /// The old subtasks are being cancelled.
    Restarting { until: Timestamp, next: Restart },
    /// Waiting for slots.
    Created { until: Timestamp, next: Restart },
}

/// What a job will run with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Restart {
    parallelism: Vec<u32>,
    /// How long to wait in CREATED.
    wait: Duration,
}

/// One vertex at one moment.
#[derive(Clone, Debug)]
pub(super) struct VertexState {
    pub(super) subtasks: Subtasks,
    /// Since it was started.
    pub(super) totals: Totals,
    pub(super) meters: Meters,
    /// Records sent for each one processed.
    out_ratio: f64,
    /// Which source it is, if it is one.
    pub(super) source: Option<usize>,
}

/// One source's log at one moment. Survives restarts.
#[derive(Clone, Debug)]
pub(super) struct SourceState {
    load: Load,
    load_since: Timestamp,
    /// Records that have ever arrived, those that waited in the beginning included.
    pub(super) offered: f64,
    /// Records that have ever been read.
    pub(super) read: f64,
}

impl JobState {
    /// A job of a shape that has been checked, RUNNING since `now`.
    pub(super) fn new(shape: Arc<JobShape>, options: &ClusterOptions, now: Timestamp) -> Self {
        let graph = Arc::new(Graph::new(&shape));
        let parallelism: Vec<u32> = shape.vertices.iter().map(|vertex| vertex.parallelism).collect();
        let sources = shape.vertices.iter().filter_map(|vertex| vertex.log()).map(|log| SourceState {
            load: log.load.clone(),
            load_since: now,
            offered: log.backlog,
            read: 0.0,
        });
        let mut job = Self {
            sources: sources.collect(),
            graph,
            downtime: options.downtime,
            resource_wait: options.resource_wait,
            cooldown: options.cooldown,
            meter_window: options.meter_window,
            now,
            started: now,
            created: now,
            running_since: now,
            phase: Phase::Running,
            bounds: parallelism.iter().filter_map(|p| Bounds::new(1, i64::from(*p)).ok()).collect(),
            vertices: Vec::new(),
            shape,
        };
        job.start(&parallelism, now);
        job
    }

    /// Moves the job on to `to`. It may take up to `free` slots more than it has.
    pub(super) fn advance(&mut self, to: Timestamp, free: u32) {
        while self.now < to {
            if self.phase == Phase::Running && self.running_since.plus(self.cooldown) <= self.now {
                self.rescale_if_possible(free);
            }
            let tick = TICK.as_millis() as i64;
            let end_of_tick = Timestamp::from_millis((self.now.as_millis().div_euclid(tick) + 1) * tick);
            let end = match &self.phase {
                Phase::Running => end_of_tick.min(to),
                Phase::Restarting { until, .. } | Phase::Created { until, .. } => end_of_tick.min(to).min(*until),
            };
            self.step(end);
            self.leave_phase();
        }
        if self.phase == Phase::Running && self.running_since.plus(self.cooldown) <= self.now {
            self.rescale_if_possible(free);
        }
    }

    /// Asks for other bounds, one per vertex.
    pub(super) fn require(&mut self, bounds: Vec<Bounds>) {
        self.bounds = bounds;
    }

    /// Lets the job fail and start again as it is.
    pub(super) fn restart(&mut self) {
        let parallelism = self.vertices.iter().map(|vertex| vertex.subtasks.parallelism()).collect();
        self.stop(parallelism, Duration::ZERO);
    }

    /// Offers `load` to every source from now on.
    pub(super) fn set_load(&mut self, load: &Load) {
        for source in &mut self.sources {
            source.load = load.clone();
            source.load_since = self.now;
        }
    }

    /// Whether [`Self::advance`] may want slots that the job does not have.
    pub(super) fn wants_slots(&self) -> bool {
        self.phase == Phase::Running && self.wanted() != self.parallelism()
    }

    /// The slots that it has, those of the restart under way included.
    pub(super) fn slots(&self) -> u32 {
        match &self.phase {
            Phase::Running => self.slots_for(&self.parallelism()),
            Phase::Restarting { next, .. } | Phase::Created { next, .. } => self.slots_for(&next.parallelism),
        }
    }

    pub(super) fn shape(&self) -> &JobShape {
        &self.shape
    }

    pub(super) fn phase(&self) -> &Phase {
        &self.phase
    }

    pub(super) fn bounds(&self) -> &[Bounds] {
        &self.bounds
    }

    pub(super) fn vertices(&self) -> &[VertexState] {
        &self.vertices
    }

    /// The log of the source with this number.
    pub(super) fn source(&self, number: usize) -> Option<&SourceState> {
        self.sources.get(number)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn started(&self) -> Timestamp {
        self.started
    }

    /// When it last became CREATED.
    pub(super) fn created(&self) -> Timestamp {
        self.created
    }

    /// When it last became RUNNING.
    pub(super) fn running_since(&self) -> Timestamp {
        self.running_since
    }

    /// Milliseconds that each subtask has run.
    pub(super) fn uptime_ms(&self) -> f64 {
        match self.phase {
            Phase::Running => seconds_between(self.running_since, self.now) * 1000.0,
            Phase::Restarting { .. } | Phase::Created { .. } => 0.0,
        }
    }

    /// The parallelism of each vertex now.
    pub(super) fn parallelism(&self) -> Vec<u32> {
        self.vertices.iter().map(|vertex| vertex.subtasks.parallelism()).collect()
    }

    fn wanted(&self) -> Vec<u32> {
        self.bounds.iter().map(|bounds| bounds.upper()).collect()
    }

    fn step(&mut self, end: Timestamp) {
        let seconds = seconds_between(self.now, end);
        if seconds <= 0.0 {
            return;
        }
        let middle = Duration::from_millis(((end.as_millis() - self.now.as_millis()) / 2) as u64);
        for source in &mut self.sources {
            let since = seconds_between(source.load_since, self.now).max(0.0);
            source.offered += source.load.rate(Duration::from_secs_f64(since) + middle) * seconds;
        }
        if self.phase == Phase::Running {
            self.flow(seconds, end);
        }
        self.now = end;
    }

    fn flow(&mut self, seconds: f64, end: Timestamp) {
        let capacities: Vec<f64> = self.vertices.iter().map(|vertex| vertex.subtasks.capacity()).collect();
        let demands: Vec<f64> = self.sources.iter().map(|source| source.lag() / seconds).collect();
        debug_assert_eq!(demands.len(), self.graph.sources());
        let flow = self.graph.flow(&demands, &capacities);
        for (source, rate) in self.sources.iter_mut().zip(&flow.read) {
            source.read = (source.read + rate * seconds).min(source.offered);
        }
        for (vertex, (rate, blocked)) in self.vertices.iter_mut().zip(flow.processed.iter().zip(&flow.blocked)) {
            let busy_ms = 1000.0 * rate / vertex.subtasks.subtask_capacity();
            let rates = Totals {
                records_in: *rate,
                records_out: rate * vertex.out_ratio,
                busy_ms,
                blocked_ms: if *blocked { 1000.0 } else { 0.0 },
                busy_while_blocked_ms: if *blocked { busy_ms } else { 0.0 },
            };
            vertex.totals = vertex.totals.plus(rates, seconds);
            vertex.meters.update(end, vertex.totals, rates);
        }
    }

    fn leave_phase(&mut self) {
        match &self.phase {
            Phase::Restarting { until, next } if *until <= self.now => {
                self.created = *until;
                self.phase = Phase::Created { until: until.plus(next.wait), next: next.clone() };
                self.leave_phase();
            }
            Phase::Created { until, next } if *until <= self.now => {
                let (until, next) = (*until, next.clone());
                self.start(&next.parallelism, until);
            }
            Phase::Running | Phase::Restarting { .. } | Phase::Created { .. } => {}
        }
    }

    /// Begins a rescale if the bounds ask for one and there are slots for it.
    ///
    /// As Flink 1.20's adaptive scheduler does it: all wished-for slots are there: at once; only enough for the lower
    /// bounds: after a wait for more; else nothing happens until there are.
    fn rescale_if_possible(&mut self, free: u32) {
        let (now, wanted) = (self.parallelism(), self.wanted());
        if now == wanted {
            return;
        }
        let most = self.slots().saturating_add(free);
        if self.slots_for(&wanted) <= most {
            self.stop(wanted, Duration::ZERO);
            return;
        }
        let fitting = self.fitting(most);
        if let Some(fitting) = fitting.filter(|fitting| *fitting != now) {
            self.stop(fitting, self.resource_wait);
        }
    }

    /// The parallelism within the bounds that needs at most `slots`: every slot sharing group is lowered to one height.
    fn fitting(&self, slots: u32) -> Option<Vec<u32>> {
        let at_height = |height: u32| -> Vec<u32> {
            self.bounds.iter().map(|bounds| height.clamp(bounds.lower(), bounds.upper())).collect()
        };
        let highest = self.bounds.iter().map(|bounds| bounds.upper()).max()?;
        (1..=highest).rev().map(at_height).find(|parallelism| self.slots_for(parallelism) <= slots)
    }

    fn slots_for(&self, parallelism: &[u32]) -> u32 {
        let mut groups: Vec<(u32, u32)> = Vec::new();
        for (vertex, parallelism) in self.shape.vertices.iter().zip(parallelism) {
            match groups.iter_mut().find(|(group, _)| *group == vertex.slot_sharing_group) {
                Some((_, slots)) => *slots = (*slots).max(*parallelism),
                None => groups.push((vertex.slot_sharing_group, *parallelism)),
            }
        }
        groups.iter().fold(0, |sum, (_, slots)| sum.saturating_add(*slots))
    }

    fn stop(&mut self, parallelism: Vec<u32>, resource_wait: Duration) {
        let cancelling = self.downtime / 2;
        let next = Restart { parallelism, wait: self.downtime - cancelling + resource_wait };
        self.phase = Phase::Restarting { until: self.now.plus(cancelling), next };
    }

    fn start(&mut self, parallelism: &[u32], now: Timestamp) {
        let mut source = 0..self.sources.len();
        let vertices = self.shape.vertices.iter().zip(parallelism).enumerate().map(|(index, (vertex, parallelism))| {
            let outputs = self.shape.vertices.iter().flat_map(|other| other.inputs());
            VertexState {
                subtasks: Subtasks::new(vertex, *parallelism),
                totals: Totals::default(),
                meters: Meters::starting(now, self.meter_window),
                out_ratio: outputs.filter(|output| output.from == index).map(|output| output.ratio).sum(),
                source: vertex.log().and_then(|_| source.next()),
            }
        });
        self.vertices = vertices.collect();
        self.running_since = now;
        self.phase = Phase::Running;
    }
}

impl SourceState {
    /// Records that wait to be read.
    pub(super) fn lag(&self) -> f64 {
        self.offered - self.read
    }

    /// Records per second that arrive at `now`.
    pub(super) fn offered_rate(&self, now: Timestamp) -> f64 {
        self.load.rate(Duration::from_secs_f64(seconds_between(self.load_since, now).max(0.0)))
    }
}
