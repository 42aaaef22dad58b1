//! Policies that decide beside the one in service, pass by pass, and never act.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::Pass;
use super::rehearse::beside;
use crate::causes::in_one_text;
use crate::model::{Decision, Observation};
use crate::policy::Policy;

/// Rehearsals under way at once; more are skipped and counted, so that they never pile up behind a slow one.
const MOST_SHADOWS: usize = 16;

/// Whose turn it is to rehearse.
pub struct ShadowTurns(Arc<Semaphore>);

impl Default for ShadowTurns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_SHADOWS)))
    }
}

impl Pass {
    /// Lets the shadows of a job decide on what its policy has just decided on. Never waits, and never fails.
    pub(super) fn rehearse_shadows(&self, policy: &dyn Policy, view: &Arc<Observation>, decision: &Decision) {
        let shadows = self.policies.table().shadows(&view.cluster, &view.job_name);
        for seat in shadows {
            let shadow = seat.pin();
            if shadow.out_of_service().is_some() {
                continue;
            }
            let Ok(turn) = Arc::clone(&self.shadow_turns.0).try_acquire_owned() else {
                self.metrics.plugins.rehearsal(shadow.name(), "skipped");
                continue;
            };
            let (view, decision) = (Arc::clone(view), decision.clone());
            let extensions = self.extensions.now();
            let (metrics, policy) = (Arc::clone(&self.metrics), policy.name().to_owned());
            tokio::spawn(async move {
                let _turn = turn;
                let plugin = shadow.name();
                let (job, name) = (view.job, &view.job_name);
                match beside(shadow.as_ref(), &policy, &decision, &view, &extensions).await {
                    Ok(None) => metrics.plugins.rehearsal(plugin, "same"),
                    Ok(Some(difference)) => {
                        metrics.plugins.rehearsal(plugin, "different");
                        let (in_service, rehearsed) = (difference.in_service, difference.rehearsed);
                        info!(plugin, %job, name, policy, in_service, rehearsed, "shadow decides differently");
                    }
                    Err(error) => {
                        metrics.plugins.rehearsal(plugin, "failed");
                        warn!(plugin, %job, name, error = in_one_text(&error), "shadow failed");
                    }
                }
            });
        }
    }
}
