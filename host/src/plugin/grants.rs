//! What the operator lets a plugin touch. Without a grant a plugin reaches nothing but its log.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use super::LoadError;
use super::http::{Client, Endpoint, KubernetesGrant};
use super::sql::{Databases, SqlGrant};

/// The environment variable that tells a plugin which namespace it is granted the API server for.
const NAMESPACE: &str = "KUBERNETES_NAMESPACE";

/// The grants of one plugin. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Where it may send HTTP requests to.
    pub http: Vec<Endpoint>,
    /// Certificate authorities in PEM that it trusts besides the system's.
    pub authorities: Option<Vec<u8>>,
    /// What the host puts into its requests without showing it.
    pub secrets: Vec<Secret>,
    /// The API server that it reaches as `https://kubernetes.default.svc`.
    pub kubernetes: Option<KubernetesGrant>,
    /// The folder that it sees as `/`.
    pub folder: Option<Folder>,
    /// Its environment variables.
    pub env: Vec<(String, String)>,
    /// Databases by the names under which it opens them.
    pub databases: BTreeMap<String, SqlGrant>,
    /// What it is told when it asks for its options.
    pub options: BTreeMap<String, String>,
}

/// A folder that a plugin may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// On the host.
    pub path: PathBuf,
    /// Whether it may change what is there.
    pub write: bool,
}

/// A text that a guest may send and never sees: `{{secret:NAME}}` in the path or in a header stands for it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// What the guest calls it.
    pub name: String,
    /// The only place that it is sent to.
    pub to: Endpoint,
    /// The secret itself.
    pub value: String,
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("name", &self.name).field("to", &self.to).finish_non_exhaustive()
    }
}

/// Grants, ready to be used by calls.
#[derive(Clone, Debug, Default)]
pub(super) struct Granted {
    pub(super) http: Option<Arc<Client>>,
    pub(super) folder: Option<Folder>,
    pub(super) env: Vec<(String, String)>,
    pub(super) databases: Arc<Databases>,
    pub(super) options: Arc<BTreeMap<String, String>>,
}

impl Granted {
    /// Reads certificates, opens no connection and no folder. Belongs to the runtime that it is made in.
    pub(super) fn new(grants: Grants) -> Result<Self, LoadError> {
        let Grants { http, authorities, secrets, kubernetes, folder, mut env, databases, options } = grants;
        if let Some(kubernetes) = &kubernetes {
            env.push((NAMESPACE.to_owned(), kubernetes.namespace()?));
        }
        let has_http = !http.is_empty() || kubernetes.is_some();
        let client = || Client::new(http, secrets, authorities.as_deref(), kubernetes);
        let http = if has_http { Some(Arc::new(client()?)) } else { None };
        let databases = Arc::new(Databases::new(&databases)?);
        Ok(Self { http, folder, env, databases, options: Arc::new(options) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let to = "hooks.internal:443".parse().unwrap();
        let secret = Secret { name: "TOKEN".to_owned(), to, value: "hunter2".to_owned() };
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
