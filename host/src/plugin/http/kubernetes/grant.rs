//! What an operator grants: an API server, and who we are there.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::super::Endpoint;
use super::KubernetesError;
use super::kubeconfig;

/// Where pods find what their service account needs.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The namespace of those who name none.
pub(super) const DEFAULT_NAMESPACE: &str = "default";

/// An API server that a plugin may send requests to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubernetesGrant {
    /// That of the cluster that this daemon runs in, as the service account of its pod.
    InCluster {
        /// Where it is.
        server: Endpoint,
        /// The folder with `token`, `ca.crt` and `namespace`.
        account: PathBuf,
    },
    /// The one that a kubeconfig names.
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// The context in it; the file's current one where none is named.
        context: Option<String>,
    },
}

/// All that a request needs, as it was found when it was looked for last.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Access {
    pub(super) place: Place,
    pub(super) token: Option<String>,
    pub(super) namespace: String,
}

/// What connections are made of: they can be kept as long as it stays the same.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) server: Endpoint,
    /// What goes before the path of every request, without a slash at its end.
    pub(super) prefix: String,
    /// Certificate authorities in PEM; the system's where there are none.
    pub(super) authorities: Option<Vec<u8>>,
    pub(super) identity: Option<Identity>,
}

/// Our certificate and its key, in PEM.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

impl KubernetesGrant {
    /// The cluster around this process, whose API server the environment names by host and port.
    ///
    /// # Errors
    /// When these are none.
    pub fn in_cluster(host: &str, port: &str) -> Result<Self, KubernetesError> {
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Ok(Self::InCluster { server: format!("{host}:{port}").parse()?, account: PathBuf::from(SERVICE_ACCOUNT) })
    }

    /// Whether everything that is needed is there, and the namespace that it is meant for. Connects to nothing.
    ///
    /// # Errors
    /// When a file is not there or says what cannot be used.
    pub fn namespace(&self) -> Result<String, KubernetesError> {
        Ok(self.read()?.namespace)
    }

    /// Reads the files as they are now. Not for async threads.
    pub(super) fn read(&self) -> Result<Access, KubernetesError> {
        match self {
            Self::InCluster { server, account } => {
                let namespace = text(&account.join("namespace")).ok().filter(|namespace| !namespace.is_empty());
                Ok(Access {
                    place: Place {
                        server: server.clone(),
                        prefix: String::new(),
                        authorities: Some(bytes(&account.join("ca.crt"))?),
                        identity: None,
                    },
                    token: Some(text(&account.join("token"))?),
                    namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
                })
            }
            Self::Kubeconfig { file, context } => kubeconfig::read(file, context.as_deref()),
        }
    }
}

impl fmt::Display for KubernetesGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InCluster { server, .. } => write!(f, "the Kubernetes API server at {server}"),
            Self::Kubeconfig { file, context: None } => write!(f, "the Kubernetes API server of {}", file.display()),
            Self::Kubeconfig { file, context: Some(context) } => {
                write!(f, "the Kubernetes API server of the context {context} of {}", file.display())
            }
        }
    }
}

pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, KubernetesError> {
    fs::read(path).map_err(|source| KubernetesError::Read { path: path.to_owned(), source })
}

/// The text of a file without what surrounds it.
pub(super) fn text(path: &Path) -> Result<String, KubernetesError> {
    let text = fs::read_to_string(path).map_err(|source| KubernetesError::Read { path: path.to_owned(), source })?;
    Ok(text.trim().to_owned())
}
