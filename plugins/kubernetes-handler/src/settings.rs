//! What the operator can set.

use tidegate_kubernetes_api::{NoAnswer, namespace};
use tidegate_kubernetes_kit::name::{self, Subject};

use crate::bindings::tidegate::host::options;

const NAMES: [&str; 2] = ["namespace", "object"];

/// What events are about where nothing else is said: the JobManager that Flink itself starts in Kubernetes.
const OBJECT: &str = "apps/v1/Deployment/{cluster}";

/// The `options` of the plugin.
pub(crate) struct Settings {
    /// Where events are.
    pub(crate) namespace: String,
    /// What they are about.
    pub(crate) subject: Subject,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, String> {
        if let Some(unknown) = options::names().into_iter().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(format!("there is no option `{unknown}`; there are: {}", NAMES.join(", ")));
        }
        let namespace = namespace(options::get("namespace")).map_err(told)?;
        if name::of_resource(&namespace).is_none() {
            return Err(format!("option `namespace`: `{namespace}` is no name of a namespace"));
        }
        let object = options::get("object").unwrap_or_else(|| OBJECT.to_owned());
        let subject = Subject::parse(&object)
            .ok_or_else(|| format!("option `object`: `{object}` is no `apiVersion/Kind/name`, such as `{OBJECT}`"))?;
        Ok(Self { namespace, subject })
    }
}

pub(crate) fn told(error: NoAnswer) -> String {
    match error {
        NoAnswer::Denied => {
            "the API server is not granted: this handler needs `grant = { kubernetes = \"in-cluster\" }`, \
                             or `{ kubernetes = { kubeconfig = \"…\" } }`"
                .to_owned()
        }
        NoAnswer::Unreachable(reason) => reason,
    }
}
