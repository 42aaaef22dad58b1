//! Plugins in an OCI registry: artifacts that are pinned by their digest, verified, and kept for starts without a network.

mod artifact;
mod connection;
mod credentials;
mod describe;
mod error;
mod fetch;
mod kept;
mod push;
mod reference;

pub use describe::Interfaces;
pub use error::OciError;
pub use fetch::{Artifact, Pulled, pull};
pub use push::{Pushed, push};
pub use reference::{OciReference, ReferenceError};
