//! The life of plugins: found, compiled, fitted, checked, rehearsed, active, draining, gone; and what follows a failure.

mod extension_seat;
mod failure;
mod pipeline;
mod registry;
mod seat;
mod slot;
mod spec;
mod status;
mod steer;
mod version;

pub use failure::{FailureKind, Fallback, OnFailure};
pub use registry::{PluginFile, PreparedPlugins, Registry, Strictness, specs};
pub use spec::Spec;
pub use status::{Offer, PluginStatus, VersionStatus};
pub use steer::SteerError;
pub use version::VersionState;
