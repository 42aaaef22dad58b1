//! Connections to granted places: the address that was checked is the one that is connected to.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tower_service::Service;

use super::Endpoint;
use super::address::is_allowed;
use super::body::Stop;

/// Resolves, checks and connects. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    pub(super) granted: Arc<[Endpoint]>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = Stop;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Stop>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Stop>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let granted = Arc::clone(&self.granted);
        Box::pin(async move {
            let wanted = Endpoint::of(&uri).ok_or(Stop::Unresolved)?;
            let addresses = lookup_host((wanted.host(), wanted.port())).await.map_err(|_| Stop::Unresolved)?;
            connect(addresses.filter(|address| is_allowed(address.ip(), &wanted, &granted)).collect()).await
        })
    }
}

/// A connection to the first of `addresses` that answers.
async fn connect(addresses: Vec<SocketAddr>) -> Result<TokioIo<TcpStream>, Stop> {
    let mut last = Stop::Address;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // A request is written at once; to wait for more would only delay it. Nothing is lost without it.
                let _ = stream.set_nodelay(true);
                return Ok(TokioIo::new(stream));
            }
            Err(error) => last = Stop::Unreachable(error.to_string()),
        }
    }
    Err(last)
}
