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
    /// Records that wait to be read. Kept, not computed: the difference of two large numbers would be noise.
    pub(super) lag: f64,
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
            lag: log.backlog,
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
        let most = if self.wants_slots() { self.slots().saturating_add(free) } else { 0 };
        while self.now < to {
            self.rescale_if_possible(most);
            let tick = TICK.as_millis() as i64;
            let end_of_tick = Timestamp::from_millis((self.now.as_millis().div_euclid(tick) + 1) * tick);
            let end = match &self.phase {
                Phase::Running => end_of_tick.min(to),
                Phase::Restarting { until, .. } | Phase::Created { until, .. } => end_of_tick.min(to).min(*until),
            };
            self.step(end);
            self.leave_phase();
        }
        self.rescale_if_possible(most);
    }

    /// Asks for other bounds, one per vertex.
    pub(super) fn require(&mut self, bounds: Vec<Bounds>) {
        self.bounds = bounds;
    }

    /// Lets the job fail and start again as it is.
    pub(super) fn restart(&mut self) {
        self.stop(self.next_parallelism(), Duration::ZERO);
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
        match &self.phase {
            Phase::Running => !self.runs_as_wanted(),
            Phase::Restarting { next, .. } | Phase::Created { next, .. } => next.parallelism != self.wanted(),
        }
    }

    /// The slots that it has, those of the restart under way included.
    pub(super) fn slots(&self) -> u32 {
        self.slots_for(&self.next_parallelism())
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

    /// Records per second that would arrive at each vertex now if none held them back.
    pub(super) fn offered(&self) -> Vec<f64> {
        let offered: Vec<f64> = self.sources.iter().map(|source| source.offered_rate(self.now)).collect();
        self.graph.rates(&offered)
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

    /// The parallelism of each vertex now, or after the restart under way.
    fn next_parallelism(&self) -> Vec<u32> {
        match &self.phase {
            Phase::Running => self.parallelism(),
            Phase::Restarting { next, .. } | Phase::Created { next, .. } => next.parallelism.clone(),
        }
    }

    fn runs_as_wanted(&self) -> bool {
        let now = self.vertices.iter().map(|vertex| vertex.subtasks.parallelism());
        self.bounds.iter().map(|bounds| bounds.upper()).eq(now)
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
            let arrived = source.load.rate(Duration::from_secs_f64(since) + middle) * seconds;
            source.offered += arrived;
            source.lag += arrived;
        }
        if self.phase == Phase::Running {
            self.flow(seconds, end);
        }
        self.now = end;
    }

    fn flow(&mut self, seconds: f64, end: Timestamp) {
        let noise = self.noise();
        let full = self.vertices.iter().zip(&noise).map(|(vertex, noise)| vertex.subtasks.capacity() * noise);
        let capacities: Vec<f64> = full.collect();
        let readers = self.vertices.iter().zip(&capacities).filter(|(vertex, _)| vertex.source.is_some());
        // A backlog must not count as more than its reader can read, or it would crowd out the other sources of a join.
        let demand = |(source, (_, most)): (&SourceState, (&VertexState, &f64))| (source.lag / seconds).min(*most);
        let demands: Vec<f64> = self.sources.iter().zip(readers).map(demand).collect();
        let flow = self.graph.flow(&demands, &capacities);
        for (source, rate) in self.sources.iter_mut().zip(&flow.read) {
            let read = (rate * seconds).min(source.lag);
            source.read += read;
            source.lag -= read;
        }
        let flows = flow.processed.iter().zip(&flow.blocked).zip(&noise);
        for (vertex, ((rate, blocked), noise)) in self.vertices.iter_mut().zip(flows) {
            let busy_ms = 1000.0 * rate / (vertex.subtasks.subtask_capacity() * noise);
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

    /// What the capacity of each vertex is multiplied with now.
    fn noise(&self) -> Vec<f64> {
        let since = Duration::from_secs_f64(seconds_between(self.started, self.now).max(0.0));
        (0..self.vertices.len()).map(|index| self.shape.noise.factor(index, since)).collect()
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

    /// Begins a rescale if the bounds ask for one and it needs at most `most` slots.
    ///
    /// As Flink 1.20's adaptive scheduler does it: all wished-for slots are there: at once; only enough for the lower
    /// bounds: after a wait for more; else nothing happens until there are.
    fn rescale_if_possible(&mut self, most: u32) {
        let resting = self.phase != Phase::Running || self.now < self.running_since.plus(self.cooldown);
        if resting || self.runs_as_wanted() {
            return;
        }
        let (now, wanted) = (self.parallelism(), self.wanted());
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
    /// Records per second that arrive at `now`.
    pub(super) fn offered_rate(&self, now: Timestamp) -> f64 {
        self.load.rate(Duration::from_secs_f64(seconds_between(self.load_since, now).max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::ShipStrategy::{Hash, Rebalance};
    use crate::simulate::{Curve, Feed, Log, Noise, VertexShape};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn bounds(upper: &[i64]) -> Vec<Bounds> {
        upper.iter().map(|upper| Bounds::new(1, *upper).unwrap()).collect()
    }

    fn with_load(load: Load, options: &ClusterOptions) -> JobState {
        let shape = JobShape::new("x")
            .with(VertexShape::source("orders", 1000.0, 4, load))
            .with(VertexShape::operator("enrich", 100.0).input(0, Hash, 1.0))
            .with(VertexShape::operator("out", 1000.0).input(1, Rebalance, 2.0));
        JobState::new(Arc::new(shape), options, at(0))
    }

    fn job(rate: f64) -> JobState {
        with_load(Load::Constant(rate), &ClusterOptions::default())
    }

    fn lag(job: &JobState) -> f64 {
        job.source(0).unwrap().lag
    }

    #[test]
    fn lag_grows_while_a_job_restarts_and_is_caught_up_with_afterwards() {
        let mut job = job(150.0);
        job.advance(at(10_000), 64);
        assert!((lag(&job) - 500.0).abs() < 1.0);
        job.require(bounds(&[1, 4, 1]));
        job.advance(at(10_001), 64);
        assert!(matches!(job.phase(), Phase::Restarting { .. }));
        job.advance(at(11_400), 64);
        assert!(matches!(job.phase(), Phase::Created { .. }));
        assert!((lag(&job) - 710.0).abs() < 1.0);
        job.advance(at(11_500), 64);
        assert_eq!((job.phase(), job.parallelism(), job.running_since()), (&Phase::Running, vec![1, 4, 1], at(11_500)));
        assert_eq!(job.vertices()[1].totals, Totals::default());
        // 725 records wait, and 250 more are processed than arrive.
        job.advance(at(14_000), 64);
        assert!((lag(&job) - 100.0).abs() < 1.0, "{}", lag(&job));
        job.advance(at(16_000), 64);
        assert!(lag(&job) < 1e-6);
    }

    #[test]
    fn a_backlog_does_not_crowd_out_the_other_source_of_a_join() {
        let mut late = VertexShape::source("late", 500.0, 4, Load::Constant(0.0));
        late.feed = Feed::Log(Log { backlog: 1e6, ..late.log().unwrap().clone() });
        let shape = JobShape::new("x")
            .with(late)
            .with(VertexShape::source("live", 500.0, 4, Load::Constant(500.0)))
            .with(VertexShape::operator("join", 100.0).input(0, Hash, 1.0).input(1, Hash, 1.0));
        let mut job = JobState::new(Arc::new(shape), &ClusterOptions::default(), at(0));
        job.advance(at(10_000), 0);
        let read = [0, 1].map(|source| job.source(source).unwrap().read);
        assert!(read.iter().all(|read| (read - 500.0).abs() < 1.0), "{read:?}");
    }

    #[test]
    fn bounds_that_change_nothing_restart_nothing() {
        let mut job = job(50.0);
        job.advance(at(1000), 64);
        job.require(bounds(&[1, 1, 1]));
        job.advance(at(5000), 64);
        assert_eq!((job.phase(), job.running_since()), (&Phase::Running, at(0)));
    }

    #[test]
    fn a_job_takes_the_slots_that_there_are_after_waiting_for_more() {
        let mut job = job(50.0);
        job.require(bounds(&[2, 12, 1]));
        job.advance(at(1), 7);
        job.advance(at(11_400), 7);
        assert!(matches!(job.phase(), Phase::Created { .. }));
        job.advance(at(11_600), 0);
        assert_eq!((job.phase(), job.parallelism(), job.slots()), (&Phase::Running, vec![2, 8, 1], 8));
        let mut at_once = self::job(50.0);
        at_once.require(bounds(&[2, 12, 1]));
        at_once.advance(at(60_000), 7);
        assert_eq!(at_once.parallelism(), [2, 8, 1]);
        assert!(job.wants_slots());
        job.advance(at(20_000), 4);
        job.advance(at(22_000), 0);
        assert_eq!(job.parallelism(), [2, 12, 1]);
    }

    #[test]
    fn bounds_that_change_during_a_restart_take_effect_after_it() {
        let mut job = job(50.0);
        job.require(bounds(&[1, 4, 1]));
        job.advance(at(100), 64);
        job.require(bounds(&[1, 6, 1]));
        assert!(job.wants_slots() && job.phase() != &Phase::Running);
        job.advance(at(1600), 64);
        assert_eq!((job.running_since(), job.slots()), (at(1500), 6));
        job.advance(at(3000), 0);
        assert_eq!((job.phase(), job.parallelism(), job.wants_slots()), (&Phase::Running, vec![1, 6, 1], false));
    }

    #[test]
    fn a_job_waits_for_the_slots_that_it_must_have() {
        let mut job = job(50.0);
        job.require([1, 12, 1].map(|both| Bounds::new(both, both).unwrap()).to_vec());
        job.advance(at(60_000), 7);
        assert_eq!((job.phase(), job.running_since()), (&Phase::Running, at(0)));
        job.advance(at(61_000), 11);
        job.advance(at(63_000), 0);
        assert_eq!(job.parallelism(), [1, 12, 1]);
    }

    #[test]
    fn a_rescale_waits_for_the_end_of_the_cooldown() {
        let options = ClusterOptions { cooldown: Duration::from_secs(30), ..ClusterOptions::default() };
        let mut job = with_load(Load::Constant(50.0), &options);
        job.require(bounds(&[1, 2, 1]));
        job.advance(at(29_900), 64);
        assert_eq!(job.phase(), &Phase::Running);
        job.advance(at(31_600), 64);
        assert_eq!((job.parallelism(), job.running_since()), (vec![1, 2, 1], at(31_500)));
    }

    #[test]
    fn a_restart_resets_counters_and_nothing_else() {
        let mut job = job(50.0);
        job.advance(at(10_000), 0);
        job.restart();
        job.advance(at(11_500), 0);
        assert_eq!((job.running_since(), job.parallelism()), (at(11_500), vec![1, 1, 1]));
        assert_eq!(job.vertices()[0].totals.records_in, 0.0);
        assert!((job.source(0).unwrap().read - 500.0).abs() < 1.0);
    }

    /// Records that a ramp of 30 seconds has brought after so many seconds.
    fn arrived(from: f64, to: f64, seconds: f64) -> f64 {
        let (on_ramp, after) = (seconds.min(30.0), (seconds - 30.0).max(0.0));
        from * on_ramp + (to - from) / 30.0 * on_ramp * on_ramp / 2.0 + to * after
    }

    proptest! {
        #[test]
        fn records_are_conserved_whatever_happens(
            from in 0.0f64..2000.0,
            to in 0.0f64..2000.0,
            moves in proptest::collection::vec((1i64..20_000, 1i64..9, 1i64..9), 1..8),
            share in 0.0f64..0.5,
        ) {
            let load = Load::Ramp { from, to, over: Duration::from_secs(30) };
            let mut shape = with_load(load, &ClusterOptions::default()).shape().clone();
            shape.noise = Noise { share, ..Noise::default() };
            shape.vertices[1].curve = Some(Curve::new(vec![(1, 100.0), (4, 250.0), (8, 400.0)]).unwrap());
            let mut job = JobState::new(Arc::new(shape), &ClusterOptions::default(), at(0));
            let mut now = 0;
            for (span, source, operator) in moves {
                now += span;
                let before = job.clone();
                job.advance(at(now), 16);
                let (was, is) = (before.source(0).unwrap(), job.source(0).unwrap());
                let arrived = arrived(from, to, now as f64 / 1000.0);
                prop_assert!((is.offered - arrived).abs() <= 1.0 + arrived * 1e-3, "{} of {}", is.offered, arrived);
                prop_assert!((is.offered - is.read - is.lag).abs() <= 1e-6 * (1.0 + is.offered));
                prop_assert!(is.read >= was.read && is.lag >= 0.0);
                if job.running_since() == before.running_since() && *before.phase() == Phase::Running {
                    let read = is.read - was.read;
                    let counted = job.vertices()[0].totals.records_in - before.vertices()[0].totals.records_in;
                    prop_assert!((read - counted).abs() < 1e-3, "{} read, {} counted", read, counted);
                    for (vertex, earlier) in job.vertices().iter().zip(before.vertices()) {
                        let processed = vertex.totals.records_in - earlier.totals.records_in;
                        let most = vertex.subtasks.capacity() * (1.0 + share) * span as f64 / 1000.0;
                        prop_assert!(processed <= most * (1.0 + 1e-6) + 1e-6, "{} of {}", processed, most);
                        prop_assert!(vertex.totals.records_out <= 2.0 * vertex.totals.records_in + 1e-6);
                    }
                }
                job.require(bounds(&[source, operator, 1]));
            }
        }

        #[test]
        fn how_often_a_job_is_looked_at_does_not_matter(stops in proptest::collection::vec(1i64..3000, 1..20)) {
            let load = Load::Daily { mean: 100.0, swing: 80.0, period: Duration::from_secs(20) };
            let (mut often, mut once) = (
                with_load(load.clone(), &ClusterOptions::default()),
                with_load(load, &ClusterOptions::default()),
            );
            let mut now = 0;
            for stop in stops {
                now += stop;
                often.advance(at(now), 0);
            }
            once.advance(at(now), 0);
            for (one, other) in often.vertices().iter().zip(once.vertices()) {
                let (one, other) = (one.totals, other.totals);
                prop_assert!((one.records_in - other.records_in).abs() <= 1.0 + other.records_in * 1e-3);
                prop_assert!((one.busy_ms - other.busy_ms).abs() <= 10.0 + other.busy_ms * 1e-3);
            }
        }
    }
}
