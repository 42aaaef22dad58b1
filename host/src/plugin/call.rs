//! One call into a guest: a fresh store, armed with every limit, thrown away afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time;
use tracing::warn;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::cpu::measured;
use super::engine::STACK;
use super::error::chain;
use super::grants::Granted;
use super::http::Gate;
use super::limits::StoreGuard;
use super::log::{GuestLog, Level};
use super::output::Output;
use super::quota::Quota;
use super::sandbox::Sandbox;
use super::sql::Databases;
use super::{ByteSize, CallError, Limits, Runtime};
use crate::extension::Extensions;
use crate::metrics::{Alive, Meter, Metrics};

/// Handles (streams, timers, views) that a guest may hold at once: each costs the host some memory.
const HANDLES: usize = 1000;

/// What the host keeps beside a guest during a call.
pub(super) struct State {
    pub(super) table: ResourceTable,
    pub(super) log: GuestLog,
    /// What a policy can ask while it decides.
    pub(super) extensions: Option<Arc<dyn Extensions>>,
    pub(super) quota: Quota,
    http: WasiHttpCtx,
    gate: Gate,
    /// What it may open.
    pub(super) databases: Arc<Databases>,
    /// What it is told when it asks for its options.
    pub(super) options: Arc<BTreeMap<String, String>>,
    /// As many owners as there are transactions, and this one.
    pub(super) transactions: Arc<()>,
    wasi: WasiCtx,
    limits: StoreGuard,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.gate, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Runs the calls of one plugin within its limits.
pub(super) struct Caller {
    name: String,
    runtime: Runtime,
    limits: Limits,
    granted: Granted,
    turns: Semaphore,
    meter: Meter,
    /// Whether a guest waits for these calls: they must not wait for a slot in turn that such a guest has.
    is_nested: bool,
}

impl Caller {
    pub(super) fn new(name: &str, runtime: &Runtime, limits: Limits, granted: Granted, metrics: &Metrics) -> Self {
        let turns = Semaphore::new(limits.concurrency);
        let meter = metrics.calls.meter(name);
        let name = name.to_owned();
        Self { name, runtime: runtime.clone(), limits, granted, turns, meter, is_nested: false }
    }

    /// For a plugin that is granted nothing.
    pub(super) fn pure(name: &str, runtime: &Runtime, limits: Limits, metrics: &Metrics) -> Self {
        Self::new(name, runtime, limits, Granted::default(), metrics)
    }

    /// The same plugin, where another plugin's calls wait for its calls.
    pub(super) fn nested(self) -> Self {
        Self { is_nested: true, ..self }
    }

    /// The plugin's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The runtime that it lives in.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// A log for one call about `job`.
    pub(super) fn log(&self, job: &str) -> GuestLog {
        GuestLog::new(&self.name, job, self.limits.log)
    }

    /// The most that a sandbox may collect of a guest's standard output.
    pub(super) fn output_limit(&self) -> usize {
        self.limits.log
    }

    /// What one call may write to files.
    pub(super) fn quota(&self) -> Quota {
        Quota::new(self.limits.files, self.limits.file_bytes)
    }

    /// What the plugin may touch.
    pub(super) fn granted(&self) -> &Granted {
        &self.granted
    }

    /// Calls into a fresh instance: `work` instantiates and calls, in the store that it is lent.
    ///
    /// The deadline starts when the call has its turn, so that a plugin is not blamed for the others; waiting for a
    /// turn has a limit of its own.
    pub(super) async fn call<T>(
        &self,
        job: &str,
        sandbox: Sandbox,
        work: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let call = async {
            let _turn = self.turn(&self.turns).await?;
            let _slot = self.turn(self.runtime.slots(self.is_nested)).await?;
            let _running = self.runtime.running();
            let _alive = self.meter.instance();

            let Sandbox { wasi, output } = sandbox;
            let mut store = self.store(job, wasi);
            let answer = self.within_deadline(&mut store, work).await;
            close_log(&mut store, &output);
            answer
        };
        self.counted(call, |answer| answer.as_ref().err().map(CallError::kind)).await
    }

    /// The answer of a call that is counted: `failure` tells the kind of its failure, if it is one.
    pub(super) async fn counted<T>(
        &self,
        call: impl Future<Output = T>,
        failure: impl FnOnce(&T) -> Option<&'static str>,
    ) -> T {
        let (answer, took) = measured(call).await;
        self.meter.call(took.time, took.cpu, failure(&answer));
        answer
    }

    /// An instance is alive, as long as the answer is.
    pub(super) fn instance(&self) -> Alive {
        self.meter.instance()
    }

    /// Works in a store until the deadline. A store whose work failed is of no further use.
    pub(super) async fn within_deadline<T>(
        &self,
        store: &mut Store<State>,
        work: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let deadline = self.limits.deadline;
        let ended = time::timeout(deadline, work(store)).await;
        self.meter.memory(store.data().limits.memory());
        match ended {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(self.explain(error, &store.data().limits)),
            Err(_) => Err(CallError::DeadlineExceeded { deadline }),
        }
    }

    /// A store that nobody else will see, armed with this plugin's limits.
    pub(super) fn store(&self, job: &str, wasi: WasiCtx) -> Store<State> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let limits = &self.limits;
        let state = State {
            table,
            log: self.log(job),
            extensions: None,
            quota: self.quota(),
            http: WasiHttpCtx::new(),
            gate: Gate::new(&self.name, job, self.granted.http.clone(), limits),
            databases: Arc::clone(&self.granted.databases),
            options: Arc::clone(&self.granted.options),
            transactions: Arc::default(),
            wasi,
            limits: limits.of_store(),
        };
        let mut store = Store::new(self.runtime.engine(), state);
        store.limiter(|state| &mut state.limits);
        store.set_hostcall_fuel(self.limits.crossing);
        // Yield to the executor at every tick, so that a spinning guest holds no thread; the timeout around the call
        // ends it. A trap at the deadline alone would hold the thread until then. It has to be tokio's own yield: after
        // wasmtime's, the executor would look for answers from the network only at every 61st tick. The first tick may
        // come at once and is let pass: a call that is over within one would only lose its turn to all that waits.
        store.set_epoch_deadline(2);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(yield_now()))));
        store
    }

    /// Which limit a guest ran into, if any: wasmtime's words are those of any abort for most of them.
    fn explain(&self, error: wasmtime::Error, guard: &StoreGuard) -> CallError {
        let limits = &self.limits;
        // What our own side of the call found wrong with the answer.
        let error = match error.downcast::<CallError>() {
            Ok(error) => return error,
            Err(error) => error,
        };
        if guard.is_memory_denied() {
            return CallError::OutOfMemory { limit: ByteSize(limits.memory), source: chain(error) };
        }
        if guard.is_table_denied() {
            return CallError::OutOfTables { limit: limits.table_elements, source: chain(error) };
        }
        if matches!(error.downcast_ref(), Some(Trap::StackOverflow)) {
            return CallError::StackExhausted { limit: ByteSize(STACK) };
        }
        if error.downcast_ref::<I32Exit>().is_some() {
            return CallError::Exited;
        }
        let source = chain(error);
        let words = source.to_string();
        if words.contains("fuel allocated for hostcalls has been exhausted") {
            CallError::CrossedTooMuch { limit: ByteSize(limits.crossing) }
        } else if words.contains("resource limit exceeded") {
            CallError::TooManyInstances { limit: limits.instances, source }
        } else {
            CallError::Trapped { source }
        }
    }

    /// A permit of `turns`, if there is one in time.
    pub(super) async fn turn<'a>(&self, turns: &'a Semaphore) -> Result<tokio::sync::SemaphorePermit<'a>, CallError> {
        let patience = self.limits.deadline.max(Duration::from_secs(5));
        match time::timeout(patience, turns.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => {
                warn!(plugin = self.name, "plugin call found no free instance");
                Err(CallError::Busy { deadline: patience })
            }
        }
    }
}

/// Hands over what the guest wrote to its standard streams, and says how much was dropped.
pub(super) fn close_log(store: &mut Store<State>, output: &Output) {
    let log = &mut store.data_mut().log;
    let (written, dropped) = output.take();
    for line in String::from_utf8_lossy(&written).lines() {
        log.write(Level::Info, line);
    }
    log.close(dropped);
}
