//! The API server as one plugin reaches it. Credentials are read again for every request: they are files that change.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::spawn_blocking;
use tracing::{info, warn};

use super::super::Endpoint;
use super::super::client::{HttpClient, http_client, roots, tls};
use super::grant::{Access, Identity, Place};
use super::{KubernetesError, KubernetesGrant};
use crate::plugin::LoadError;

/// Kinds of requests whose refusal is remembered; beyond that they are forgotten, and told again.
const MOST_REFUSED: usize = 100;

/// An API server, connections to it, and what it has refused.
pub(in crate::plugin::http) struct ApiServer {
    grant: KubernetesGrant,
    open: Mutex<Option<Arc<Open>>>,
    refused: Mutex<BTreeSet<String>>,
}

/// Connections, and what they were made with.
struct Open {
    place: Place,
    http: HttpClient,
}

impl fmt::Debug for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiServer").field("grant", &self.grant).finish_non_exhaustive()
    }
}

impl ApiServer {
    /// Nothing is connected to yet.
    pub(in crate::plugin::http) fn new(grant: KubernetesGrant) -> Result<Self, LoadError> {
        // What is wrong now is said now; what changes later is said then.
        let Access { place, .. } = grant.read()?;
        let http = connections(&place)?;
        let open = Mutex::new(Some(Arc::new(Open { place, http })));
        Ok(Self { grant, open, refused: Mutex::default() })
    }

    /// Whether a request for `place` is meant for the API server: it has one name, wherever it is.
    pub(in crate::plugin::http) fn is_named(place: &Endpoint) -> bool {
        place.is_secure() && place.host() == "kubernetes.default.svc" && place.port() == 443
    }

    /// The request as the server takes it, and who sends it.
    pub(in crate::plugin::http) async fn address<B>(
        self: &Arc<Self>,
        request: Request<B>,
    ) -> Result<(Request<B>, HttpClient), KubernetesError> {
        let this = Arc::clone(self);
        let access = spawn_blocking(move || this.grant.read()).await;
        let broken = |error: &dyn fmt::Display| KubernetesError::Tls { reason: error.to_string() };
        let Access { place, token, .. } = access.map_err(|error| broken(&error))??;
        let (mut parts, body) = request.into_parts();
        let authority = place.server.to_string();
        let authority = authority.strip_prefix("http://").unwrap_or(&authority);
        let authority: Authority = authority.parse().map_err(|error| broken(&error))?;
        let path = parts.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let uri = Uri::builder()
            .scheme(if place.server.is_secure() { Scheme::HTTPS } else { Scheme::HTTP })
            .authority(authority.clone())
            .path_and_query(format!("{}{path}", place.prefix));
        parts.uri = uri.build().map_err(|error| broken(&error))?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|error| broken(&error))?;
        parts.headers.insert(header::HOST, host);
        parts.headers.remove(header::AUTHORIZATION);
        if let Some(token) = token {
            let mut bearer = HeaderValue::from_str(&format!("Bearer {token}"))
                .map_err(|_| KubernetesError::Tls { reason: "the token is more than one line".to_owned() })?;
            bearer.set_sensitive(true);
            parts.headers.insert(header::AUTHORIZATION, bearer);
        }
        Ok((Request::from_parts(parts, body), self.connections(place)?))
    }

    /// Connections to `place`: those that there are, unless it is another than before.
    fn connections(&self, place: Place) -> Result<HttpClient, KubernetesError> {
        let mut open = lock(&self.open);
        if let Some(open) = open.as_ref().filter(|open| open.place == place) {
            return Ok(open.http.clone());
        }
        let http = connections(&place)?;
        info!(server = %place.server, "the API server's address, authority or our certificate has changed");
        *open = Some(Arc::new(Open { place, http: http.clone() }));
        Ok(http)
    }

    /// Says once that requests of a kind are refused, until one of them is not.
    pub(in crate::plugin::http) fn answered(&self, plugin: &str, method: &Method, path: &str, status: StatusCode) {
        let kind = kind(method, path);
        let mut refused = lock(&self.refused);
        if !matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            refused.remove(&kind);
            return;
        }
        if refused.len() >= MOST_REFUSED {
            refused.clear();
        }
        if refused.insert(kind.clone()) {
            let what = if status == StatusCode::FORBIDDEN {
                "its account lacks a permission: see the roles in docs/"
            } else {
                "its token or certificate is not accepted"
            };
            warn!(plugin, request = kind, status = status.as_u16(), "the API server refuses plugin's requests: {what}");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The method and the resource that a path is about, without the name of one object.
fn kind(method: &Method, path: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let most = match parts.first() {
        Some(&"api") if parts.get(2) == Some(&"namespaces") => 5,
        Some(&"apis") if parts.get(3) == Some(&"namespaces") => 6,
        _ => 4,
    };
    parts.truncate(most);
    format!("{method} /{}", parts.join("/"))
}

fn connections(place: &Place) -> Result<HttpClient, KubernetesError> {
    let wrong = |reason: String| KubernetesError::Tls { reason };
    let trusted = match (&place.authorities, place.server.is_secure()) {
        (_, false) => rustls::RootCertStore::empty(),
        (None, true) => roots(None).map_err(|error| wrong(error.to_string()))?,
        (Some(pem), true) => {
            // The cluster's own authority, and nobody else.
            let mut trusted = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                trusted.add(certificate).map_err(|error| wrong(error.to_string()))?;
            }
            if trusted.is_empty() {
                return Err(wrong("the cluster's authority is no certificate in PEM".to_owned()));
            }
            trusted
        }
    };
    let builder = tls().map_err(|error| wrong(error.to_string()))?.with_root_certificates(trusted);
    let config = match &place.identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
            let chain = chain.map_err(|error| wrong(format!("`client-certificate`: {error}")))?;
            let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| wrong(format!("`client-key`: {error}")))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| wrong(error.to_string()))?
        }
    };
    Ok(http_client([place.server.clone()].into(), config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_one_kind_are_told_together() {
        for (path, expected) in [
            ("/api/v1/namespaces/x/events/Operator.12", "GET /api/v1/namespaces/x/events"),
            ("/api/v1/namespaces/x/events", "GET /api/v1/namespaces/x/events"),
            ("/apis/apps/v1/namespaces/x/deployments/y/status", "GET /apis/apps/v1/namespaces/x/deployments"),
            ("/api/v1/nodes/a", "GET /api/v1/nodes/a"),
            ("/version", "GET /version"),
        ] {
            assert_eq!(kind(&Method::GET, path), expected);
        }
    }

    #[test]
    fn the_server_has_one_name() {
        for (place, expected) in [
            ("kubernetes.default.svc:443", true),
            ("http://kubernetes.default.svc:443", false),
            ("kubernetes.default.svc:6443", false),
            ("kubernetes.default:443", false),
        ] {
            assert_eq!(ApiServer::is_named(&place.parse().unwrap()), expected, "{place}");
        }
    }
}
