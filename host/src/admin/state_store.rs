//! The state store among the plugins: it is shown, and not exchanged while the daemon runs.

use axum::http::StatusCode;

use super::plugins::{Plugin, grants, limits, of_use};
use super::refusal::Refusal;
use crate::plugin::StateStoreStatus;

/// Its role.
const ROLE: &str = "state-store";

/// The state store as a plugin of the list.
pub(super) fn shown(status: StateStoreStatus) -> Plugin {
    let state = if status.failures == 0 { "active" } else { "failing" };
    Plugin {
        name: status.name,
        role: ROLE.to_owned(),
        source: status.source,
        source_lacks: None,
        state: state.to_owned(),
        reason: None,
        active: Some(status.digest.to_string()),
        jobs: Vec::new(),
        failures: status.failures,
        // It has to keep the state, however often it fails.
        max_failures: 0,
        last_failure: status.last_failure,
        starts: Some(status.starts),
        asks: status.asks,
        grants: grants(&status.grants),
        used: of_use(status.used),
        limits: limits(&status.limits),
        versions: Vec::new(),
    }
}

/// What is answered to who wants to steer it.
pub(super) fn refusal(name: &str) -> Refusal {
    let reason = format!(
        "`{name}` is the state store, which stays the same while the daemon runs: change `[state-store]` and start the \
         daemon again"
    );
    Refusal::new(StatusCode::CONFLICT, reason)
}
