//! Slots in domain words: each call goes to the version in service, and what comes of it is reported to the slot.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_common::configuration::Configuration;

use super::FailureKind;
use super::slot::{Service, Slot};
use super::version::Version;
use crate::causes::in_one_text;
use crate::event::{EventHandler, HandlerError};
use crate::extension::Extensions;
use crate::model::{Decision, Digest, JobEvent, Observation};
use crate::plugin::{CallError, WasmEventHandler, WasmPolicy};
use crate::policy::{Policy, PolicyError, Seat};

/// A policy's slot, as passes see it.
pub(super) struct PolicySeat(pub(super) Arc<Slot<WasmPolicy>>);

impl Seat for PolicySeat {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn pin(&self) -> Arc<dyn Policy> {
        self.now(true)
    }

    fn aside(&self) -> Arc<dyn Policy> {
        self.now(false)
    }
}

impl PolicySeat {
    fn now(&self, is_counted: bool) -> Arc<dyn Policy> {
        let slot = Arc::clone(&self.0);
        match slot.service().as_ref() {
            Service::Version(version) => Arc::new(Pinned { slot, version: Arc::clone(version), is_counted }),
            Service::Nothing(why) => Arc::new(Absent { name: self.0.name().to_owned(), why: why.clone() }),
        }
    }
}

/// One version of a policy, for one pass.
struct Pinned {
    slot: Arc<Slot<WasmPolicy>>,
    version: Arc<Version<WasmPolicy>>,
    /// Whether its failures and successes are.
    is_counted: bool,
}

impl Pinned {
    fn succeeded(&self) {
        if self.is_counted {
            self.slot.succeeded(&self.version);
        }
    }

    fn failed(&self, kind: FailureKind, reason: &str) {
        if self.is_counted {
            self.slot.failed(&self.version, kind, reason);
        }
    }

    /// Reports a call that ended without an answer. That too much is under way is not the plugin's fault.
    fn report(&self, error: &PolicyError, otherwise: FailureKind) {
        let PolicyError::Broken { source, .. } = error else { return };
        let kind = match source.downcast_ref::<CallError>() {
            Some(CallError::Busy { .. }) => return,
            Some(CallError::Malformed { .. }) => FailureKind::Answer,
            _ => otherwise,
        };
        self.failed(kind, &in_one_text(source.as_ref()));
    }
}

#[async_trait]
impl Policy for Pinned {
    fn name(&self) -> &str {
        self.slot.name()
    }

    fn digest(&self) -> Option<Digest> {
        Some(self.version.digest)
    }

    fn judged(&self, verdict: Result<(), &str>) {
        match verdict {
            Ok(()) => self.succeeded(),
            Err(reason) => self.failed(FailureKind::Answer, reason),
        }
    }

    async fn check_options(&self, job: &str, configuration: &Configuration) -> Result<Vec<String>, PolicyError> {
        let checked = self.version.plugin.check_options(job, configuration).await;
        checked.inspect_err(|error| self.report(error, FailureKind::Check))
    }

    async fn decide(
        &self,
        observation: Arc<Observation>,
        extensions: Arc<dyn Extensions>,
    ) -> Result<Decision, PolicyError> {
        let decided = self.version.plugin.decide(observation, extensions).await;
        match &decided {
            // That it cannot decide is an answer, and a good one.
            Err(PolicyError::Declined(_)) => self.succeeded(),
            Err(error) => self.report(error, FailureKind::Call),
            Ok(_) => {}
        }
        decided
    }
}

/// What decides while nothing is in service: nobody.
struct Absent {
    name: String,
    why: String,
}

#[async_trait]
impl Policy for Absent {
    fn name(&self) -> &str {
        &self.name
    }

    fn out_of_service(&self) -> Option<&str> {
        Some(&self.why)
    }

    async fn check_options(&self, _: &str, _: &Configuration) -> Result<Vec<String>, PolicyError> {
        Ok(Vec::new())
    }

    async fn decide(&self, _: Arc<Observation>, _: Arc<dyn Extensions>) -> Result<Decision, PolicyError> {
        Err(PolicyError::NotInService { policy: self.name.clone(), reason: self.why.clone() })
    }
}

/// An event handler's slot, as events see it.
pub(super) struct HandlerSeat(pub(super) Arc<Slot<WasmEventHandler>>);

#[async_trait]
impl EventHandler for HandlerSeat {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn wants(&self, event: &JobEvent) -> bool {
        self.0.book().spec.wants(event)
    }

    async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError> {
        let service = self.0.service();
        let version = match service.as_ref() {
            Service::Version(version) => version,
            Service::Nothing(why) => {
                return Err(HandlerError { source: format!("it is not in service: {why}").into() });
            }
        };
        let handled = version.plugin.handle(events).await;
        match &handled {
            Ok(()) => self.0.succeeded(version),
            Err(error) => match error.source.downcast_ref::<CallError>() {
                // What a handler says of its own is about the events, or about where they go: it works.
                Some(CallError::Failed { .. }) => self.0.succeeded(version),
                Some(CallError::Busy { .. }) => {}
                _ => self.0.failed(version, FailureKind::Call, &in_one_text(error.source.as_ref())),
            },
        }
        handled
    }
}
