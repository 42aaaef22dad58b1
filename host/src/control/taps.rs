//! Who records which job. Where nobody does, a pass only asks whether somebody does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tidegate_common::configuration::Configuration;
use tokio::sync::mpsc;

use super::DecisionRecord;
use crate::flink::Note;
use crate::model::{JobKey, Window};

/// Passes that a slow recorder can lag behind before it misses some.
const BACKLOG: usize = 8;

/// Recorders at the same time, of all jobs.
const MOST: usize = 16;

/// Every recorder.
#[derive(Debug, Default)]
pub struct Taps {
    taps: RwLock<Vec<Arc<Tap>>>,
}

/// One recorder of one job.
#[derive(Debug)]
pub(super) struct Tap {
    job: JobKey,
    to: mpsc::Sender<Arc<TapedPass>>,
    lost: AtomicU64,
}

/// One pass of a recorded job: what it started from, what the cluster answered, and what was done.
#[derive(Clone, Debug)]
pub struct TapedPass {
    /// Passes before it that the recorder was too slow for.
    pub lost: u64,
    /// The options of all the cluster's jobs.
    pub options: Configuration,
    /// The zone of local time, by name.
    pub zone: String,
    /// What the pass started from.
    pub before: Situation,
    /// What the cluster answered, the job list first.
    pub notes: Vec<Note>,
    /// What was done.
    pub record: DecisionRecord,
    /// The state that it left.
    pub after: Arc<BTreeMap<String, String>>,
}

/// What is remembered of a job between two passes.
#[derive(Clone, Debug, Default)]
pub struct Situation {
    /// Texts by key.
    pub state: Arc<BTreeMap<String, String>>,
    /// The metrics of the passes before.
    pub window: Window,
}

impl Taps {
    /// Every pass of `job` from the next one on, until the job is gone; `None` when there are too many recorders.
    pub fn open(&self, job: JobKey) -> Option<mpsc::Receiver<Arc<TapedPass>>> {
        let mut taps = self.taps.write().unwrap_or_else(PoisonError::into_inner);
        taps.retain(|tap| !tap.to.is_closed());
        if taps.len() >= MOST {
            return None;
        }
        let (to, passes) = mpsc::channel(BACKLOG);
        taps.push(Arc::new(Tap { job, to, lost: AtomicU64::new(0) }));
        Some(passes)
    }

    /// Whether some job of a cluster is recorded.
    pub(super) fn any_of(&self, cluster: &str) -> bool {
        let taps = self.taps.read().unwrap_or_else(PoisonError::into_inner);
        taps.iter().any(|tap| tap.job.cluster == cluster && !tap.to.is_closed())
    }

    /// The recorders of a job.
    pub(super) fn of(&self, job: &JobKey) -> Vec<Arc<Tap>> {
        let taps = self.taps.read().unwrap_or_else(PoisonError::into_inner);
        taps.iter().filter(|tap| tap.job == *job && !tap.to.is_closed()).cloned().collect()
    }

    /// There will be no more passes at all.
    pub fn close_all(&self) {
        self.taps.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// There will be no more passes of a job: what is recorded of it is complete.
    pub(super) fn close(&self, job: &JobKey) {
        self.taps.write().unwrap_or_else(PoisonError::into_inner).retain(|tap| tap.job != *job);
    }
}

impl Tap {
    /// Hands over a pass, or counts it as lost where the recorder has no room for it. Never waits.
    pub(super) fn send(&self, pass: TapedPass) {
        let lost = self.lost.swap(0, Ordering::AcqRel);
        if self.to.try_send(Arc::new(TapedPass { lost, ..pass })).is_err() {
            self.lost.fetch_add(lost + 1, Ordering::AcqRel);
        }
    }
}
