//! Kubeconfigs: the parts that name a server and prove who we are, with files or inline. What would run a program, or
//! would be unsafe, is refused with what to do instead.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::Uri;
use serde::Deserialize;
use serde_json::Value;
use tidegate_kubernetes_kit::yaml::{Plain, to_json};

use super::super::Endpoint;
use super::KubernetesError;
use super::grant::{Access, DEFAULT_NAMESPACE, Identity, Place, bytes, text};

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Kubeconfig {
    current_context: Option<String>,
    #[serde(default)]
    contexts: Vec<Named<NamedContext>>,
    #[serde(default)]
    clusters: Vec<Named<NamedCluster>>,
    #[serde(default)]
    users: Vec<Named<NamedUser>>,
}

#[derive(Deserialize)]
struct Named<T> {
    name: String,
    #[serde(flatten)]
    content: T,
}

#[derive(Deserialize)]
struct NamedContext {
    context: Context,
}

#[derive(Deserialize)]
struct NamedCluster {
    cluster: Cluster,
}

#[derive(Deserialize)]
struct NamedUser {
    user: Option<User>,
}

#[derive(Deserialize)]
struct Context {
    cluster: String,
    user: Option<String>,
    namespace: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Cluster {
    server: String,
    certificate_authority: Option<String>,
    certificate_authority_data: Option<String>,
    insecure_skip_tls_verify: Option<String>,
    tls_server_name: Option<String>,
    proxy_url: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct User {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<String>,
    client_certificate: Option<String>,
    client_certificate_data: Option<String>,
    client_key: Option<String>,
    client_key_data: Option<String>,
    exec: Option<Value>,
    auth_provider: Option<Value>,
    username: Option<String>,
    #[serde(rename = "as")]
    acts_as: Option<String>,
}

/// What the file says now about a context; about its current one where none is named.
pub(super) fn read(path: &Path, context: Option<&str>) -> Result<Access, KubernetesError> {
    let yaml = text(path)?;
    let json = to_json(&yaml, Plain::Text).map_err(|source| KubernetesError::Yaml { path: path.to_owned(), source })?;
    let config: Kubeconfig =
        serde_json::from_str(&json).map_err(|source| KubernetesError::Form { path: path.to_owned(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    config.access(context, folder).map_err(|wrong| match wrong {
        Wrong::Said(reason) => KubernetesError::Unusable { path: path.to_owned(), reason },
        Wrong::Elsewhere(error) => error,
    })
}

/// What is wrong with what the file says, or with another file that it names.
enum Wrong {
    Said(String),
    Elsewhere(KubernetesError),
}

impl From<KubernetesError> for Wrong {
    fn from(error: KubernetesError) -> Self {
        Self::Elsewhere(error)
    }
}

fn said(reason: impl Into<String>) -> Wrong {
    Wrong::Said(reason.into())
}

impl Kubeconfig {
    fn access(&self, context: Option<&str>, folder: &Path) -> Result<Access, Wrong> {
        let current = self.current_context.as_deref().filter(|name| !name.is_empty());
        let name = context.or(current).ok_or_else(|| said("no context is the current one: name one with `context`"))?;
        let Context { cluster, user, namespace } = &find(&self.contexts, "context", name)?.context;
        let cluster = &find(&self.clusters, "cluster", cluster)?.cluster;
        let nobody = User::default();
        let user = match user.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => find(&self.users, "user", name)?.user.as_ref().unwrap_or(&nobody),
            None => &nobody,
        };
        let (server, prefix) = cluster.place()?;
        let authorities = cluster.authorities(folder)?;
        let (identity, token) = (user.identity(folder)?, user.token(folder)?);
        if !server.is_secure() && (identity.is_some() || token.is_some()) {
            return Err(said(format!("the server is `{server}`: credentials are not sent without TLS")));
        }
        let namespace = namespace.clone().filter(|namespace| !namespace.is_empty());
        Ok(Access {
            place: Place { server, prefix, authorities, identity },
            token,
            namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
        })
    }
}

fn find<'a, T>(all: &'a [Named<T>], what: &str, name: &str) -> Result<&'a T, Wrong> {
    let found = all.iter().find(|one| one.name == name).map(|one| &one.content);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        said(format!("there is no {what} `{name}`; there are: {}", names.join(", ")))
    })
}

impl Cluster {
    fn place(&self) -> Result<(Endpoint, String), Wrong> {
        let Self { server, insecure_skip_tls_verify: insecure, tls_server_name, proxy_url, .. } = self;
        if insecure.as_deref().is_some_and(|word| word.eq_ignore_ascii_case("true")) {
            return Err(said(
                "`insecure-skip-tls-verify` is set: name the server's authority with `certificate-authority` instead",
            ));
        }
        if tls_server_name.is_some() || proxy_url.is_some() {
            return Err(said(
                "`tls-server-name` and `proxy-url` are not followed: remove them, or use another context",
            ));
        }
        let wrong = || said(format!("the server `{server}` is no `https://HOST:PORT`"));
        let uri: Uri = server.parse().map_err(|_| wrong())?;
        let endpoint = Endpoint::of(&uri).ok_or_else(wrong)?;
        Ok((endpoint, uri.path().trim_end_matches('/').to_owned()))
    }

    fn authorities(&self, folder: &Path) -> Result<Option<Vec<u8>>, Wrong> {
        file_or_data(
            "certificate-authority",
            self.certificate_authority.as_deref(),
            self.certificate_authority_data.as_deref(),
            folder,
        )
    }
}

impl User {
    fn identity(&self, folder: &Path) -> Result<Option<Identity>, Wrong> {
        const INSTEAD: &str = "name a service account's token instead, with `tokenFile` or `token`, or a certificate";
        let refused = [
            ("exec", self.exec.is_some()),
            ("auth-provider", self.auth_provider.is_some()),
            ("username", self.username.is_some()),
            ("as", self.acts_as.is_some()),
        ];
        if let Some((name, _)) = refused.iter().find(|(_, is_set)| *is_set) {
            let why = if *name == "exec" { "no program is run for credentials" } else { "that is not followed" };
            return Err(said(format!("the user has `{name}`: {why}; {INSTEAD}")));
        }
        let certificate = file_or_data(
            "client-certificate",
            self.client_certificate.as_deref(),
            self.client_certificate_data.as_deref(),
            folder,
        )?;
        let key = file_or_data("client-key", self.client_key.as_deref(), self.client_key_data.as_deref(), folder)?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Identity { certificate, key })),
            (None, None) => Ok(None),
            _ => Err(said("`client-certificate` and `client-key` belong together: give both or none")),
        }
    }

    fn token(&self, folder: &Path) -> Result<Option<String>, Wrong> {
        match (self.token.as_deref(), self.token_file.as_deref()) {
            // As kubectl does: the file can change, and goes over the text.
            (_, Some(file)) if !file.is_empty() => Ok(Some(text(&folder.join(file))?)),
            (Some(token), _) if !token.is_empty() => Ok(Some(token.to_owned())),
            _ => Ok(None),
        }
    }
}

/// What `…-data` holds in base64, or else the file.
fn file_or_data(what: &str, file: Option<&str>, data: Option<&str>, folder: &Path) -> Result<Option<Vec<u8>>, Wrong> {
    match (data.filter(|data| !data.is_empty()), file.filter(|file| !file.is_empty())) {
        (Some(data), _) => {
            let data = BASE64_STANDARD.decode(data.trim());
            data.map(Some).map_err(|_| said(format!("`{what}-data` is not in base64")))
        }
        (None, Some(file)) => Ok(Some(bytes(&folder.join(file))?)),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const WHOLE: &str = "\
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: prod
  cluster:
    server: https://api.prod:6443/
    certificate-authority-data: Q0E=
- name: behind
  cluster: { server: 'https://rancher/k8s/clusters/c-1', certificate-authority: ca.pem }
- name: plain
  cluster: { server: http://127.0.0.1:8001 }
- name: \"1234\"
  cluster: { server: https://api:6443, insecure-skip-tls-verify: true }
users:
- name: robot
  user:
    token: 0123e4
- name: rotated
  user: { token: old, tokenFile: token }
- name: certified
  user: { client-certificate-data: Q0VSVA==, client-key: key.pem }
- name: half
  user: { client-certificate-data: Q0VSVA== }
- name: cloud
  user:
    exec: { apiVersion: client.authentication.k8s.io/v1, command: aws }
- name: nobody
  user: {}
contexts:
- name: prod
  context: { cluster: prod, user: robot, namespace: streams }
- name: behind
  context: { cluster: behind, user: rotated }
- name: certified
  context: { cluster: prod, user: certified }
- name: half
  context: { cluster: prod, user: half }
- name: cloud
  context: { cluster: prod, user: cloud }
- name: plain
  context: { cluster: plain, user: nobody }
- name: bare
  context: { cluster: plain, user: robot }
- name: insecure
  context: { cluster: 1234, user: robot }
- name: lost
  context: { cluster: gone, user: robot }
";

    fn access(yaml: &str, context: Option<&str>) -> Result<Access, String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("config", yaml), ("ca.pem", "FILE"), ("token", "new\n"), ("key.pem", "KEY")] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        read(&folder.path().join("config"), context).map_err(|error| crate::causes::in_one_text(&error).to_string())
    }

    #[test]
    fn a_context_names_a_server_and_a_user() {
        for (context, server, prefix, authorities, token, namespace) in [
            (None, "api.prod:6443", "", Some("CA"), Some("0123e4"), "streams"),
            (Some("behind"), "rancher:443", "/k8s/clusters/c-1", Some("FILE"), Some("new"), "default"),
            (Some("certified"), "api.prod:6443", "", Some("CA"), None, "default"),
            (Some("plain"), "http://127.0.0.1:8001", "", None, None, "default"),
        ] {
            let found = access(WHOLE, context).unwrap();
            assert_eq!((found.place.server.to_string().as_str(), found.place.prefix.as_str()), (server, prefix));
            assert_eq!(found.place.authorities.as_deref(), authorities.map(str::as_bytes));
            assert_eq!((found.token.as_deref(), found.namespace.as_str()), (token, namespace));
        }
        let identity = access(WHOLE, Some("certified")).unwrap().place.identity.unwrap();
        assert_eq!((identity.certificate.as_slice(), identity.key.as_slice()), (b"CERT".as_slice(), b"KEY".as_slice()));
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_what_to_do() {
        for (context, words) in [
            ("cloud", "the user has `exec`: no program is run for credentials; name a service account's token instead"),
            ("half", "belong together"),
            ("bare", "credentials are not sent without TLS"),
            ("insecure", "`insecure-skip-tls-verify` is set: name the server's authority"),
            ("lost", "there is no cluster `gone`; there are: prod, behind, plain, 1234"),
            ("staging", "there is no context `staging`; there are: prod, "),
        ] {
            let error = access(WHOLE, Some(context)).map(|_| ()).unwrap_err();
            assert!(error.contains(words), "{context}: {error}");
        }
        for (yaml, words) in [
            ("clusters: [", "is no kubeconfig: "),
            ("clusters: 1", "is no kubeconfig: invalid type"),
            ("", "is no kubeconfig: "),
            ("apiVersion: v1", "no context is the current one: name one with `context`"),
        ] {
            let error = access(yaml, None).map(|_| ()).unwrap_err();
            assert!(error.contains(words), "{yaml}: {error}");
        }
    }
}
