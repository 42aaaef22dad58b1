//! Everything that knows wasmtime: plugins are components, and what is seen of them outside is domain traits.

mod call;
mod contract;
mod cpu;
mod engine;
mod error;
mod event_handler;
mod limits;
mod load;
mod log;
mod output;
mod policy;
mod sandbox;

pub use engine::Runtime;
pub use error::{CallError, LoadError};
pub use event_handler::WasmEventHandler;
pub use limits::Limits;
pub use load::{Source, SourceError};
pub use policy::WasmPolicy;
