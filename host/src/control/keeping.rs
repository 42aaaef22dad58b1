//! What a pass keeps of a job: its state, the samples, and what was told.

use std::error::Error;

use tracing::warn;

use super::context::state_key_by_id;
use super::job::JobMemory;
use super::pass::Failed;
use super::{Pass, Stage};
use crate::causes::in_one_text;
use crate::state::JobState;

impl Pass {
    /// Reads what is kept of a job, if this has not been done. An error is for the pass that needs it.
    pub(super) async fn at_first_sight(&self, memory: &mut JobMemory) {
        let _ = self.state(memory).await;
    }

    /// The job's state, read at first sight: without it nothing may be decided.
    pub(super) async fn state<'a>(&self, memory: &'a mut JobMemory) -> Result<&'a mut JobState, Failed> {
        let failed = |error: &dyn Error| Failed { stage: Stage::None, error: in_one_text(error), not_ready: false };
        if memory.state.is_none() {
            let left = state_key_by_id(memory.key.id);
            let state = JobState::load(memory.state_key.clone(), Some(left), self.store.as_ref()).await;
            memory.state = Some(state.map_err(|error| failed(&error))?);
            memory.restore_samples();
            if let Some(told) = memory.state.as_ref().and_then(JobState::events) {
                self.events.restore(&memory.key, told);
            }
        }
        memory.state.as_mut().ok_or_else(|| Failed {
            stage: Stage::None,
            error: "the job has no state".to_owned(),
            not_ready: false,
        })
    }

    /// Stores what is not stored yet.
    pub(super) async fn store(&self, memory: &mut JobMemory, stage: Stage) -> Result<(), Failed> {
        let Some(state) = &mut memory.state else { return Ok(()) };
        if let Some(told) = self.events.to_keep(&memory.key) {
            state.keep_events(told);
        }
        let flushed = state.flush(self.store.as_ref()).await;
        flushed.map_err(|error| Failed { stage, error: in_one_text(&error), not_ready: false })
    }

    /// Stores what was told, where that has changed since the pass stored the rest. What cannot be stored now is stored
    /// with what the next pass has to store.
    pub(super) async fn store_told(&self, memory: &mut JobMemory) {
        let Some(state) = &mut memory.state else { return };
        if let Some(told) = self.events.to_keep(&memory.key) {
            state.keep_events(told);
            let _ = state.flush(self.store.as_ref()).await;
        }
    }

    /// Stores the samples of a job that no pass will look at any more in this process, and what was told of it.
    pub(super) async fn store_last(&self, memory: &mut JobMemory) {
        memory.keep_samples_now(None);
        if let Err(failed) = self.store(memory, Stage::None).await {
            warn!(job = %memory.key, name = memory.name, error = failed.error, "state could not be stored");
        }
    }
}
