//! What the operator can set.

use tidegate_kubernetes_api::namespace;
use tidegate_kubernetes_kit::name;

use crate::bindings::exports::tidegate::state_store::stores::{Failure, JobKey};
use crate::bindings::tidegate::host::options;
use crate::config_map::unanswered;

const NAMES: [&str; 2] = ["namespace", "resource"];

/// The `options` of the plugin.
pub(crate) struct Settings {
    /// Where ConfigMaps are.
    pub(crate) namespace: String,
    /// The custom resource that a job belongs to, with `{cluster}` and `{job}`; none where jobs belong to none.
    resource: Option<String>,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, Failure> {
        let rejected = |reason: String| Err(Failure::Rejected(reason));
        if let Some(unknown) = options::names().into_iter().find(|name| !NAMES.contains(&name.as_str())) {
            return rejected(format!("there is no option `{unknown}`; there are: {}", NAMES.join(", ")));
        }
        let namespace = namespace(options::get("namespace")).map_err(unanswered)?;
        if name::of_resource(&namespace).is_none() {
            return rejected(format!("option `namespace`: `{namespace}` is no name of a namespace"));
        }
        Ok(Self { namespace, resource: options::get("resource") })
    }

    /// The name of a job's ConfigMap.
    pub(crate) fn config_map(&self, JobKey { cluster, job }: &JobKey) -> Result<String, Failure> {
        match &self.resource {
            // What another autoscaler has left is under the name of its resource, and never under a job's id.
            Some(template) if !cluster.is_empty() => {
                let resource = name::filled(template, cluster, job);
                name::of_resource(&resource).ok_or_else(|| {
                    Failure::Rejected(format!("option `resource`: `{resource}` is no name of a custom resource"))
                })
            }
            _ => Ok(name::of_job(cluster, job)),
        }
    }
}
