//! One call into a guest: a fresh store, armed with every limit, thrown away afterwards.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time;
use tracing::warn;
use wasmtime::component::ResourceTable;
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::error::chain;
use super::limits::StoreGuard;
use super::log::{GuestLog, Level};
use super::sandbox::Sandbox;
use super::{CallError, Limits, Runtime};

/// Handles (streams, timers, views) that a guest may hold at once: each costs the host some memory.
const HANDLES: usize = 1000;

/// What the host keeps beside a guest during a call.
pub(super) struct State {
    pub(super) table: ResourceTable,
    pub(super) log: GuestLog,
    wasi: WasiCtx,
    limits: StoreGuard,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Runs the calls of one plugin within its limits.
pub(super) struct Caller {
    name: String,
    runtime: Runtime,
    limits: Limits,
    turns: Semaphore,
}

impl Caller {
    pub(super) fn new(name: &str, runtime: &Runtime, limits: Limits) -> Self {
        let turns = Semaphore::new(limits.concurrency);
        Self { name: name.to_owned(), runtime: runtime.clone(), limits, turns }
    }

    /// The plugin's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The most that a sandbox may collect of a guest's standard output.
    pub(super) fn output_limit(&self) -> usize {
        self.limits.log
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
        let _turn = self.turn(&self.turns).await?;
        let _slot = self.turn(self.runtime.slots()).await?;
        let _running = self.runtime.running();

        let Sandbox { wasi, output } = sandbox;
        let mut store = self.store(job, wasi);
        let deadline = self.limits.deadline;
        let answer = match time::timeout(deadline, work(&mut store)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if store.data().limits.is_memory_denied() => {
                Err(CallError::OutOfMemory { limit: self.limits.memory, source: chain(error) })
            }
            Ok(Err(error)) => Err(CallError::Trapped { source: chain(error) }),
            Err(_) => Err(CallError::DeadlineExceeded { deadline }),
        };
        let log = &mut store.data_mut().log;
        let (written, dropped) = output.take();
        for line in String::from_utf8_lossy(&written).lines() {
            log.write(Level::Info, line);
        }
        log.close(dropped);
        answer
    }

    /// A store that no other call will see, armed with this plugin's limits.
    fn store(&self, job: &str, wasi: WasiCtx) -> Store<State> {
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES);
        let state =
            State { table, log: GuestLog::new(&self.name, job, self.limits.log), wasi, limits: self.limits.of_store() };
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

    async fn turn<'a>(&self, turns: &'a Semaphore) -> Result<tokio::sync::SemaphorePermit<'a>, CallError> {
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
