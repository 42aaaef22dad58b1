//! Where events go: in domain words, so that a component, native code and a fake are interchangeable.

use std::error::Error;

use async_trait::async_trait;
use thiserror::Error;

use crate::model::JobEvent;

/// A sink for events.
#[async_trait]
pub trait EventHandler: Send + Sync {
    /// The plugin's name in the configuration, for logs and metrics.
    fn name(&self) -> &str;

    /// Whether it is to be told of `event`: of all, unless the operator says otherwise.
    fn wants(&self, _event: &JobEvent) -> bool {
        true
    }

    /// Takes events, oldest first. May be slow; never called twice at the same time.
    async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError>;
}

/// Why events were not taken. They are not handed over again.
#[derive(Debug, Error)]
#[error("failed to handle events")]
pub struct HandlerError {
    /// What happened.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}
