//! A job's turn: one pass over it, and what of that is recorded.

use std::sync::Arc;

use tidegate_common::time::Timestamp;
use tokio::sync::Semaphore;

use super::context::context;
use super::job::JobMemory;
use super::taps::Tap;
use super::{Cluster, Controller, DecisionRecord, TapedPass, Taps};
use crate::flink::{JobManager, Note, Notes};
use crate::model::{Job, JobKey};

/// A pass that is over.
pub(super) struct Done {
    pub(super) memory: Box<JobMemory>,
    pub(super) record: Option<DecisionRecord>,
}

/// Who records a pass, and what was noted before it began.
pub(super) struct Taping {
    taps: Vec<Arc<Tap>>,
    listed: Arc<[Note]>,
}

pub(super) fn taping(taps: &Taps, job: &JobKey, listed: &Arc<[Note]>) -> Option<Taping> {
    let taps = taps.of(job);
    (!taps.is_empty()).then(|| Taping { taps, listed: Arc::clone(listed) })
}

/// Waits for a turn, and looks at the job.
pub(super) async fn one_pass(
    controller: Controller,
    turns: Arc<Semaphore>,
    cluster: Arc<Cluster>,
    mut memory: Box<JobMemory>,
    job: Job,
    taping: Option<Taping>,
) -> Done {
    let Ok(_turn) = turns.acquire().await else {
        return Done { memory, record: None };
    };
    let now = (controller.clock)();
    let record = match taping {
        None => look_at(&controller, &cluster, cluster.job_manager.as_ref(), &mut memory, &job, now).await,
        Some(taping) => taped(&controller, &cluster, &mut memory, &job, now, taping).await,
    };
    Done { memory, record: Some(record) }
}

async fn look_at(
    controller: &Controller,
    cluster: &Cluster,
    flink: &dyn JobManager,
    memory: &mut JobMemory,
    job: &Job,
    now: Timestamp,
) -> DecisionRecord {
    match context(&cluster.name, flink, &cluster.options, job).await {
        Ok(context) => controller.pass.run(flink, memory, &cluster.options, &context, now).await,
        Err(error) => controller.pass.unreadable(memory, job, now, &error),
    }
}

/// A pass that is recorded. It does what any other does.
async fn taped(
    controller: &Controller,
    cluster: &Cluster,
    memory: &mut JobMemory,
    job: &Job,
    now: Timestamp,
    Taping { taps, listed }: Taping,
) -> DecisionRecord {
    let notes = Arc::new(Notes::default());
    let noting = cluster.job_manager.noting(&notes);
    let flink = noting.as_deref().unwrap_or(cluster.job_manager.as_ref());
    controller.pass.at_first_sight(memory).await;
    let before = memory.situation();
    let record = look_at(controller, cluster, flink, memory, job, now).await;
    let pass = TapedPass {
        lost: 0,
        options: cluster.options.clone(),
        zone: controller.pass.zone.name_at(now),
        before,
        notes: listed.iter().cloned().chain(notes.take()).collect(),
        record: record.clone(),
        after: memory.situation().state,
    };
    for tap in taps {
        tap.send(pass.clone());
    }
    record
}
