//! Everything that knows wasmtime: plugins are components, and what is seen of them outside is domain traits.

mod cache;
mod call;
mod contract;
mod cpu;
mod engine;
mod error;
mod event_handler;
mod failure;
mod kind;
mod limits;
mod load;
mod log;
mod output;
mod pipeline;
mod policy;
mod registry;
mod sandbox;
mod seat;
mod slot;
mod spec;
mod status;
mod steer;
mod version;

pub use engine::Runtime;
pub use error::{CallError, LoadError};
pub use event_handler::WasmEventHandler;
pub use failure::{FailureKind, Fallback, OnFailure};
pub use limits::Limits;
pub use load::{Code, Source, SourceError};
pub use policy::WasmPolicy;
pub use registry::{PluginFile, PreparedPlugins, Registry, Strictness, specs};
pub use spec::Spec;
pub use status::{Offer, PluginStatus, VersionStatus};
pub use steer::SteerError;
pub use version::VersionState;
