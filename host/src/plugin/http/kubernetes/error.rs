//! Why the API server cannot be talked to.

use std::io;
use std::path::PathBuf;

use thiserror::Error;
use tidegate_kubernetes_kit::yaml::YamlError;

use super::super::EndpointError;

/// Credentials or an address that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KubernetesError {
    /// A file is not there, or cannot be read.
    #[error("failed to read `{}`", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A kubeconfig is no YAML.
    #[error("`{}` is no kubeconfig", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: YamlError,
    },
    /// A kubeconfig has another form.
    #[error("`{}` is no kubeconfig", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A kubeconfig says what cannot be used.
    #[error("in `{}`, {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What, and what to do.
        reason: String,
    },
    /// The address is none.
    #[error("the API server has no address that can be used")]
    Address(#[from] EndpointError),
    /// Certificates or keys cannot be used.
    #[error("no secure connection to the API server is possible: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
}
