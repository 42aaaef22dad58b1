//! The one instance of a state store: the only file that knows the contract's words for state.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;

use thiserror::Error;
use tracing::warn;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::CallError;
use super::call::{State, close_log};
use super::contract::Contract;
use super::linked::{Linked, world};
use super::output::Output;
use super::sandbox::Sandbox;
use super::store_health::Health;
use crate::causes::in_one_text;
use crate::metrics::Alive;
use crate::state::{StateKey, StoreError, StoreFailure};

mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/host/v0.1", "../wit/state-store/v0.1"],
        world: "tidegate:state-store/state-store",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "tidegate:host/log": crate::plugin::log::bindings::tidegate::host::log,
            "tidegate:host/options": crate::plugin::options::bindings::tidegate::host::options,
            "tidegate:host/sql": crate::plugin::sql::bindings::tidegate::host::sql,
        },
    });
}

use bindings::exports::tidegate::state_store::stores as wit;

world!(
    bindings::StateStorePre<State>,
    bindings::StateStore,
    Contract {
        package: "tidegate:state-store",
        version: "0.1",
        export: "stores",
        imports: &["tidegate:host/log", "tidegate:host/options", "tidegate:host/sql"],
    }
);

/// What an instance is made of, and how the instances do.
pub(super) struct Parts {
    pub(super) linked: Linked<bindings::StateStorePre<State>>,
    pub(super) health: Health,
}

/// What a state store answers.
pub(super) type Answer<T> = Result<T, StoreError>;

/// The instance, and the stores that it has opened.
pub(super) struct Instance {
    store: Store<State>,
    guest: bindings::StateStore,
    output: Output,
    stores: HashMap<StateKey, ResourceAny>,
    _alive: Alive,
}

impl Instance {
    pub(super) async fn start(parts: &Parts) -> Result<Self, CallError> {
        let caller = &parts.linked.caller;
        let _running = caller.runtime().running();
        let Sandbox { wasi, output } = Sandbox::granted(caller.granted(), caller.output_limit())?;
        let mut store = caller.store("", wasi);
        let guest = caller.within_deadline(&mut store, async |store| parts.linked.start(store).await).await?;
        Ok(Self { store, guest, output, stores: HashMap::new(), _alive: caller.instance() })
    }

    /// Gives a job's store back, if it is open. The guest's own end of it may fail; that shows in the next call.
    pub(super) async fn drop_store(&mut self, parts: &Parts, job: &StateKey) {
        let Some(open) = self.stores.remove(job) else { return };
        let _running = parts.linked.caller.runtime().running();
        let dropping = async |store: &mut Store<State>| open.resource_drop_async(store).await;
        if let Err(error) = parts.linked.caller.within_deadline(&mut self.store, dropping).await {
            warn!(plugin = parts.linked.caller.name(), job = %job, error = &error as &dyn Error, "closing a store failed");
        }
    }
}

/// Does `work` with a job's store. One that failed, or says that it is not valid, is opened anew: the next time, or
/// at once.
pub(super) async fn with_store<T>(
    parts: &Parts,
    place: &mut Option<Instance>,
    job: &StateKey,
    work: impl AsyncFnOnce(&mut Calls<'_>, ResourceAny) -> Outcome<T>,
) -> Answer<T> {
    let answer = with_instance(parts, place, &job.to_string(), async |call, stores| {
        let held = match stores.remove(job) {
            Some(held) if call.is_valid(held).await? => Some(held),
            Some(spent) => {
                spent.resource_drop_async(&mut *call.store).await?;
                None
            }
            None => None,
        };
        let open = match held {
            Some(held) => held,
            None => match call.open(job).await? {
                Ok(opened) => opened,
                Err(failure) => return Ok(Err(failure)),
            },
        };
        stores.insert(job.clone(), open);
        work(call, open).await
    })
    .await;
    if answer.is_err()
        && let Some(instance) = place
    {
        instance.drop_store(parts, job).await;
    }
    answer
}

/// Calls the instance, which is started if there is none. After a trap or a time-out it is gone.
pub(super) async fn with_instance<T>(
    parts: &Parts,
    place: &mut Option<Instance>,
    job: &str,
    work: impl AsyncFnOnce(&mut Calls<'_>, &mut HashMap<StateKey, ResourceAny>) -> Outcome<T>,
) -> Answer<T> {
    let caller = &parts.linked.caller;
    let mut instance = match place.take() {
        Some(instance) => instance,
        None => parts.health.starts(Instance::start(parts).await.map_err(|error| lost(caller.name(), error)))?,
    };
    let _running = caller.runtime().running();
    let Instance { store, guest, output, stores, _alive } = &mut instance;
    store.data_mut().log = caller.log(job);
    store.data_mut().quota = caller.quota();
    let call = caller.within_deadline(store, async |store| {
        let guest = guest.tidegate_state_store_stores();
        work(&mut Calls { store, guest }, stores).await
    });
    let answer = caller
        .counted(call, |answer| match answer {
            Ok(Ok(_)) => None,
            Ok(Err(_)) => Some("failed"),
            Err(error) => Some(error.kind()),
        })
        .await;
    close_log(store, output);
    let answer = match answer {
        Ok(answer) => {
            // What it holds of a place that is gone, such as a folder, may be of no use when the place is back.
            if !matches!(answer, Err(wit::Failure::Unavailable(_))) {
                *place = Some(instance);
            }
            answer.map_err(from_failure)
        }
        Err(error) => {
            warn!(plugin = caller.name(), job, error = &error as &dyn Error, "state store is started anew");
            Err(lost(caller.name(), error))
        }
    };
    parts.health.answered(answer)
}

/// The guest's answer, or wasmtime's word that there is none.
pub(super) type Outcome<T> = wasmtime::Result<Result<T, wit::Failure>>;

/// The guest's exports, at hand.
pub(super) struct Calls<'a> {
    store: &'a mut Store<State>,
    guest: &'a wit::Guest,
}

impl Calls<'_> {
    async fn open(&mut self, job: &StateKey) -> Outcome<ResourceAny> {
        let StateKey { cluster, job } = job.clone();
        self.guest.call_get_or_create(&mut *self.store, &wit::JobKey { cluster, job }).await
    }

    async fn is_valid(&mut self, open: ResourceAny) -> wasmtime::Result<bool> {
        self.guest.store().call_is_valid(&mut *self.store, open).await
    }

    pub(super) async fn all(&mut self, open: ResourceAny) -> Outcome<Vec<(String, String)>> {
        self.guest.store().call_all(&mut *self.store, open).await
    }

    pub(super) async fn change(
        &mut self,
        open: ResourceAny,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Outcome<()> {
        let guest = self.guest.store();
        for (key, text) in changes {
            let taken = match text {
                Some(text) => guest.call_put(&mut *self.store, open, key, text).await?,
                None => guest.call_remove(&mut *self.store, open, key).await?,
            };
            if taken.is_err() {
                return Ok(taken);
            }
        }
        guest.call_flush(&mut *self.store, open).await
    }

    pub(super) async fn clear(&mut self, open: ResourceAny) -> Outcome<()> {
        match self.all(open).await? {
            Ok(entries) => self.change(open, &entries.into_iter().map(|(key, _)| (key, None)).collect()).await,
            Err(failure) => Ok(Err(failure)),
        }
    }

    pub(super) async fn jobs(&mut self) -> Outcome<Vec<StateKey>> {
        let keys = self.guest.call_jobs(&mut *self.store).await?;
        let of_key = |wit::JobKey { cluster, job }| StateKey { cluster, job };
        Ok(keys.map(|keys| keys.into_iter().map(of_key).collect()))
    }
}

fn from_failure(failure: wit::Failure) -> StoreError {
    match failure {
        wit::Failure::Conflict(message) => failed(StoreFailure::Conflict, message),
        wit::Failure::Unavailable(message) => failed(StoreFailure::Unavailable, message),
        wit::Failure::Rejected(message) => failed(StoreFailure::Rejected, message),
    }
}

/// An instance that ended without an answer, and why.
#[derive(Debug, Error)]
#[error("plugin `{plugin}` {}", in_one_text(.cause))]
pub(crate) struct Lost {
    plugin: String,
    cause: CallError,
}

fn lost(plugin: &str, cause: CallError) -> StoreError {
    StoreError { kind: StoreFailure::Unavailable, source: Lost { plugin: plugin.to_owned(), cause }.into() }
}

pub(super) fn failed(kind: StoreFailure, message: impl Into<String>) -> StoreError {
    StoreError { kind, source: message.into().into() }
}
