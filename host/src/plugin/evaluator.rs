//! Evaluators that are components.

use std::sync::Arc;

use async_trait::async_trait;
use wasmtime::component::Resource;

use super::CallError;
use super::call::State;
use super::contract::Contract;
use super::extension::{answered, into_metrics, job_of};
use super::linked::{Linked, world};
use super::pure::{introduce, pure};
use super::view::{View, from_index};
use crate::config::Role;
use crate::extension::{Evaluator, ExtensionError};
use crate::model::{Evaluation, Observation, Scalar};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/types/v0.1", "../wit/host/v0.1", "../wit/policy/v0.1"],
        world: "tidegate:policy/evaluator",
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
pub(super) type Pre = bindings::EvaluatorPre<State>;

world!(
    Pre,
    bindings::Evaluator,
    Contract {
        package: "tidegate:policy",
        version: "0.1",
        export: "evaluation",
        imports: &["tidegate:types/types", "tidegate:host/log", "tidegate:policy/observation", "tidegate:policy/terms"],
    }
);

/// An evaluator, compiled and linked; instantiated once per call.
pub struct WasmEvaluator {
    linked: Linked<Pre>,
}

pure!(WasmEvaluator, Role::Evaluator, |linked| Self { linked });

impl WasmEvaluator {
    /// Starts the evaluator once on trial and logs who it says it is.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or one of its exports has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        introduce(Role::Evaluator, &self.linked, async |store, guest| {
            guest.tidegate_policy_evaluation().call_describe(store).await
        })
        .await
    }
}

#[async_trait]
impl Evaluator for WasmEvaluator {
    fn name(&self) -> &str {
        self.linked.caller.name()
    }

    async fn evaluate(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        vertex: usize,
    ) -> Result<Vec<Scalar>, ExtensionError> {
        let (job, now) = (job_of(&observation), observation.now);
        let answer = self
            .linked
            .call(&job, now, async |store, guest| {
                let view = store.data_mut().table.push(View::new(observation))?;
                let known = store.data_mut().table.push(evaluation)?;
                let (view, known) = (Resource::new_borrow(view.rep()), Resource::new_borrow(known.rep()));
                guest.tidegate_policy_evaluation().call_evaluate(store, view, known, from_index(vertex)).await
            })
            .await;
        into_metrics(answered(answer)?).map_err(|error| ExtensionError::Broken(error.into()))
    }
}
