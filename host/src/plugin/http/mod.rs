//! Outgoing HTTP of plugins: to granted places only, within limits, with secrets that guests never see.

mod address;
mod body;
mod client;
mod connector;
mod endpoint;
mod gate;
mod kubernetes;
mod secrets;

pub(super) use client::Client;
pub use endpoint::{Endpoint, EndpointError};
pub(super) use gate::Gate;
pub use kubernetes::{KubernetesError, KubernetesGrant};
