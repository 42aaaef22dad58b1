//! Aligners that are components.

use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::component::Resource;

use super::CallError;
use super::call::State;
use super::contract::Contract;
use super::extension::{answered, job_of};
use super::linked::{Linked, world};
use super::pure::{introduce, pure};
use super::view::{View, from_applicant, from_scalar};
use crate::config::Role;
use crate::extension::{Aligner, ExtensionError};
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

pure!(WasmAligner, Role::Aligner, |linked| Self { linked });

impl WasmAligner {
    /// Starts the aligner once on trial and logs who it says it is.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or one of its exports has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        introduce(Role::Aligner, &self.linked, async |store, guest| {
            guest.tidegate_policy_alignment().call_describe(store).await
        })
        .await
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
