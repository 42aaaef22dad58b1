//! A double of a registry, which answers whatever it is told to: what no real one can be made to do.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use tidegate::model::Digest;
use tokio::net::TcpListener;

/// What it hands out for any artifact.
#[derive(Clone)]
pub(crate) struct Double {
    pub(crate) manifest: String,
    pub(crate) component: Content,
}

#[derive(Clone)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    /// More and more of it, for ever.
    Endless,
}

/// A manifest that names a layer of this digest and size.
pub(crate) fn manifest(kind: &str, digest: &str, size: usize) -> String {
    format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":{{\"mediaType\":\
         \"application/vnd.wasm.config.v0+json\",\"digest\":\"{digest}\",\"size\":2}},\"layers\":[{{\"mediaType\":\"\
         {kind}\",\"digest\":\"{digest}\",\"size\":{size}}}]}}"
    )
}

impl Double {
    /// One that hands out a manifest for `said`, and `component`.
    pub(crate) fn of(said: &[u8], component: Content) -> Self {
        let digest = format!("sha256:{}", Digest::of(said));
        Self { manifest: manifest("application/wasm", &digest, said.len()), component }
    }

    /// The reference that its manifest should have at `address`.
    pub(crate) fn reference(&self, address: SocketAddr) -> String {
        format!("oci://{address}/policy@sha256:{}", Digest::of(self.manifest.as_bytes()))
    }

    /// Serves until the test's runtime ends.
    pub(crate) async fn serve(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answer = move |Path(path): Path<String>| {
            let double = self.clone();
            async move { double.answer(&path) }
        };
        let routes = Router::new().route("/v2/", get(|| async {})).route("/v2/{*path}", get(answer));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    }

    fn answer(self, path: &str) -> Response {
        if path.contains("/manifests/") {
            return ([(CONTENT_TYPE, "application/vnd.oci.image.manifest.v1+json")], self.manifest).into_response();
        }
        match self.component {
            Content::Bytes(bytes) => bytes.into_response(),
            Content::Endless => {
                let piece = Bytes::from_static(&[0; 4096]);
                Body::from_stream(stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone()))).into_response()
            }
        }
    }
}
