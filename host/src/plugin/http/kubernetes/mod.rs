//! The Kubernetes API server, for plugins that are granted it: under a name of its own, with credentials that they never
//! see.

mod error;
mod grant;
mod kubeconfig;
mod server;

pub use error::KubernetesError;
pub use grant::KubernetesGrant;
pub(super) use server::ApiServer;
