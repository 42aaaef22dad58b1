//! TLS: whom the client trusts, and how it proves who it is.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::chain;
use crate::flink::{ClientIdentity, FlinkError, InvalidRestOptions, JobManager, RestClient, RestOptions, TlsOptions};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `name`, with its key.
fn certificate(authority: &Authority, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap(), key)
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// A cluster without jobs behind TLS; ends when dropped.
struct SecureServer {
    address: SocketAddr,
    task: JoinHandle<()>,
}

struct SecureListener {
    plain: TcpListener,
    tls: TlsAcceptor,
}

impl Listener for SecureListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, address) = self.plain.accept().await.unwrap();
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.plain.local_addr()
    }
}

impl SecureServer {
    /// Shows a certificate for `name`; lets only clients of `clients` in, if given.
    async fn start(authority: &Authority, name: &str, clients: Option<&Authority>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let builder = match clients {
            None => builder.unwrap().with_no_client_auth(),
            Some(clients) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.unwrap().with_client_cert_verifier(verifier.unwrap())
            }
        };
        let (certificate, key) = certificate(authority, name);
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = plain.local_addr().unwrap();
        let listener = SecureListener { plain, tls: TlsAcceptor::from(Arc::new(config)) };
        let router = Router::new().fallback(async || r#"{"jobs":[]}"#);
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task }
    }

    async fn ask(&self, tls: TlsOptions) -> Result<(), FlinkError> {
        let options = RestOptions { tls, ..RestOptions::new(format!("https://{}", self.address)) };
        RestClient::new(&options).unwrap().jobs().await.map(drop)
    }
}

impl Drop for SecureServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn only_an_authority_that_is_given_is_trusted() {
    let ours = authority();
    let ca = file(&ours.pem());
    let trusting = TlsOptions { ca: Some(ca.path().to_owned()), identity: None };
    let server = SecureServer::start(&ours, "127.0.0.1", None).await;
    server.ask(trusting.clone()).await.unwrap();

    let error = server.ask(TlsOptions::default()).await.unwrap_err();
    assert!(matches!(error, FlinkError::Tls { .. }), "{}", chain(&error));
    let stranger = SecureServer::start(&authority(), "127.0.0.1", None).await;
    let error = stranger.ask(trusting.clone()).await.unwrap_err();
    assert!(matches!(error, FlinkError::Tls { .. }), "{}", chain(&error));
    let misnamed = SecureServer::start(&ours, "another.host", None).await;
    let error = misnamed.ask(trusting).await.unwrap_err();
    assert!(matches!(error, FlinkError::Tls { .. }), "{}", chain(&error));
    assert!(chain(&error).contains("not valid for name"), "{}", chain(&error));
}

#[tokio::test]
async fn a_cluster_that_asks_for_a_certificate_gets_it() {
    let ours = authority();
    let ca = file(&ours.pem());
    let server = SecureServer::start(&ours, "127.0.0.1", Some(&ours)).await;
    let (certificate, key) = certificate(&ours, "tidegate");
    let (cert, key) = (file(&certificate.pem()), file(&key.serialize_pem()));
    let identity = ClientIdentity { cert: cert.path().to_owned(), key: key.path().to_owned() };
    let known = TlsOptions { ca: Some(ca.path().to_owned()), identity: Some(identity) };
    server.ask(known.clone()).await.unwrap();
    let error = server.ask(TlsOptions { identity: None, ..known }).await.unwrap_err();
    assert!(matches!(error, FlinkError::Tls { .. }), "{error:?}");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let ours = authority();
    let (certificate, _) = certificate(&ours, "tidegate");
    let (cert, key) = (file(&certificate.pem()), file(&KeyPair::generate().unwrap().serialize_pem()));
    let ca = file(&ours.pem());
    let identity = ClientIdentity { cert: cert.path().to_owned(), key: key.path().to_owned() };
    let tls = TlsOptions { ca: Some(ca.path().to_owned()), identity: Some(identity) };
    let error = RestClient::new(&RestOptions { tls, ..RestOptions::new("https://flink") }).unwrap_err();
    assert!(matches!(error, InvalidRestOptions::Tls { .. }), "{error:?}");
}
