//! What every kind of plugin can do, so that all of them come into service in the same way.

use std::sync::Arc;

use async_trait::async_trait;

use super::load::Code;
use super::{CallError, LoadError, Runtime, Spec};
use crate::control::{Difference, ExtensionPlugins, RehearsalError, Table};
use crate::metrics::Metrics;
use crate::model::Observation;

/// A plugin of one kind, compiled and linked.
#[async_trait]
pub(super) trait Kind: Send + Sync + Sized + 'static {
    /// Compiles and fits it. Takes long: not for async threads.
    ///
    /// # Errors
    /// When it is no component or does not fit its contract.
    fn make(spec: &Spec, code: &Code, runtime: &Runtime, metrics: Arc<Metrics>) -> Result<Self, LoadError>;

    /// What it imports, beside what language runtimes do on their own.
    fn asks(&self) -> &[String];

    /// Starts it once on trial.
    ///
    /// # Errors
    /// When it does not start.
    async fn on_trial(&self) -> Result<(), CallError>;

    /// Lets it work beside those in service, on what they work on now, and nothing comes of it but the differences.
    ///
    /// # Errors
    /// When it must not go into service.
    async fn rehearse(
        &self,
        _policies: &Table,
        _views: &[Arc<Observation>],
        _extensions: &ExtensionPlugins,
    ) -> Result<Vec<Difference>, RehearsalError> {
        Ok(Vec::new())
    }
}
