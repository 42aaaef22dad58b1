//! TLS: whom the client trusts, and how it proves who it is.

use std::io::Write as _;
use std::net::SocketAddr;

use axum::Router;
use rcgen::KeyPair;
use tempfile::NamedTempFile;
use tidegate_test_tls::{Authority, SecureListener, authority, certificate};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::chain;
use crate::flink::{ClientIdentity, FlinkError, InvalidRestOptions, JobManager, RestClient, RestOptions, TlsOptions};

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

impl SecureServer {
    /// Shows a certificate for `name`; lets only clients of `clients` in, if given.
    async fn start(authority: &Authority, name: &str, clients: Option<&Authority>) -> Self {
        let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = plain.local_addr().unwrap();
        let listener = SecureListener::new(plain, authority, name, clients);
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
