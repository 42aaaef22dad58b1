//! A component of one world, compiled and linked: what plugins of every kind are that have a fresh instance per call.

use tidegate_common::time::Timestamp;
use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

use super::call::{Caller, State};
use super::contract::{Contract, Given};
use super::load::{Code, load};
use super::sandbox::Sandbox;
use super::{CallError, Limits, LoadError, Runtime};
use crate::config::Role;
use crate::metrics::Metrics;

/// One world of the contracts: what `bindgen!` makes of it, under one name for all.
pub(super) trait World: Sized + Send + Sync + 'static {
    /// What an instance offers.
    type Exports: Send + Sync;

    /// What a component is compared with.
    const CONTRACT: Contract;

    /// Adds what the host gives to it, beside WASI.
    fn link(linker: &mut Linker<State>) -> wasmtime::Result<()>;

    /// Finds its exports.
    fn fit(pre: InstancePre<State>) -> wasmtime::Result<Self>;

    /// A fresh instance.
    fn start(&self, store: &mut Store<State>) -> impl Future<Output = wasmtime::Result<Self::Exports>> + Send;
}

/// Says which types `bindgen!` made of a world.
macro_rules! world {
    ($pre:ty, $exports:ty, $contract:expr) => {
        impl $crate::plugin::linked::World for $pre {
            type Exports = $exports;

            const CONTRACT: $crate::plugin::contract::Contract = $contract;

            fn link(linker: &mut wasmtime::component::Linker<State>) -> wasmtime::Result<()> {
                <$exports>::add_to_linker::<_, wasmtime::component::HasSelf<State>>(linker, |state| state)
            }

            fn fit(pre: wasmtime::component::InstancePre<State>) -> wasmtime::Result<Self> {
                Self::new(pre)
            }

            async fn start(&self, store: &mut wasmtime::Store<State>) -> wasmtime::Result<$exports> {
                self.instantiate_async(store).await
            }
        }
    };
}

pub(super) use world;

/// A component of a world.
pub(super) struct Linked<W> {
    pub(super) caller: Caller,
    /// What it imports, beside what language runtimes do on their own.
    pub(super) asks: Vec<String>,
    pre: W,
}

impl<W: World> Linked<W> {
    /// A pure function, which is granted nothing. For the calls of all but policies another plugin's call waits.
    ///
    /// # Errors
    /// When it is no component or does not fit the contract.
    pub(super) fn pure(
        name: &str,
        code: &Code,
        limits: Limits,
        runtime: &Runtime,
        metrics: &Metrics,
        role: Role,
    ) -> Result<Self, LoadError> {
        let (pre, asks) = load(runtime, name, code, &W::CONTRACT, Given::Nothing, W::link, W::fit)?;
        let caller = Caller::pure(name, runtime, limits, metrics);
        Ok(Self { caller: if role == Role::Policy { caller } else { caller.nested() }, asks, pre })
    }

    /// One that may have effects: `link` adds what it is granted.
    ///
    /// # Errors
    /// When it is no component or does not fit the contract and its grants.
    pub(super) fn granted(
        caller: Caller,
        code: &Code,
        given: Given,
        link: impl FnOnce(&mut Linker<State>) -> wasmtime::Result<()>,
    ) -> Result<Self, LoadError> {
        let link = |linker: &mut Linker<State>| link(linker).and_then(|()| W::link(linker));
        let (pre, asks) = load(caller.runtime(), caller.name(), code, &W::CONTRACT, given, link, W::fit)?;
        Ok(Self { caller, asks, pre })
    }

    /// A fresh instance in a store of its own.
    pub(super) async fn start(&self, store: &mut Store<State>) -> wasmtime::Result<W::Exports> {
        self.pre.start(store).await
    }

    /// Calls a pure function about `job`, at `now`.
    pub(super) async fn call<T>(
        &self,
        job: &str,
        now: Timestamp,
        work: impl AsyncFnOnce(&mut Store<State>, &W::Exports) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let sandbox = Sandbox::deterministic(now, job, self.caller.output_limit());
        self.call_in(sandbox, job, work).await
    }

    /// Calls into a fresh instance that sees `sandbox`.
    pub(super) async fn call_in<T>(
        &self,
        sandbox: Sandbox,
        job: &str,
        work: impl AsyncFnOnce(&mut Store<State>, &W::Exports) -> wasmtime::Result<T>,
    ) -> Result<T, CallError> {
        let call = self.caller.call(job, sandbox, async |store| {
            let exports = self.start(&mut *store).await?;
            work(store, &exports).await
        });
        call.await
    }
}
