//! A way to a server that can be slow, silent or shut.
#![expect(clippy::expect_used, reason = "a test whose world cannot be set up has failed")]

use std::net::{SocketAddr, TcpListener as StdListener};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

/// How a way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What is sent arrives.
    Open,
    /// What is sent to the server arrives so much later.
    Slow(Duration),
    /// Connections stay, and are made, but nothing arrives.
    Silent,
}

/// An address of this machine that leads to another one, for as long as it lives.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    server: SocketAddr,
    way: watch::Sender<Way>,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// A way to `server` that is shut: connections are refused.
    pub fn to(server: SocketAddr) -> Self {
        let free = StdListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("its address");
        Self { address, server, way: watch::Sender::new(Way::Open), runtime: None }
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it is like this, for the connections that there are, too.
    pub fn is(&mut self, way: Way) {
        self.way.send_replace(way);
        if self.runtime.is_none() {
            self.open();
        }
    }

    fn open(&mut self) {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        // Connections of before may hold the port for a moment.
        let bound = (0..100).find_map(|_| {
            let bound = runtime.block_on(TcpListener::bind(self.address)).ok();
            if bound.is_none() {
                thread::sleep(Duration::from_millis(50));
            }
            bound
        });
        let listener = bound.expect("the port, again");
        let (server, way) = (self.server, self.way.subscribe());
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let way = way.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::join!(
                        pump(from_client, to_server, way.clone(), true),
                        pump(from_server, to_client, way, false)
                    );
                });
            }
        });
        self.runtime = Some(runtime);
    }

    /// Ends every connection, and refuses others.
    pub fn shut(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shut();
    }
}

/// Hands over what comes, until either end is gone.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut way: watch::Receiver<Way>,
    is_delayed: bool,
) {
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        let now = *way.borrow_and_update();
        if let Way::Slow(delay) = now
            && is_delayed
        {
            tokio::time::sleep(delay).await;
        }
        if way.wait_for(|way| *way != Way::Silent).await.is_err() {
            return;
        }
        let piece = piece.get(..length).unwrap_or_default();
        if to.write_all(piece).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
