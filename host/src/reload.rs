//! What came of the last attempt to put a new configuration in force.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_common::time::Timestamp;
use tracing::{error, info, warn};

use crate::config::Changes;
use crate::metrics::Metrics;

/// Shared by who reloads and who is asked about it.
pub struct Reloads {
    metrics: Arc<Metrics>,
    state: Mutex<ReloadState>,
}

/// Since when the configuration in force is, and what became of a newer one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReloadState {
    /// When the configuration in force was read.
    pub in_force_since: Timestamp,
    /// The last attempt to put another in force.
    pub last: Option<LastReload>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastReload {
    /// When it was made.
    pub at: Timestamp,
    /// Why the one before stayed in force.
    pub error: Option<String>,
}

impl Reloads {
    /// Nothing was reloaded yet.
    pub fn new(metrics: Arc<Metrics>, in_force_since: Timestamp) -> Self {
        metrics.config_in_force();
        Self { metrics, state: Mutex::new(ReloadState { in_force_since, last: None }) }
    }

    /// How it stands.
    pub fn state(&self) -> ReloadState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A new configuration is in force.
    pub fn took(&self, changes: &Changes, at: Timestamp) {
        info!(%changes, "configuration reloaded");
        for setting in &changes.needs_restart {
            warn!(setting, "this setting has another value in the configuration now: it needs a restart");
        }
        self.metrics.config_reload(true);
        let last = Some(LastReload { at, error: None });
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = ReloadState { in_force_since: at, last };
    }

    /// A new configuration cannot be used: the one before stays in force.
    pub fn refused(&self, reason: &dyn fmt::Display, at: Timestamp) {
        error!(error = %reason, "configuration not reloaded: the one before stays in force");
        self.metrics.config_reload(false);
        let last = Some(LastReload { at, error: Some(reason.to_string()) });
        self.state.lock().unwrap_or_else(PoisonError::into_inner).last = last;
    }
}
