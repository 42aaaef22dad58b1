//! Filters that are components.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use wasmtime::Store;
use wasmtime::component::Resource;

use super::CallError;
use super::call::State;
use super::contract::Contract;
use super::extension::{answered, job_of};
use super::linked::{Linked, world};
use super::log::clean;
use super::pure::{introduce, pure};
use super::view::{View, from_proposal, into_proposal};
use crate::config::Role;
use crate::extension::{ExtensionError, Filter};
use crate::model::{Evaluation, FilterOutcome, Observation, Proposal};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/types/v0.1", "../wit/host/v0.1", "../wit/policy/v0.1"],
        world: "tidegate:policy/filter",
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

use bindings::exports::tidegate::policy::filtering::Outcome;

/// A component of this world.
pub(super) type Pre = bindings::FilterPre<State>;

world!(
    Pre,
    bindings::Filter,
    Contract {
        package: "tidegate:policy",
        version: "0.1",
        export: "filtering",
        imports: &["tidegate:types/types", "tidegate:host/log", "tidegate:policy/observation", "tidegate:policy/terms"],
    }
);

/// A filter, compiled and linked; instantiated once per call.
pub struct WasmFilter {
    linked: Linked<Pre>,
    /// What it says of itself when it is tried out.
    priority: OnceLock<i32>,
}

pure!(WasmFilter, Role::Filter, |linked| Self { linked, priority: OnceLock::new() });

impl WasmFilter {
    /// Starts the filter once on trial and logs who it says it is.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or one of its exports has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        let describe = async |store: &mut Store<State>, guest: &bindings::Filter| {
            let guest = guest.tidegate_policy_filtering();
            let (about, priority) = (guest.call_describe(&mut *store).await?, guest.call_priority(store).await?);
            self.priority.get_or_init(|| priority);
            Ok(about)
        };
        introduce(Role::Filter, &self.linked, describe).await
    }
}

#[async_trait]
impl Filter for WasmFilter {
    fn name(&self) -> &str {
        self.linked.caller.name()
    }

    fn priority(&self) -> i32 {
        self.priority.get().copied().unwrap_or_default()
    }

    async fn filter(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        changes: Vec<Proposal>,
    ) -> Result<FilterOutcome, ExtensionError> {
        let (job, now) = (job_of(&observation), observation.now);
        let changes: Vec<_> = changes.into_iter().map(from_proposal).collect();
        let answer = self
            .linked
            .call(&job, now, async |store, guest| {
                let view = store.data_mut().table.push(View::new(observation))?;
                let known = store.data_mut().table.push(evaluation)?;
                let (view, known) = (Resource::new_borrow(view.rep()), Resource::new_borrow(known.rep()));
                guest.tidegate_policy_filtering().call_filter(store, view, known, &changes).await
            })
            .await;
        Ok(match answered(answer)? {
            Outcome::Accept => FilterOutcome::Accept,
            Outcome::Modify(instead) => FilterOutcome::Modify(instead.into_iter().map(into_proposal).collect()),
            Outcome::Veto(reason) => FilterOutcome::Veto(clean(&reason)),
        })
    }
}
