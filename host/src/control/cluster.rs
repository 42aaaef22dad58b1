//! The loop over one cluster: passes of one job never overlap, and none delays another.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{Instrument, error, info, info_span, warn};

use super::context::{ambiguous_names, context, state_key};
use super::job::JobMemory;
use super::{DecisionRecord, Pass, Records};
use crate::flink::JobManager;
use crate::model::{Job, JobId, JobKey};

/// A cluster that is looked after.
pub struct Cluster {
    /// Its name in the configuration.
    pub name: String,
    /// The way to it.
    pub job_manager: Arc<dyn JobManager>,
    /// The options of all its jobs: the daemon's, overlaid with the cluster's own.
    pub options: Configuration,
}

/// What all clusters share.
#[derive(Clone)]
pub struct Controller {
    /// What a pass does.
    pub pass: Arc<Pass>,
    /// What it saw and decided.
    pub records: Arc<Records>,
    /// Time between two passes of a job.
    pub interval: Duration,
    /// Passes at the same time, over all clusters.
    pub concurrency: Arc<Semaphore>,
    /// Tells the time: the only clock that decisions know.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// One job of the list: its memory, unless a pass has it.
enum Slot {
    Idle(Box<JobMemory>),
    Busy,
}

/// A pass that is over.
struct Done {
    memory: Box<JobMemory>,
    record: Option<DecisionRecord>,
}

impl Controller {
    /// Looks after one cluster until `stop` turns true; passes under way are then finished.
    pub async fn run(self, cluster: Cluster, mut stop: watch::Receiver<bool>) {
        let mut looking = Looking {
            controller: self,
            cluster: Arc::new(cluster),
            slots: HashMap::new(),
            passes: JoinSet::new(),
            owners: HashMap::new(),
            reachable: None,
        };
        let mut ticks = interval(looking.controller.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(done) = looking.passes.join_next_with_id() => looking.finish(done),
                _ = ticks.tick() => looking.look().await,
            }
        }
        while let Some(done) = looking.passes.join_next_with_id().await {
            looking.finish(done);
        }
    }
}

/// The loop's own memory.
struct Looking {
    controller: Controller,
    cluster: Arc<Cluster>,
    slots: HashMap<JobId, Slot>,
    passes: JoinSet<Done>,
    /// Which pass is whose, for passes that end without an answer.
    owners: HashMap<Id, JobId>,
    /// Whether the last look at the job list succeeded.
    reachable: Option<bool>,
}

impl Looking {
    /// Looks at the job list once, and starts a pass of every job that has none under way.
    async fn look(&mut self) {
        let listed = self.cluster.job_manager.jobs().await;
        let jobs = match listed {
            Ok(jobs) => jobs,
            Err(error) => return self.unreachable(&error),
        };
        if self.reachable != Some(true) {
            info!(cluster = self.cluster.name, jobs = jobs.len(), "cluster is reachable");
            self.reachable = Some(true);
        }
        self.forget_gone(&jobs);
        let ambiguous = ambiguous_names(&jobs);
        for job in &jobs {
            let slot = self.slots.entry(job.id).or_insert_with(|| {
                if ambiguous.contains(job.name.as_str()) {
                    warn!(cluster = self.cluster.name, job = %job.id, name = job.name,
                        "another running job has the same name: this one's state is kept by its id");
                }
                let key = JobKey { cluster: self.cluster.name.clone(), id: job.id };
                let state_key = state_key(&self.cluster.name, job, &ambiguous);
                Slot::Idle(Box::new(JobMemory::new(key, &job.name, state_key)))
            });
            if job.status.is_terminal() {
                continue;
            }
            if let Slot::Idle(memory) = std::mem::replace(slot, Slot::Busy) {
                let pass = one_pass(self.controller.clone(), Arc::clone(&self.cluster), memory, job.clone());
                let span = info_span!("pass", job = %job.id, name = job.name, cluster = self.cluster.name);
                let task = self.passes.spawn(pass.instrument(span));
                self.owners.insert(task.id(), job.id);
            }
        }
    }

    fn unreachable(&mut self, error: &crate::flink::FlinkError) {
        self.controller.pass.metrics.list_error(&self.cluster.name);
        if self.reachable != Some(false) {
            let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            warn!(cluster = self.cluster.name, %error, cause, "cluster is unreachable: no job of it is scaled");
            self.reachable = Some(false);
        }
    }

    /// Forgets jobs that left the list. Those with a pass under way are forgotten when it is over.
    fn forget_gone(&mut self, jobs: &[Job]) {
        let gone: Vec<JobId> =
            self.slots.keys().filter(|id| !jobs.iter().any(|job| job.id == **id)).copied().collect();
        for id in gone {
            self.slots.remove(&id);
            self.forget(id);
        }
    }

    fn forget(&self, id: JobId) {
        let key = JobKey { cluster: self.cluster.name.clone(), id };
        info!(job = %key, "job is gone");
        self.controller.records.forget(&key);
        self.controller.pass.events.forget(&key);
    }

    fn finish(&mut self, done: Result<(Id, Done), JoinError>) {
        match done {
            Ok((task, Done { memory, record })) => {
                self.owners.remove(&task);
                let id = memory.key.id;
                match self.slots.get_mut(&id) {
                    Some(slot) => {
                        *slot = Slot::Idle(memory);
                        if let Some(record) = record {
                            self.controller.records.put(record);
                        }
                    }
                    None => self.controller.pass.events.forget(&memory.key),
                }
            }
            Err(lost) => {
                // A bug of the host, not of the job: start over with what the state store has.
                if let Some(id) = self.owners.remove(&lost.id()) {
                    error!(cluster = self.cluster.name, job = %id, error = %lost, "pass panicked");
                    self.slots.remove(&id);
                }
            }
        }
    }
}

async fn one_pass(controller: Controller, cluster: Arc<Cluster>, mut memory: Box<JobMemory>, job: Job) -> Done {
    let Ok(_turn) = controller.concurrency.acquire().await else {
        return Done { memory, record: None };
    };
    let now = (controller.clock)();
    let flink = cluster.job_manager.as_ref();
    let record = match context(&cluster.name, flink, &cluster.options, &job).await {
        Ok(context) => Some(controller.pass.run(flink, &mut memory, &context, now).await),
        Err(error) => {
            controller.pass.unreadable(&mut memory, &job, now, &error);
            None
        }
    };
    Done { memory, record }
}
