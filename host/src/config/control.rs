//! `[control]`: the pace of the control loop.

use serde::Deserialize;

use super::Span;

/// The `[control]` table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ControlConfig {
    /// Time between two passes of a job.
    pub interval: Span,
    /// Passes at the same time in each cluster.
    pub concurrency: std::num::NonZeroU16,
    /// How long the state of a job that is gone is kept for its redeploy.
    pub forget_after: Span,
}

impl Default for ControlConfig {
    fn default() -> Self {
        const CONCURRENCY: std::num::NonZeroU16 = match std::num::NonZeroU16::new(100) {
            Some(passes) => passes,
            None => std::num::NonZeroU16::MIN,
        };
        Self { interval: Span::seconds(10), concurrency: CONCURRENCY, forget_after: Span::seconds(3600) }
    }
}
