//! What all plugins have that are pure functions: how they are loaded, and how they come into service.

use tidegate_common::time::Timestamp;
use tracing::info;
use wasmtime::Store;

use super::CallError;
use super::call::State;
use super::linked::{Linked, World};
use super::view::bindings::tidegate::policy::terms::Description;
use crate::config::Role;

/// Writes it for the plugins of one role: `$of` makes one of what was compiled and linked, `$more` is what else they do
/// to come into service.
macro_rules! pure {
    ($plugin:ident, $role:expr, $of:expr $(, { $($more:tt)* })?) => {
        impl $plugin {
            /// Reads one, and makes it. Compiling takes long: not for async threads.
            ///
            /// # Errors
            /// When the source cannot be read, is no component or does not fit the contract.
            pub fn load(
                name: &str,
                source: &$crate::plugin::Source,
                limits: $crate::plugin::Limits,
                runtime: &$crate::plugin::Runtime,
                metrics: Arc<$crate::metrics::Metrics>,
            ) -> Result<Self, $crate::plugin::LoadError> {
                Self::build(name, &source.fetch($role.name())?, limits, runtime, metrics)
            }

            /// Makes one of code that was read before. Compiling takes long: not for async threads.
            ///
            /// # Errors
            /// When it is no component or does not fit the contract.
            pub fn build(
                name: &str,
                code: &$crate::plugin::Code,
                limits: $crate::plugin::Limits,
                runtime: &$crate::plugin::Runtime,
                metrics: Arc<$crate::metrics::Metrics>,
            ) -> Result<Self, $crate::plugin::LoadError> {
                Ok($of(Linked::pure(name, code, limits, runtime, &metrics, $role)?))
            }
        }

        #[async_trait]
        impl $crate::plugin::kind::Kind for $plugin {
            fn make(
                spec: &$crate::plugin::Spec,
                code: &$crate::plugin::Code,
                runtime: &$crate::plugin::Runtime,
                metrics: Arc<$crate::metrics::Metrics>,
            ) -> Result<Self, $crate::plugin::LoadError> {
                Self::build(&spec.name, code, spec.limits.clone(), runtime, metrics)
            }

            fn asks(&self) -> &[String] {
                &self.linked.asks
            }

            async fn on_trial(&self) -> Result<(), CallError> {
                self.try_out().await
            }

            $($($more)*)?
        }
    };
}

pub(super) use pure;

/// Starts a plugin once on trial, and logs who it says it is.
///
/// # Errors
/// When it traps, runs past its deadline, or one of its exports has another type than the contract says.
pub(super) async fn introduce<W: World>(
    role: Role,
    linked: &Linked<W>,
    describe: impl AsyncFnOnce(&mut Store<State>, &W::Exports) -> wasmtime::Result<Description>,
) -> Result<(), CallError> {
    let Description { name, version, summary } = linked.call("", Timestamp::default(), describe).await?;
    let (plugin, role) = (linked.caller.name(), role.name());
    info!(plugin, role, describes_itself = name, version, summary, "plugin is ready");
    Ok(())
}
