//! `grant = { kubernetes = … }`: the API server of the cluster around the daemon, or that of a kubeconfig.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::ConfigError;
use crate::causes::in_one_text;
use crate::plugin::{KubernetesError, KubernetesGrant};

/// An API server: `"in-cluster"`, or a table with a `kubeconfig`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KubernetesConfig {
    /// That of the cluster around the daemon's pod, as the pod's service account.
    InCluster,
    /// That of a file.
    Kubeconfig(KubeconfigTable),
}

/// A file in kubectl's form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct KubeconfigTable {
    /// The file.
    pub kubeconfig: PathBuf,
    /// The context in it; its current one if absent.
    pub context: Option<String>,
}

impl KubernetesConfig {
    /// What `plugin` is granted. Looks whether everything is there, and connects to nothing.
    ///
    /// # Errors
    /// When this is no pod, or a file is missing or says what cannot be used.
    pub(super) fn grant(&self, plugin: &str, folder: &Path) -> Result<KubernetesGrant, ConfigError> {
        let wrong = |reason| ConfigError::Plugin { plugin: plugin.to_owned(), setting: "grant.kubernetes", reason };
        let told = |error: KubernetesError| wrong(in_one_text(&error));
        let grant = match self {
            Self::InCluster => {
                let place = (env::var("KUBERNETES_SERVICE_HOST"), env::var("KUBERNETES_SERVICE_PORT"));
                let (Ok(host), Ok(port)) = place else {
                    return Err(wrong(
                        "this is no pod of a cluster (`KUBERNETES_SERVICE_HOST` is not set): outside of one, name a file \
                         with `{ kubeconfig = \"…\" }`"
                            .to_owned(),
                    ));
                };
                KubernetesGrant::in_cluster(&host, &port).map_err(told)?
            }
            Self::Kubeconfig(KubeconfigTable { kubeconfig, context }) => {
                KubernetesGrant::Kubeconfig { file: folder.join(kubeconfig), context: context.clone() }
            }
        };
        grant.namespace().map_err(told)?;
        Ok(grant)
    }
}

impl<'de> Deserialize<'de> for KubernetesConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = KubernetesConfig;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"in-cluster\", or a table with a `kubeconfig`")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<KubernetesConfig, E> {
                match word {
                    "in-cluster" => Ok(KubernetesConfig::InCluster),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<KubernetesConfig, A::Error> {
                KubeconfigTable::deserialize(MapAccessDeserializer::new(map)).map(KubernetesConfig::Kubeconfig)
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::GrantConfig;

    #[test]
    fn an_api_server_is_a_word_or_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let yaml = "current-context: a\ncontexts: [{ name: a, context: { cluster: c, namespace: streams } }]\n\
                    clusters: [{ name: c, cluster: { server: 'http://127.0.0.1:8001' } }]";
        fs::write(folder.path().join("config"), yaml).unwrap();
        let grant = |text: &str| {
            let config: GrantConfig = toml::from_str(text).map_err(|error| error.message().to_owned())?;
            config.grants("x", folder.path()).map_err(|error| error.to_string())
        };
        let granted = grant("kubernetes = { kubeconfig = 'config', context = 'a' }").unwrap().kubernetes.unwrap();
        assert_eq!(granted.namespace().unwrap(), "streams");
        for (text, words) in [
            ("kubernetes = 'in-cluster'", "`grant.kubernetes` of plugin `x`: this is no pod of a cluster"),
            ("kubernetes = 'cluster'", "invalid value: string \"cluster\", expected \"in-cluster\", or a table"),
            ("kubernetes = { kubeconfig = 'nowhere' }", "nowhere`: No such file"),
            ("kubernetes = { kubeconfig = 'config', context = 'b' }", "there is no context `b`; there are: a"),
            ("kubernetes = { kubeconfig = 'config', user = 'b' }", "unknown field `user`"),
        ] {
            let error = grant(text).map(drop).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
