//! The loop over one cluster: passes of one job never overlap, and none delays another.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tracing::{Instrument, error, info, info_span, warn};

use super::context::{ambiguous_names, state_key};
use super::gone::Gone;
use super::job::JobMemory;
use super::turn::{Done, one_pass, taping};
use super::{Pass, Readiness, Records, Taps};
use crate::flink::{FlinkError, JobManager, Note, Notes};
use crate::model::{Job, JobId, JobKey};
use crate::state::StateKey;

/// How long the end of a loop waits for slow event handlers.
const HANDLERS_WITHIN: Duration = Duration::from_secs(5);

/// A cluster that is looked after. All of it but the name may change meanwhile.
pub struct Cluster {
    /// Its name in the configuration.
    pub name: String,
    /// The way to it.
    pub job_manager: Arc<dyn JobManager>,
    /// The options of all its jobs: the daemon's, overlaid with the cluster's own.
    pub options: Configuration,
    /// How often, and how much at once.
    pub pace: Pace,
}

/// The pace of the control loop over one cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time between two passes of a job.
    pub interval: Duration,
    /// How long the state of a job that is gone is kept for a redeploy.
    pub forget_after: Duration,
    /// Passes at the same time: a cluster that hangs takes no turns from the others.
    pub concurrency: usize,
}

/// What all clusters share.
#[derive(Clone)]
pub struct Controller {
    /// What a pass does.
    pub pass: Arc<Pass>,
    /// What it saw and decided.
    pub records: Arc<Records>,
    /// Who records jobs.
    pub taps: Arc<Taps>,
    /// Told when a cluster has been looked at.
    pub readiness: Arc<Readiness>,
    /// Tells the time: the only clock that decisions know.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Controller {
    /// Looks after the cluster that is wanted, as it is wanted, until none is or `stop` turns true; passes under way are
    /// then finished.
    pub(super) async fn run(self, mut wanted: watch::Receiver<Option<Arc<Cluster>>>, mut stop: watch::Receiver<bool>) {
        let Some(cluster) = wanted.borrow_and_update().clone() else { return };
        let mut ticks = ticks(Instant::now(), cluster.pace.interval);
        let mut watch = Watch::new(self, cluster);
        loop {
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                changed = wanted.changed() => {
                    let Ok(()) = changed else { break };
                    let Some(cluster) = wanted.borrow_and_update().clone() else { return watch.leave().await };
                    let interval = cluster.pace.interval;
                    if interval != ticks.period() {
                        ticks = self::ticks(Instant::now() + interval, interval);
                    }
                    watch.change(cluster);
                }
                true = watch.finish_one() => {}
                _ = ticks.tick() => watch.look().await,
            }
        }
        watch.settle().await;
        watch.store_last().await;
    }
}

fn ticks(first: Instant, interval: Duration) -> Interval {
    let mut ticks = interval_at(first, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits until a stop is asked for, or nobody is left to ask.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// One job of the list.
struct Watched {
    state_key: StateKey,
    /// Absent while a pass has it.
    memory: Option<Box<JobMemory>>,
}

/// One cluster's jobs, and the passes over them.
pub struct Watch {
    controller: Controller,
    cluster: Arc<Cluster>,
    jobs: HashMap<JobId, Watched>,
    /// Whose state is kept although the job is gone.
    gone: Gone,
    passes: JoinSet<Done>,
    turns: Arc<Semaphore>,
    /// Which pass is whose, for passes that end without an answer.
    owners: HashMap<Id, JobId>,
    /// Whether the last look at the job list succeeded.
    reachable: Option<bool>,
    /// Whether there was a first look.
    looked: bool,
}

impl Watch {
    /// Nothing is looked at yet.
    pub fn new(controller: Controller, cluster: Arc<Cluster>) -> Self {
        let turns = Arc::new(Semaphore::new(cluster.pace.concurrency));
        let gone = Gone::new(Arc::clone(&controller.pass.store));
        Self {
            controller,
            turns,
            cluster,
            jobs: HashMap::new(),
            gone,
            passes: JoinSet::new(),
            owners: HashMap::new(),
            reachable: None,
            looked: false,
        }
    }

    /// From now on looks after the cluster in this way. Passes under way end as they began.
    fn change(&mut self, cluster: Arc<Cluster>) {
        if cluster.pace.concurrency != self.cluster.pace.concurrency {
            self.turns = Arc::new(Semaphore::new(cluster.pace.concurrency));
        }
        if !Arc::ptr_eq(&cluster.job_manager, &self.cluster.job_manager) {
            // Whether it can be reached is news again.
            self.reachable = None;
        }
        self.cluster = cluster;
    }

    /// Finishes the passes under way, and forgets the jobs. Their state stays, for the cluster may come back.
    async fn leave(mut self) {
        self.settle().await;
        self.store_last().await;
        for id in self.jobs.into_keys() {
            let key = JobKey { cluster: self.cluster.name.clone(), id };
            self.controller.records.forget(&key);
            self.controller.pass.events.forget(&key);
            self.controller.taps.close(&key);
        }
        self.controller.readiness.looked(&self.cluster.name);
        info!(cluster = self.cluster.name, "cluster is no longer looked after");
    }

    /// Waits until every pass under way is over.
    pub async fn settle(&mut self) {
        while self.finish_one().await {}
        self.gone.settle().await;
    }

    /// Stores what no pass has stored, once the handlers had time to take what was told: a daemon that is started again
    /// goes on with the samples, and tells the rest.
    pub async fn store_last(&mut self) {
        let pass = &self.controller.pass;
        let mut memories: Vec<_> = self.jobs.values_mut().filter_map(|watched| watched.memory.as_mut()).collect();
        memories.iter_mut().for_each(|memory| memory.announced = None);
        pass.events.settle(&self.cluster.name, HANDLERS_WITHIN).await;
        for memory in memories {
            pass.store_last(memory).await;
        }
    }

    /// Waits until one of the passes under way is over. False, at once, if there is none.
    pub async fn finish_one(&mut self) -> bool {
        let done = self.passes.join_next_with_id().await;
        done.map(|done| self.finish(done)).is_some()
    }

    /// How many passes are under way.
    pub fn under_way(&self) -> usize {
        self.passes.len()
    }

    /// Looks at the job list once, and starts a pass of every job that has none under way.
    pub async fn look(&mut self) {
        let (listed, noted) = self.list().await;
        if !std::mem::replace(&mut self.looked, true) {
            self.controller.readiness.looked(&self.cluster.name);
        }
        let jobs = match listed {
            Ok(jobs) => jobs,
            Err(error) => return self.unreachable(&error),
        };
        if self.reachable != Some(true) {
            info!(cluster = self.cluster.name, jobs = jobs.len(), "cluster is reachable");
            self.reachable = Some(true);
        }
        let now = (self.controller.clock)();
        self.gone.sort(&self.cluster.name, &jobs, now);
        self.forget_gone(&jobs);
        let ambiguous = ambiguous_names(&jobs);
        let leaving = self.leaving(&jobs);
        for job in &jobs {
            // A job that ends is left alone.
            if job.status.is_ending() {
                continue;
            }
            let watched = match self.jobs.entry(job.id) {
                Entry::Occupied(place) => place.into_mut(),
                Entry::Vacant(place) => {
                    let state_key = state_key(&self.cluster.name, job, &ambiguous);
                    if leaving.contains(&state_key) {
                        continue;
                    }
                    place.insert(watch_job(&self.cluster.name, job, state_key, &ambiguous))
                }
            };
            self.gone.remove(&watched.state_key);
            if let Some(memory) = watched.memory.take() {
                let taping = noted.as_ref().and_then(|listed| taping(&self.controller.taps, &memory.key, listed));
                let pass = one_pass(
                    self.controller.clone(),
                    Arc::clone(&self.turns),
                    Arc::clone(&self.cluster),
                    memory,
                    job.clone(),
                    taping,
                );
                let span = info_span!("pass", cluster = self.cluster.name, job = %job.id, name = job.name);
                let task = self.passes.spawn(pass.instrument(span));
                self.owners.insert(task.id(), job.id);
            }
        }
        self.gone.forget(now, self.cluster.pace.forget_after);
    }

    /// The job list, and what was noted of it if some job is recorded.
    async fn list(&self) -> (Result<Vec<Job>, FlinkError>, Option<Arc<[Note]>>) {
        let Cluster { name, job_manager, .. } = self.cluster.as_ref();
        if self.controller.taps.any_of(name) {
            let notes = Arc::new(Notes::default());
            if let Some(noting) = job_manager.noting(&notes) {
                return (noting.jobs().await, Some(notes.take().into()));
            }
        }
        (job_manager.jobs().await, None)
    }

    fn unreachable(&mut self, error: &FlinkError) {
        self.controller.pass.metrics.list_error(&self.cluster.name);
        if self.reachable != Some(false) {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            warn!(cluster = self.cluster.name, %error, cause, "cluster is unreachable: no job of it is scaled");
            self.reachable = Some(false);
        }
    }

    /// The state that the unfinished passes of jobs that end may still write: a successor has to wait for them.
    fn leaving(&self, listed: &[Job]) -> HashSet<StateKey> {
        let is_living = |id: &JobId| listed.iter().any(|job| job.id == *id && !job.status.is_ending());
        let leaving = self.jobs.iter().filter(|(id, watched)| watched.memory.is_none() && !is_living(id));
        leaving.map(|(_, watched)| &watched.state_key).chain(self.gone.forgetting()).cloned().collect()
    }

    /// Forgets jobs that are gone. A job whose pass is under way is forgotten when that is over: should it come back
    /// meanwhile, it must not get a second one.
    fn forget_gone(&mut self, listed: &[Job]) {
        let now = (self.controller.clock)();
        let remembered = remembered(listed);
        let (records, events) = (&self.controller.records, &self.controller.pass.events);
        for (id, watched) in self.jobs.extract_if(|id, watched| !remembered.contains(id) && watched.memory.is_some()) {
            let key = JobKey { cluster: self.cluster.name.clone(), id };
            info!(job = %key, "job is gone");
            records.forget(&key);
            events.forget(&key);
            self.controller.taps.close(&key);
            self.controller.pass.views.forget(&key);
            self.gone.add(watched.state_key, now);
        }
    }

    fn finish(&mut self, done: Result<(Id, Done), JoinError>) {
        match done {
            Ok((task, Done { memory, record })) => {
                self.owners.remove(&task);
                if let Some(watched) = self.jobs.get_mut(&memory.key.id) {
                    watched.memory = Some(memory);
                    if let Some(record) = record {
                        self.controller.records.put(record);
                    }
                }
            }
            Err(lost) => {
                // A bug of the host, not of the job: start over with what the state store has.
                if let Some(id) = self.owners.remove(&lost.id()) {
                    error!(cluster = self.cluster.name, job = %id, error = %lost, "pass panicked");
                    self.jobs.remove(&id);
                }
            }
        }
    }
}

/// The jobs of the list that are not over. One that ends leaves its state to a successor of its name at once.
fn remembered(listed: &[Job]) -> HashSet<JobId> {
    let successors: HashSet<&str> =
        listed.iter().filter(|job| !job.status.is_ending()).map(|job| job.name.as_str()).collect();
    let is_remembered = |job: &&Job| {
        let leaves = job.status.is_ending() && successors.contains(job.name.as_str());
        !job.status.is_terminal() && !leaves
    };
    listed.iter().filter(is_remembered).map(|job| job.id).collect()
}

fn watch_job(cluster: &str, job: &Job, state_key: StateKey, ambiguous: &BTreeSet<&str>) -> Watched {
    if ambiguous.contains(job.name.as_str()) {
        warn!(cluster, job = %job.id, name = job.name,
            "another running job has the same name: this one's state is kept by its id");
    }
    let key = JobKey { cluster: cluster.to_owned(), id: job.id };
    let memory = JobMemory::new(key, &job.name, state_key.clone());
    Watched { state_key, memory: Some(Box::new(memory)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobStatus;

    #[test]
    fn a_job_is_remembered_until_it_is_over_or_ends_beside_its_successor() {
        let job = |id, name: &str, status| Job { id: JobId::from_u128(id), name: name.to_owned(), status };
        let listed = [
            job(1, "runs", JobStatus::Running),
            job(2, "over", JobStatus::Canceled),
            job(3, "fails", JobStatus::Failing),
            job(4, "redeployed", JobStatus::Cancelling),
            job(5, "redeployed", JobStatus::Created),
            job(6, "restarts", JobStatus::Restarting),
        ];
        assert_eq!(remembered(&listed), HashSet::from([1, 3, 5, 6].map(JobId::from_u128)));
    }
}
