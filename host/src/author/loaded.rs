//! A plugin of any role, loaded as a daemon would load it.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::{AuthorError, PluginRole, Subject};
use crate::metrics::Metrics;
use crate::plugin::{
    CallError, Grants, Limits, Runtime, Source, StateStoreError, WasmAligner, WasmEvaluator, WasmEventHandler,
    WasmFilter, WasmPolicy, WasmStateStore,
};

/// How a plugin came to be ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Readied {
    /// How long it took to have it compiled and linked. Milliseconds.
    pub compile_ms: f64,
    /// Whether its compiled code was at hand, so that it was not compiled.
    pub at_hand: bool,
}

impl fmt::Display for Readied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compile_ms, at_hand } = self;
        let how = if *at_hand { "compiled before, ready in" } else { "compiled in" };
        write!(f, "{how} {compile_ms:.0} ms")
    }
}

/// A plugin that can be called.
#[derive(Clone)]
pub enum Loaded {
    /// Decides.
    Policy(Arc<WasmPolicy>),
    /// Adds to what a policy evaluates.
    Evaluator(Arc<WasmEvaluator>),
    /// Modifies or vetoes changes.
    Filter(Arc<WasmFilter>),
    /// Aligns parallelisms.
    Aligner(Arc<WasmAligner>),
    /// Is told.
    EventHandler(Arc<WasmEventHandler>),
    /// Keeps state.
    StateStore(Arc<WasmStateStore>),
}

impl Loaded {
    /// Compiles and links it: compares it with its contract and its grants on the way. Takes long.
    ///
    /// # Errors
    /// When it does not fit, or a grant cannot be used.
    pub fn load(
        subject: &Subject,
        limits: Limits,
        grants: Grants,
        runtime: &Runtime,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, AuthorError> {
        let (name, code, metrics) = (subject.name.as_str(), &subject.code, Arc::clone(metrics));
        Ok(match subject.role {
            PluginRole::Policy => Self::Policy(Arc::new(WasmPolicy::build(name, code, limits, runtime, metrics)?)),
            PluginRole::Evaluator => {
                Self::Evaluator(Arc::new(WasmEvaluator::build(name, code, limits, runtime, metrics)?))
            }
            PluginRole::Filter => Self::Filter(Arc::new(WasmFilter::build(name, code, limits, runtime, metrics)?)),
            PluginRole::Aligner => Self::Aligner(Arc::new(WasmAligner::build(name, code, limits, runtime, metrics)?)),
            PluginRole::EventHandler => {
                Self::EventHandler(Arc::new(WasmEventHandler::build(name, code, limits, grants, runtime, metrics)?))
            }
            PluginRole::StateStore => {
                let source = Source::File(subject.file.clone());
                let store = WasmStateStore::load(name, &source, limits, grants, runtime, metrics);
                Self::StateStore(Arc::new(store.map_err(|error| match error {
                    StateStoreError::Load(error) => AuthorError::Load(error),
                    StateStoreError::Trial(error) => AuthorError::Trial(error),
                })?))
            }
        })
    }

    /// The same, and how it went.
    ///
    /// # Errors
    /// As for [`Loaded::load`].
    pub fn load_timed(
        subject: &Subject,
        limits: Limits,
        grants: Grants,
        runtime: &Runtime,
        metrics: &Arc<Metrics>,
    ) -> Result<(Self, Readied), AuthorError> {
        let (began, found) = (Instant::now(), runtime.found_compiled());
        let plugin = Self::load(subject, limits, grants, runtime, metrics)?;
        let compile_ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        Ok((plugin, Readied { compile_ms, at_hand: runtime.found_compiled() > found }))
    }

    /// Starts it once on trial, as before it would go into service.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or says that it cannot work so.
    pub async fn try_out(&self) -> Result<(), CallError> {
        match self {
            Self::Policy(policy) => policy.try_out().await,
            Self::Evaluator(evaluator) => evaluator.try_out().await,
            Self::Filter(filter) => filter.try_out().await,
            Self::Aligner(aligner) => aligner.try_out().await,
            Self::EventHandler(handler) => handler.try_out().await,
            Self::StateStore(store) => store.try_out().await,
        }
    }
}

/// The limits that a plugin has where an operator says nothing.
pub fn limits(role: PluginRole) -> Limits {
    match role {
        PluginRole::Policy => Limits::default(),
        PluginRole::Evaluator | PluginRole::Filter | PluginRole::Aligner => Limits::of_extension(),
        PluginRole::EventHandler => Limits::of_event_handlers(),
        PluginRole::StateStore => Limits::of_state_store(),
    }
}
