//! Jobs under one JobManager, and the hooks that tests move them with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use axum::body::Bytes;
use thiserror::Error;
use tidegate_common::time::Timestamp;
use tokio::sync::watch;

use super::engine::JobState;
use super::fault::Faults;
use super::job::digest;
use super::{Clock, ClusterOptions, JobShape, Load, Scheduler, ShapeError, TaskManager, metrics, wire};
use crate::model::{Bounds, JobId, ResourceRequirements, VertexId};

/// A simulated cluster. Its jobs move on when they are looked at, each under a lock of its own.
#[derive(Debug)]
pub struct Cluster {
    clock: Clock,
    options: ClusterOptions,
    jobs: RwLock<Jobs>,
    slots: Mutex<Slots>,
    task_manager: RwLock<TaskManager>,
    pub(super) faults: Faults,
    /// Whether the JobManager has died of a deadly request.
    pub(super) dead: watch::Sender<bool>,
}

/// What the cluster was asked for, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// When the request came.
    pub at: Timestamp,
    /// What it said.
    pub requirements: ResourceRequirements,
}

/// A job that the cluster does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the simulated cluster has no job {0}")]
pub struct UnknownJob(pub JobId);

/// A job as it really is, whatever its metrics say.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSnapshot {
    /// Which one.
    pub id: JobId,
    /// The name that it was submitted under.
    pub name: String,
    /// `RUNNING`, `RESTARTING` or `CREATED`.
    pub state: &'static str,
    /// When it last became RUNNING.
    pub running_since: Timestamp,
    /// In topological order.
    pub vertices: Vec<VertexSnapshot>,
}

impl JobSnapshot {
    /// Whether it processes records now.
    pub fn is_running(&self) -> bool {
        self.state == "RUNNING"
    }
}

/// A vertex as it really is.
#[derive(Clone, Debug, PartialEq)]
pub struct VertexSnapshot {
    /// Which one.
    pub id: VertexId,
    /// As Flink shows it.
    pub name: String,
    /// Subtasks. While the job restarts: before it did.
    pub parallelism: u32,
    /// The share of its time that the fullest subtask is busy; from 0 to 1.
    pub busy: f64,
    /// Records per second that it processes.
    pub processed: f64,
    /// Records per second that would arrive if no vertex held them back.
    pub offered: f64,
    /// Records per second that it processes at most with these subtasks, noise apart.
    pub capacity: f64,
    /// What is true of sources only.
    pub source: Option<SourceSnapshot>,
}

/// A source's log as it really is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceSnapshot {
    /// Records per second that arrive.
    pub offered: f64,
    /// Records that wait.
    pub lag: f64,
}

/// One job and the parts of its answers that never change.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: JobId,
    pub(super) scheduler: Scheduler,
    pub(super) vertices: Vec<VertexId>,
    /// The list of each vertex' metrics.
    pub(super) metric_names: Vec<Bytes>,
    pub(super) configuration: Bytes,
    live: Mutex<Live>,
}

#[derive(Debug)]
struct Live {
    state: JobState,
    /// What clients see where answers are stale.
    picture: Option<JobState>,
    rescales: Vec<Rescale>,
}

#[derive(Debug, Default)]
struct Jobs {
    submitted: usize,
    order: Vec<JobId>,
    by_id: HashMap<JobId, Arc<Entry>>,
}

#[derive(Debug)]
struct Slots {
    total: u32,
    used: u32,
}

impl Cluster {
    /// A cluster with the default options that runs these jobs.
    ///
    /// # Errors
    /// When no job can have one of the shapes.
    pub fn new(shapes: Vec<JobShape>, clock: Clock) -> Result<Arc<Self>, ShapeError> {
        Self::with_options(shapes, ClusterOptions::default(), clock)
    }

    /// A cluster that runs these jobs.
    ///
    /// # Errors
    /// When no job can have one of the shapes.
    pub fn with_options(shapes: Vec<JobShape>, options: ClusterOptions, clock: Clock) -> Result<Arc<Self>, ShapeError> {
        let total = options.task_managers.saturating_mul(options.slots_per_task_manager);
        let cluster = Self {
            clock,
            options,
            jobs: RwLock::default(),
            slots: Mutex::new(Slots { total, used: 0 }),
            task_manager: RwLock::default(),
            faults: Faults::default(),
            dead: watch::Sender::new(false),
        };
        for shape in shapes {
            cluster.submit(shape)?;
        }
        Ok(Arc::new(cluster))
    }

    /// Submits a job. It runs at once, even where there are too few slots.
    ///
    /// # Errors
    /// When no job can have this shape.
    pub fn submit(&self, shape: JobShape) -> Result<JobId, ShapeError> {
        shape.check()?;
        let state = JobState::new(Arc::new(shape), &self.options, self.clock.now());
        let mut jobs = self.jobs.write().unwrap_or_else(PoisonError::into_inner);
        jobs.submitted += 1;
        let id = JobId::from_u128(digest(&["job", &jobs.submitted.to_string(), &state.shape().name]));
        let mut slots = lock(&self.slots);
        slots.used = slots.used.saturating_add(state.slots());
        jobs.order.push(id);
        jobs.by_id.insert(id, Arc::new(Entry::new(id, state)));
        Ok(id)
    }

    /// Takes a job off the list, as if it had ended long ago.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn remove(&self, job: JobId) -> Result<(), UnknownJob> {
        let mut jobs = self.jobs.write().unwrap_or_else(PoisonError::into_inner);
        let entry = jobs.by_id.remove(&job).ok_or(UnknownJob(job))?;
        jobs.order.retain(|id| *id != job);
        // Never a job's lock under the slots': elsewhere they are taken the other way around.
        let freed = lock(&entry.live).state.slots();
        let mut slots = lock(&self.slots);
        slots.used = slots.used.saturating_sub(freed);
        Ok(())
    }

    /// The running job with this name; the last one submitted if there are several.
    pub fn job_named(&self, name: &str) -> Option<JobId> {
        let named = |entry: &&Arc<Entry>| lock(&entry.live).state.shape().name == name;
        self.entries().iter().rev().find(named).map(|entry| entry.id)
    }

    /// Offers `load` to every source of the job from now on.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn set_load(&self, job: JobId, load: &Load) -> Result<(), UnknownJob> {
        self.with(job, |live| live.state.set_load(load))
    }

    /// Lets the job fail and start again as it is.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn restart(&self, job: JobId) -> Result<(), UnknownJob> {
        self.with(job, |live| live.state.restart())
    }

    /// The bounds that were last asked for.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn requirements(&self, job: JobId) -> Result<ResourceRequirements, UnknownJob> {
        let entry = self.entry(job).ok_or(UnknownJob(job))?;
        self.with(job, |live| entry.requirements(live.state.bounds()))
    }

    /// Every accepted request to rescale the job, the oldest first; those that changed nothing included.
    ///
    /// # Errors
    /// When there is no such job.
    pub fn rescales(&self, job: JobId) -> Result<Vec<Rescale>, UnknownJob> {
        self.with(job, |live| live.rescales.clone())
    }

    /// All jobs as they really are, in the order of their submission.
    pub fn snapshot(&self) -> Vec<JobSnapshot> {
        self.entries().iter().map(|entry| self.with_entry(entry, |live| snapshot(entry, &live.state))).collect()
    }

    /// Sets what every TaskManager's metrics say.
    pub fn set_task_manager(&self, task_manager: TaskManager) {
        *self.task_manager.write().unwrap_or_else(PoisonError::into_inner) = task_manager;
    }

    /// Adds TaskManagers' slots. Jobs that wait for some take them when they are next looked at.
    pub fn add_slots(&self, more: u32) {
        let mut slots = lock(&self.slots);
        slots.total = slots.total.saturating_add(more);
    }

    /// Whether the JobManager has died of a request.
    pub fn is_dead(&self) -> bool {
        *self.dead.borrow()
    }

    pub(super) fn options(&self) -> &ClusterOptions {
        &self.options
    }

    pub(super) fn task_manager(&self) -> TaskManager {
        *self.task_manager.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Slots: all, and those that no job has.
    pub(super) fn slots(&self) -> (u32, u32) {
        let slots = lock(&self.slots);
        (slots.total, slots.total.saturating_sub(slots.used))
    }

    pub(super) fn entries(&self) -> Vec<Arc<Entry>> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.order.iter().filter_map(|id| jobs.by_id.get(id).cloned()).collect()
    }

    pub(super) fn entry(&self, job: JobId) -> Option<Arc<Entry>> {
        self.jobs.read().unwrap_or_else(PoisonError::into_inner).by_id.get(&job).cloned()
    }

    /// Looks at a job as it is now.
    pub(super) fn now<T>(&self, entry: &Entry, look: impl FnOnce(&JobState) -> T) -> T {
        self.with_entry(entry, |live| look(&live.state))
    }

    /// Looks at a job as clients see its graph and its metrics.
    pub(super) fn seen<T>(&self, entry: &Entry, look: impl FnOnce(&JobState) -> T) -> T {
        let stale = self.options.stale;
        self.with_entry(entry, |live| {
            if stale.is_zero() {
                return look(&live.state);
            }
            let picture = live.picture.take().filter(|picture| live.state.now() < picture.now().plus(stale));
            look(live.picture.insert(picture.unwrap_or_else(|| live.state.clone())))
        })
    }

    /// Takes note of a request for other bounds, and acts on it.
    pub(super) fn require(&self, entry: &Entry, bounds: Vec<Bounds>) {
        self.with_entry(entry, |live| {
            live.rescales.push(Rescale { at: live.state.now(), requirements: entry.requirements(&bounds) });
            live.state.require(bounds);
            self.advance(&mut live.state);
        });
    }

    fn with<T>(&self, job: JobId, act: impl FnOnce(&mut Live) -> T) -> Result<T, UnknownJob> {
        let entry = self.entry(job).ok_or(UnknownJob(job))?;
        Ok(self.with_entry(&entry, act))
    }

    fn with_entry<T>(&self, entry: &Entry, act: impl FnOnce(&mut Live) -> T) -> T {
        let mut live = lock(&entry.live);
        self.advance(&mut live.state);
        act(&mut live)
    }

    fn advance(&self, state: &mut JobState) {
        let now = self.clock.now();
        if !state.wants_slots() {
            state.advance(now, 0);
            return;
        }
        let mut slots = lock(&self.slots);
        let before = state.slots();
        state.advance(now, slots.total.saturating_sub(slots.used));
        slots.used = slots.used.saturating_sub(before).saturating_add(state.slots());
    }
}

impl Entry {
    fn new(id: JobId, state: JobState) -> Self {
        let shape = state.shape();
        let scheduler = match shape.scheduler {
            Scheduler::Adaptive => ("jobmanager.scheduler".to_owned(), "adaptive".to_owned()),
            Scheduler::Default => ("jobmanager.scheduler".to_owned(), "default".to_owned()),
        };
        let configuration: Vec<_> = std::iter::once(&scheduler).chain(&shape.configuration).collect();
        let configuration: Vec<_> = configuration.iter().map(|(key, value)| wire::Entry { key, value }).collect();
        let list = |vertex| {
            let names = metrics::names(vertex);
            json(&names.iter().map(|id| wire::MetricName { id }).collect::<Vec<_>>())
        };
        Self {
            id,
            scheduler: shape.scheduler,
            vertices: (0..shape.vertices.len()).filter_map(|index| shape.vertex_id(index)).collect(),
            metric_names: shape.vertices.iter().map(list).collect(),
            configuration: json(&configuration),
            live: Mutex::new(Live { state, picture: None, rescales: Vec::new() }),
        }
    }

    pub(super) fn requirements(&self, bounds: &[Bounds]) -> ResourceRequirements {
        self.vertices.iter().copied().zip(bounds.iter().copied()).collect()
    }
}

/// `value` as JSON.
pub(super) fn json(value: &impl serde::Serialize) -> Bytes {
    // The types in `wire` have nothing that JSON cannot say.
    serde_json::to_vec(value).map(Bytes::from).unwrap_or_default()
}

fn snapshot(entry: &Entry, state: &JobState) -> JobSnapshot {
    let vertices = entry.vertices.iter().zip(&state.shape().vertices).zip(state.vertices().iter().zip(state.offered()));
    let vertices = vertices.map(|((id, shape), (vertex, offered))| {
        let rates = vertex.meters.rates().unwrap_or_default();
        let fullest = vertex.subtasks.shares().iter().copied().fold(0.0, f64::max);
        let source = vertex.source.and_then(|number| state.source(number));
        VertexSnapshot {
            id: *id,
            name: shape.name.clone(),
            parallelism: vertex.subtasks.parallelism(),
            busy: fullest * rates.busy_ms / 1000.0,
            processed: rates.records_in,
            offered,
            capacity: vertex.subtasks.capacity(),
            source: source.map(|source| SourceSnapshot { offered: source.offered_rate(state.now()), lag: source.lag }),
        }
    });
    JobSnapshot {
        id: entry.id,
        name: state.shape().name.clone(),
        state: wire::state(state),
        running_since: state.running_since(),
        vertices: vertices.collect(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
