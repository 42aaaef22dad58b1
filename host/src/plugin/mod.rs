//! Everything that knows wasmtime: plugins are components, and what is seen of them outside is domain traits.

mod aligner;
mod cache;
mod call;
mod contract;
mod cpu;
mod engine;
mod error;
mod evaluator;
mod event_handler;
mod extension;
mod files;
mod filter;
mod grants;
mod http;
mod kind;
mod life;
mod limits;
mod linked;
mod load;
mod log;
mod oci;
mod options;
mod output;
mod policy;
mod pure;
mod quota;
mod sandbox;
mod shape;
mod sql;
mod state_store;
mod store_health;
mod store_instance;
mod view;

pub use aligner::WasmAligner;
pub use engine::Runtime;
pub use error::{CallError, LoadError};
pub use evaluator::WasmEvaluator;
pub use event_handler::WasmEventHandler;
pub use filter::WasmFilter;
pub use grants::{Folder, Grants, Secret};
pub use http::{Endpoint, EndpointError, KubernetesError, KubernetesGrant};
pub use life::{
    FailureKind, Fallback, Offer, OnFailure, PluginFile, PluginStatus, PreparedPlugins, Registry, Spec, SteerError,
    Strictness, VersionState, VersionStatus, specs,
};
pub use limits::{ByteSize, Limits};
pub use load::{Code, Source, SourceError};
pub use log::GUEST_LOG;
pub use oci::{Artifact, Interfaces, OciError, OciReference, Pulled, Pushed, ReferenceError, pull, push};
pub use policy::WasmPolicy;
pub use sql::{InvalidSqlGrant, SqlGrant, SqlTls};
pub use state_store::{StateStoreError, WasmStateStore};
pub use store_health::StateStoreStatus;
pub(crate) use store_instance::Lost;
