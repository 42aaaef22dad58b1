//! State stores that are components.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::call::Caller;
use super::contract::Given;
use super::files;
use super::grants::Granted;
use super::linked::Linked;
use super::load::Source;
use super::store_health::{Health, StateStoreStatus};
use super::store_instance::{Answer, Calls, Instance, Parts, failed, with_instance, with_store};
use super::{CallError, Grants, Limits, LoadError, Runtime};
use crate::metrics::Metrics;
use crate::state::{StateKey, StateStore, StoreError, StoreFailure};

/// Its word in `bundled:<name>`.
const ROLE: &str = "state-store";

/// Requests that wait for their turn. More than that wait at the door.
const WAITING: usize = 64;

/// A state store, compiled and linked. Requests go to the task that owns its one instance.
pub struct WasmStateStore {
    parts: Arc<Parts>,
    requests: mpsc::Sender<Request>,
}

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
        let code = source.fetch(ROLE)?;
        let health = Health::of(name, &code, &limits, &grants, metrics.calls.meter(name));
        let granted = Granted::new(grants)?;
        let has_http = granted.http.is_some();
        let caller = Caller::new(name, runtime, limits, granted, &metrics);
        let given = Given::ByGrant { http: has_http };
        let linked = Linked::granted(caller, &code, given, |linker| files::link_granted(linker, has_http))?;
        let parts = Arc::new(Parts { linked, health });
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

    /// How it stands.
    pub fn status(&self) -> StateStoreStatus {
        self.parts.health.status(&self.parts.linked.asks)
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
