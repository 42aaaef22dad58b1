//! The server's life: its authority, its address, who may come in, and its end.
#![expect(clippy::expect_used, reason = "a test whose world cannot be set up has failed")]

use std::fs;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate::plugin::KubernetesGrant;
use tidegate_test_tls::{Authority, SecureListener, authority, certificate};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use super::http::{Shared, router};
use super::{Client, Objects};

/// The namespace that there is.
const NAMESPACE: &str = "streams";

/// The token that is accepted at first.
const TOKEN: &str = "first-token";

/// A running server. Its objects outlive it.
#[derive(Debug)]
pub struct ApiServer {
    objects: Shared,
    address: SocketAddr,
    authority: Authority,
    by_certificate: bool,
    runtime: Option<Runtime>,
}

impl ApiServer {
    /// A server that lets those in who have its token.
    pub fn start() -> Self {
        Self::with(false)
    }

    /// A server that lets those in who have a certificate of its authority.
    pub fn by_certificate() -> Self {
        Self::with(true)
    }

    fn with(by_certificate: bool) -> Self {
        let mut objects = Objects::default();
        objects.namespaces.insert(NAMESPACE.to_owned());
        objects.tokens.insert(TOKEN.to_owned());
        let free = StdListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        drop(free);
        let objects = Arc::new(Mutex::new(objects));
        let mut server = Self { objects, address, authority: authority(), by_certificate, runtime: None };
        server.restart();
        server
    }

    /// What it knows, to look at and to change.
    pub fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The namespace of its objects.
    pub fn namespace(&self) -> &'static str {
        NAMESPACE
    }

    /// Ends it, with every connection.
    pub fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts it again, at the same address, with another certificate.
    pub fn restart(&mut self) {
        self.kill();
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let app = router(Arc::clone(&self.objects), self.by_certificate);
        // What was killed may hold the port for a moment.
        let bound = (0..100).find_map(|_| {
            let bound = StdListener::bind(self.address).ok();
            if bound.is_none() {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            bound
        });
        let plain = bound.expect("the port, again");
        plain.set_nonblocking(true).expect("a socket");
        let _entered = runtime.enter();
        let plain = TcpListener::from_std(plain).expect("a socket");
        let clients = self.by_certificate.then_some(&self.authority);
        let listener = SecureListener::new(plain, &self.authority, "127.0.0.1", clients);
        runtime.spawn(async move { axum::serve(listener, app).await });
        drop(_entered);
        self.runtime = Some(runtime);
    }

    /// What a pod finds in its service account's folder: written into `folder`.
    pub fn account(&self, folder: &Path) -> KubernetesGrant {
        for (name, text) in [("token", TOKEN), ("ca.crt", &self.authority.pem()), ("namespace", NAMESPACE)] {
            fs::write(folder.join(name), text).expect("a file");
        }
        let server = self.address.to_string().parse().expect("a place");
        KubernetesGrant::InCluster { server, account: folder.to_owned() }
    }

    /// A client that has the token.
    pub fn client(&self) -> Client {
        Client::new(self.address, &self.authority, TOKEN)
    }

    /// A kubeconfig in `folder`, with the token or with a certificate.
    pub fn kubeconfig(&self, folder: &Path) -> PathBuf {
        let user = if self.by_certificate {
            let (certificate, key) = certificate(&self.authority, "tidegate");
            fs::write(folder.join("client.pem"), certificate.pem()).expect("a file");
            fs::write(folder.join("client.key"), key.serialize_pem()).expect("a file");
            "client-certificate: client.pem, client-key: client.key".to_owned()
        } else {
            format!("token: {TOKEN}")
        };
        fs::write(folder.join("authority.pem"), self.authority.pem()).expect("a file");
        let address = self.address;
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: double\ncontexts:\n- name: double\n  context: {{ cluster: double, \
             user: tidegate, namespace: {NAMESPACE} }}\nclusters:\n- name: double\n  cluster:\n    server: \
             https://{address}\n    certificate-authority: authority.pem\nusers:\n- name: tidegate\n  user: {{ {user} }}\n"
        );
        let path = folder.join("kubeconfig");
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        self.kill();
    }
}
