//! The HTTP client of one plugin: kept connections to granted places.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use wasmtime_wasi_http::WasiBody;

use super::super::LoadError;
use super::super::grants::Secret;
use super::Endpoint;
use super::body::Limited;
use super::connector::Connector;
use super::kubernetes::{ApiServer, KubernetesGrant};

/// Shorter than what load balancers usually allow, so that we are the ones who close.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// Connections that are kept to each place.
const IDLE_CONNECTIONS: usize = 8;

/// Bytes of the head of a response.
const LONGEST_HEAD: usize = 64 << 10;

/// Sends requests, follows no redirects, and knows no proxies.
#[derive(Debug)]
pub(in crate::plugin) struct Client {
    pub(super) granted: Arc<[Endpoint]>,
    pub(super) secrets: Vec<Secret>,
    pub(super) http: HttpClient,
    pub(super) kubernetes: Option<Arc<ApiServer>>,
}

/// Connections to one set of places. Cheap to clone.
pub(super) type HttpClient = legacy::Client<HttpsConnector<Connector>, Limited<WasiBody>>;

impl Client {
    /// A client for these places, which trusts the system's authorities and those in `authorities` (PEM), and for an API
    /// server.
    pub(in crate::plugin) fn new(
        granted: Vec<Endpoint>,
        secrets: Vec<Secret>,
        authorities: Option<&[u8]>,
        kubernetes: Option<KubernetesGrant>,
    ) -> Result<Self, LoadError> {
        let granted: Arc<[Endpoint]> = granted.into();
        let is_secure = granted.iter().any(Endpoint::is_secure);
        // Spares a plain client the system's authorities, and the need for any to be there.
        let roots = if is_secure { roots(authorities)? } else { RootCertStore::empty() };
        let tls = tls().map_err(|error| LoadError::Grant { reason: error.to_string() })?;
        let http = http_client(Arc::clone(&granted), tls.with_root_certificates(roots).with_no_client_auth());
        let kubernetes = kubernetes.map(ApiServer::new).transpose()?.map(Arc::new);
        Ok(Self { granted, secrets, http, kubernetes })
    }
}

/// A client that connects to `granted` places only.
pub(super) fn http_client(granted: Arc<[Endpoint]>, tls: ClientConfig) -> HttpClient {
    let connector = HttpsConnector::from((Connector { granted }, tls));
    legacy::Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .http1_max_buf_size(LONGEST_HEAD)
        .build(connector)
}

/// TLS as all clients here speak it; whom it trusts is still to be said.
pub(super) fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

/// The system's authorities, and those in `authorities`.
pub(super) fn roots(authorities: Option<&[u8]>) -> Result<RootCertStore, LoadError> {
    let mut roots = RootCertStore::empty();
    // What the system has and cannot be read is as good as not there.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let wrong = |reason: String| LoadError::Grant { reason };
    if let Some(pem) = authorities {
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| wrong(format!("`ca` is no certificate in PEM: {error}")))?;
            roots.add(certificate).map_err(|error| wrong(format!("`ca` cannot be trusted: {error}")))?;
        }
        if roots.len() == before {
            return Err(wrong("`ca` has no certificate in PEM".to_owned()));
        }
    }
    if roots.is_empty() {
        return Err(wrong(
            "this system trusts no certificate authority: name one with `ca`, or grant `http://…`".to_owned(),
        ));
    }
    Ok(roots)
}
