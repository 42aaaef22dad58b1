//! The way from the host to a simulated cluster without a network: the same requests, answered by the same routes.

use std::fmt;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{Method, header};
use http_body_util::BodyExt;
use tower_service::Service;

use crate::flink::{FlinkError, Request, Response, Transport};

/// A simulated cluster's routes.
#[derive(Clone)]
pub(super) struct InProcess(pub(super) Router);

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InProcess").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for InProcess {
    fn url(&self, path: &str) -> String {
        format!("simulated:{path}")
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Response, FlinkError> {
        let url = self.url(request.path);
        let target = request.target();
        let builder = http::Request::builder().uri(&target);
        let http = match request.put {
            Some(body) => {
                builder.method(Method::PUT).header(header::CONTENT_TYPE, "application/json").body(Body::from(body))
            }
            None => builder.body(Body::empty()),
        };
        let http = http.map_err(|error| FlinkError::unexpected(&url, error))?;
        // A router is always ready, and fails never: what is wrong is in its answer.
        let Ok(answer) = self.0.clone().call(http).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.map_err(|error| FlinkError::unexpected(&url, error))?;
        Ok(Response { status, body: body.to_bytes().to_vec() })
    }
}
