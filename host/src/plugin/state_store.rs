//! State stores that are components: the only file that knows the contract's words for state.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tracing::warn;
use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::call::{Caller, State, close_log};
use super::contract::{Contract, Given};
use super::files;
use super::grants::Granted;
use super::linked::{Linked, world};
use super::load::Source;
use super::output::Output;
use super::sandbox::Sandbox;
use super::{CallError, Grants, Limits, LoadError, Runtime};
use crate::causes::in_one_text;
use crate::metrics::{Alive, Metrics};
use crate::state::{StateKey, StateStore, StoreError, StoreFailure};

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

/// Its word in `bundled:<name>`.
const ROLE: &str = "state-store";

/// Requests that wait for their turn. More than that wait at the door.
const WAITING: usize = 64;

/// A state store, compiled and linked. Requests go to the task that owns its one instance.
pub struct WasmStateStore {
    parts: Arc<Parts>,
    requests: mpsc::Sender<Request>,
}

/// What an instance is made of.
type Parts = Linked<bindings::StateStorePre<State>>;

/// A state store that cannot be put into service.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StateStoreError {
    /// The component cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It failed when it was started on trial.
    #[error("the state store does not start")]
    Trial(#[source] CallError),
}

impl WasmStateStore {
    /// Loads a state store, and starts its task on the current runtime. Compiling takes long: not for async threads.
    ///
    /// # Errors
    /// When the source cannot be read, is no component or does not fit the contract, or a grant cannot be meant.
    pub fn load(
        name: &str,
        source: &Source,
        limits: Limits,
        grants: Grants,
        runtime: &Runtime,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StateStoreError> {
        let granted = Granted::new(grants)?;
        let has_http = granted.http.is_some();
        let caller = Caller::new(name, runtime, limits, granted, &metrics);
        let given = Given::ByGrant { http: has_http };
        let linked =
            Linked::granted(caller, &source.fetch(ROLE)?, given, |linker| files::link_granted(linker, has_http))?;
        let parts = Arc::new(linked);
        let (requests, waiting) = mpsc::channel(WAITING);
        tokio::spawn(serve(Arc::clone(&parts), waiting));
        Ok(Self { parts, requests })
    }

    /// Starts an instance on trial, beside the one in service.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or an export has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        Instance::start(&self.parts).await.map(drop)
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Answer<T>>) -> Request) -> Answer<T> {
        let (reply, answer) = oneshot::channel();
        let gone = || failed(StoreFailure::Unavailable, "the state store's task has ended");
        self.requests.send(request(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl StateStore for WasmStateStore {
    async fn load(&self, job: &StateKey) -> Result<BTreeMap<String, String>, StoreError> {
        self.ask(|reply| Request::Load { job: job.clone(), reply }).await
    }

    async fn save(&self, job: &StateKey, changes: &BTreeMap<String, Option<String>>) -> Result<(), StoreError> {
        self.ask(|reply| Request::Save { job: job.clone(), changes: changes.clone(), reply }).await
    }

    async fn forget(&self, job: &StateKey) -> Result<(), StoreError> {
        self.ask(|reply| Request::Forget { job: job.clone(), reply }).await
    }

    async fn jobs(&self) -> Result<Vec<StateKey>, StoreError> {
        self.ask(|reply| Request::Jobs { reply }).await
    }
}

type Answer<T> = Result<T, StoreError>;

/// What is asked of the instance.
enum Request {
    Load { job: StateKey, reply: oneshot::Sender<Answer<BTreeMap<String, String>>> },
    Save { job: StateKey, changes: BTreeMap<String, Option<String>>, reply: oneshot::Sender<Answer<()>> },
    Forget { job: StateKey, reply: oneshot::Sender<Answer<()>> },
    Jobs { reply: oneshot::Sender<Answer<Vec<StateKey>>> },
}

impl Request {
    /// Whether whoever asked has lost patience. They ask again.
    fn is_given_up(&self) -> bool {
        match self {
            Self::Load { reply, .. } => reply.is_closed(),
            Self::Save { reply, .. } | Self::Forget { reply, .. } => reply.is_closed(),
            Self::Jobs { reply } => reply.is_closed(),
        }
    }
}

/// Owns the instance, and serves one request after the other. Ends when nobody is left to ask. Whoever asked may have
/// gone meanwhile: nobody misses the answer then.
async fn serve(parts: Arc<Parts>, mut requests: mpsc::Receiver<Request>) {
    let mut place = None;
    while let Some(request) = requests.recv().await {
        if request.is_given_up() {
            continue;
        }
        match request {
            Request::Load { job, reply } => {
                let answer = with_store(&parts, &mut place, &job, async |call, store| call.all(store).await).await;
                let _ = reply.send(answer.map(|entries| entries.into_iter().collect()));
            }
            Request::Save { job, changes, reply } => {
                let save = async |call: &mut Calls<'_>, store| call.change(store, &changes).await;
                let _ = reply.send(with_store(&parts, &mut place, &job, save).await);
            }
            Request::Forget { job, reply } => {
                let answer = with_store(&parts, &mut place, &job, async |call, store| call.clear(store).await).await;
                if let Some(instance) = place.as_mut() {
                    instance.drop_store(&parts, &job).await;
                }
                let _ = reply.send(answer);
            }
            Request::Jobs { reply } => {
                let answer = with_instance(&parts, &mut place, "", async |call, _| call.jobs().await).await;
                let _ = reply.send(answer);
            }
        }
    }
}

/// The instance, and the stores that it has opened.
struct Instance {
    store: Store<State>,
    guest: bindings::StateStore,
    output: Output,
    stores: HashMap<StateKey, ResourceAny>,
    _alive: Alive,
}

impl Instance {
    async fn start(parts: &Parts) -> Result<Self, CallError> {
        let caller = &parts.caller;
        let _running = caller.runtime().running();
        let Sandbox { wasi, output } = Sandbox::granted(caller.granted(), caller.output_limit())?;
        let mut store = caller.store("", wasi);
        let guest = caller.within_deadline(&mut store, async |store| parts.start(store).await).await?;
        Ok(Self { store, guest, output, stores: HashMap::new(), _alive: caller.instance() })
    }

    /// Gives a job's store back, if it is open. The guest's own end of it may fail; that shows in the next call.
    async fn drop_store(&mut self, parts: &Parts, job: &StateKey) {
        let Some(open) = self.stores.remove(job) else { return };
        let _running = parts.caller.runtime().running();
        let dropping = async |store: &mut Store<State>| open.resource_drop_async(store).await;
        if let Err(error) = parts.caller.within_deadline(&mut self.store, dropping).await {
            warn!(plugin = parts.caller.name(), job = %job, error = &error as &dyn Error, "closing a store failed");
        }
    }
}

/// Does `work` with a job's store. One that failed, or says that it is not valid, is opened anew: the next time, or
/// at once.
async fn with_store<T>(
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
async fn with_instance<T>(
    parts: &Parts,
    place: &mut Option<Instance>,
    job: &str,
    work: impl AsyncFnOnce(&mut Calls<'_>, &mut HashMap<StateKey, ResourceAny>) -> Outcome<T>,
) -> Answer<T> {
    let caller = &parts.caller;
    let mut instance = match place.take() {
        Some(instance) => instance,
        None => Instance::start(parts).await.map_err(|error| lost(caller.name(), &error))?,
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
    match answer {
        Ok(answer) => {
            // What it holds of a place that is gone, such as a folder, may be of no use when the place is back.
            if !matches!(answer, Err(wit::Failure::Unavailable(_))) {
                *place = Some(instance);
            }
            answer.map_err(from_failure)
        }
        Err(error) => {
            warn!(plugin = caller.name(), job, error = &error as &dyn Error, "state store is started anew");
            Err(lost(caller.name(), &error))
        }
    }
}

/// The guest's answer, or wasmtime's word that there is none.
type Outcome<T> = wasmtime::Result<Result<T, wit::Failure>>;

/// The guest's exports, at hand.
struct Calls<'a> {
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

    async fn all(&mut self, open: ResourceAny) -> Outcome<Vec<(String, String)>> {
        self.guest.store().call_all(&mut *self.store, open).await
    }

    async fn change(&mut self, open: ResourceAny, changes: &BTreeMap<String, Option<String>>) -> Outcome<()> {
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

    async fn clear(&mut self, open: ResourceAny) -> Outcome<()> {
        match self.all(open).await? {
            Ok(entries) => self.change(open, &entries.into_iter().map(|(key, _)| (key, None)).collect()).await,
            Err(failure) => Ok(Err(failure)),
        }
    }

    async fn jobs(&mut self) -> Outcome<Vec<StateKey>> {
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

/// An instance that ended without an answer.
fn lost(plugin: &str, error: &CallError) -> StoreError {
    failed(StoreFailure::Unavailable, format!("plugin `{plugin}` {}", in_one_text(error)))
}

fn failed(kind: StoreFailure, message: impl Into<String>) -> StoreError {
    StoreError { kind, source: message.into().into() }
}
