//! Aligners that are components.

use std::sync::Arc;

use async_trait::async_trait;
use tidegate_common::time::Timestamp;
use wasmtime::component::Resource;

use super::call::State;
use super::contract::Contract;
use super::extension::{answered, introduce, job_of};
use super::kind::Kind;
use super::linked::{Linked, world};
use super::load::{Code, Source};
use super::view::{View, from_applicant, from_scalar};
use super::{CallError, Limits, LoadError, Runtime, Spec};
use crate::config::Role;
use crate::extension::{Aligner, ExtensionError};
use crate::metrics::Metrics;
use crate::model::{Applicant, Observation, Scalar};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/types/v0.1", "../wit/host/v0.1", "../wit/policy/v0.1"],
        world: "tidegate:policy/aligner",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "tidegate:host/log": crate::plugin::log::bindings::tidegate::host::log,
            "tidegate:types/types": crate::plugin::view::bindings::tidegate::types::types,
            "tidegate:policy/observation": crate::plugin::view::bindings::tidegate::policy::observation,
            "tidegate:policy/terms": crate::plugin::view::bindings::tidegate::policy::terms,
        },
    });
}

/// A component of this world.
pub(super) type Pre = bindings::AlignerPre<State>;

world!(
    Pre,
    bindings::Aligner,
    Contract {
        package: "tidegate:policy",
        version: "0.1",
        export: "alignment",
        imports: &["tidegate:types/types", "tidegate:host/log", "tidegate:policy/observation", "tidegate:policy/terms"],
    }
);

/// An aligner, compiled and linked; instantiated once per call.
pub struct WasmAligner {
    linked: Linked<Pre>,
}

impl WasmAligner {
    /// Loads an aligner. Compiling takes long: not for async threads.
    ///
    /// # Errors
    /// When the source cannot be read, is no component or does not fit the contract.
    pub fn load(
        name: &str,
        source: &Source,
        limits: Limits,
        runtime: &Runtime,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LoadError> {
        Self::build(name, &source.fetch(Role::Aligner.name())?, limits, runtime, metrics)
    }

    /// Makes one of code that was read before. Compiling takes long: not for async threads.
    ///
    /// # Errors
    /// When it is no component or does not fit the contract.
    pub fn build(
        name: &str,
        code: &Code,
        limits: Limits,
        runtime: &Runtime,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LoadError> {
        Ok(Self { linked: Linked::pure(name, code, limits, runtime, &metrics, true)? })
    }

    /// Starts the aligner once on trial and logs who it says it is.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or one of its exports has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        let about = self
            .linked
            .call("", Timestamp::default(), async |store, guest| {
                guest.tidegate_policy_alignment().call_describe(store).await
            })
            .await?;
        introduce(self.linked.caller.name(), "aligner", &about);
        Ok(())
    }
}

#[async_trait]
impl Kind for WasmAligner {
    fn make(spec: &Spec, code: &Code, runtime: &Runtime, metrics: Arc<Metrics>) -> Result<Self, LoadError> {
        Self::build(&spec.name, code, spec.limits.clone(), runtime, metrics)
    }

    fn asks(&self) -> &[String] {
        &self.linked.asks
    }

    async fn on_trial(&self) -> Result<(), CallError> {
        self.try_out().await
    }
}

#[async_trait]
impl Aligner for WasmAligner {
    fn name(&self) -> &str {
        self.linked.caller.name()
    }

    async fn align(
        &self,
        observation: Arc<Observation>,
        applicant: Applicant,
        evaluated: Vec<Scalar>,
    ) -> Result<Option<u32>, ExtensionError> {
        let (job, now) = (job_of(&observation), observation.now);
        let applicant = from_applicant(applicant);
        let evaluated: Vec<_> = evaluated.into_iter().map(from_scalar).collect();
        let answer = self
            .linked
            .call(&job, now, async |store, guest| {
                let view = store.data_mut().table.push(View::new(observation))?;
                let view = Resource::new_borrow(view.rep());
                guest.tidegate_policy_alignment().call_align(store, view, &applicant, &evaluated).await
            })
            .await;
        answered(answer)
    }
}
