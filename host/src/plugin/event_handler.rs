//! Event handlers that are components: the only file that knows the contract's words for events.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_common::time::Timestamp;

use super::call::{Caller, State};
use super::contract::{Contract, Given};
use super::files;
use super::grants::Granted;
use super::kind::Kind;
use super::linked::{Linked, world};
use super::load::{Code, Source};
use super::sandbox::Sandbox;
use super::{CallError, Grants, Limits, LoadError, Runtime, Spec};
use crate::config::Role;
use crate::event::{EventHandler, HandlerError};
use crate::metrics::Metrics;
use crate::model::{EventKind, JobEvent};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/types/v0.1", "../wit/host/v0.1", "../wit/event-handler/v0.1"],
        world: "tidegate:event-handler/event-handler",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "tidegate:host/log": crate::plugin::log::bindings::tidegate::host::log,
            "tidegate:host/options": crate::plugin::options::bindings::tidegate::host::options,
            "tidegate:host/sql": crate::plugin::sql::bindings::tidegate::host::sql,
        },
    });
}

use bindings::exports::tidegate::event_handler::handler as wit;

world!(
    bindings::EventHandlerPre<State>,
    bindings::EventHandler,
    Contract {
        package: "tidegate:event-handler",
        version: "0.1",
        export: "handler",
        imports: &["tidegate:types/types", "tidegate:host/log", "tidegate:host/options", "tidegate:host/sql"],
    }
);

/// An event handler, compiled and linked; instantiated once per call.
pub struct WasmEventHandler {
    linked: Linked<bindings::EventHandlerPre<State>>,
}

impl WasmEventHandler {
    /// Loads an event handler. Compiling takes long: not for async threads.
    ///
    /// # Errors
    /// When the source cannot be read, is no component, does not fit the contract, or a grant cannot be used.
    pub fn load(
        name: &str,
        source: &Source,
        limits: Limits,
        grants: Grants,
        runtime: &Runtime,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LoadError> {
        Self::build(name, &source.fetch(Role::EventHandler.name())?, limits, grants, runtime, metrics)
    }

    /// Makes one of code that was read before. Compiling takes long: not for async threads.
    ///
    /// # Errors
    /// When it is no component, does not fit the contract, or a grant cannot be used.
    pub fn build(
        name: &str,
        code: &Code,
        limits: Limits,
        grants: Grants,
        runtime: &Runtime,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LoadError> {
        let granted = Granted::new(grants)?;
        let has_http = granted.http.is_some();
        let caller = Caller::new(name, runtime, limits, granted, &metrics);
        Ok(Self {
            linked: Linked::granted(caller, code, Given::ByGrant { http: has_http }, |linker| {
                files::link_granted(linker, has_http)
            })?,
        })
    }

    /// Hands over no events at all, to see whether the handler starts.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or its export has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        self.call(&[]).await
    }

    async fn call(&self, events: &[JobEvent]) -> Result<(), CallError> {
        let events: Vec<wit::Event> = events.iter().map(from_event).collect();
        let caller = &self.linked.caller;
        let sandbox = Sandbox::granted(caller.granted(), caller.output_limit())?;
        self.linked
            .call_in(sandbox, "", async |store, guest| {
                let answer = guest.tidegate_event_handler_handler().call_handle(store, &events).await?;
                answer.map_err(|reason| CallError::Failed { reason }.into())
            })
            .await
    }
}

#[async_trait]
impl Kind for WasmEventHandler {
    fn make(spec: &Spec, code: &Code, runtime: &Runtime, metrics: Arc<Metrics>) -> Result<Self, LoadError> {
        Self::build(&spec.name, code, spec.limits.clone(), spec.grants.clone(), runtime, metrics)
    }

    fn asks(&self) -> &[String] {
        &self.linked.asks
    }

    async fn on_trial(&self) -> Result<(), CallError> {
        self.try_out().await
    }
}

#[async_trait]
impl EventHandler for WasmEventHandler {
    fn name(&self) -> &str {
        self.linked.caller.name()
    }

    async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError> {
        self.call(events).await.map_err(|error| HandlerError { source: error.into() })
    }
}

fn from_event(event: &JobEvent) -> wit::Event {
    let JobEvent { at, job, job_name, event, count } = event;
    wit::Event {
        at: Timestamp::as_millis(*at),
        cluster: job.cluster.clone(),
        job: job.id.to_string(),
        job_name: job_name.clone(),
        severity: match event.kind {
            EventKind::Normal => wit::Severity::Normal,
            EventKind::Warning => wit::Severity::Warning,
        },
        reason: event.reason.clone(),
        message: event.message.clone(),
        message_key: event.key().to_owned(),
        count: *count,
    }
}

impl bindings::tidegate::types::types::Host for State {}
