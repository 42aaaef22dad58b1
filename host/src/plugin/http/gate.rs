//! What stands between one call of a guest and the network.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tracing::warn;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{Limited, Stop};
use super::client::HttpClient;
use super::kubernetes::ApiServer;
use super::secrets::fill;
use super::{Client, Endpoint};
use crate::causes::in_one_text;
use crate::plugin::Limits;

/// Refusals that a call has in the log; more are not told.
const MOST_TOLD: u32 = 10;

/// Lets the requests of one call out that are granted, within its limits.
pub(in crate::plugin) struct Gate {
    plugin: String,
    job: String,
    client: Option<Arc<Client>>,
    turns: Arc<Semaphore>,
    body: u64,
    time: Duration,
    told: u32,
}

/// What wasmtime wants for a response: itself, and a task that goes on beside it.
type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl Gate {
    /// A gate for one call of `plugin` about `job`; without a client nothing passes.
    pub(in crate::plugin) fn new(plugin: &str, job: &str, client: Option<Arc<Client>>, limits: &Limits) -> Self {
        Self {
            plugin: plugin.to_owned(),
            job: job.to_owned(),
            client,
            turns: Arc::new(Semaphore::new(limits.http_requests)),
            body: limits.http_body as u64,
            time: limits.http_time,
            told: 0,
        }
    }

    /// The request as it may leave, and who sends it.
    fn admit(&self, mut request: Request<WasiBody>) -> Result<(Request<WasiBody>, Way, OwnedSemaphorePermit), Refusal> {
        let place = Endpoint::of(request.uri()).ok_or_else(|| Refusal::denied(None, "it names no place"))?;
        let denied = |reason| Refusal::denied(Some(place.clone()), reason);
        let client = self.client.as_ref().ok_or_else(|| denied("nothing is granted"))?;
        let server = client.kubernetes.as_ref().filter(|_| ApiServer::is_named(&place));
        if server.is_none() && !client.granted.contains(&place) {
            return Err(denied("this place is not granted"));
        }
        if request.method() == Method::CONNECT {
            return Err(denied("tunnels are not granted"));
        }
        let way = match server {
            Some(server) => Way::Kubernetes(Arc::clone(server)),
            None => {
                let mut uri = request.uri().clone();
                fill(&mut uri, request.headers_mut(), &place, &client.secrets).map_err(denied)?;
                *request.uri_mut() = uri;
                Way::Place(client.http.clone())
            }
        };
        let turn = Arc::clone(&self.turns).try_acquire_owned();
        let turn =
            turn.map_err(|_| Refusal { error: Error::ConnectionLimitReached, ..denied("too many are under way") })?;
        Ok((request, way, turn))
    }
}

/// How a request leaves.
enum Way {
    /// To a granted place.
    Place(HttpClient),
    /// To the API server.
    Kubernetes(Arc<ApiServer>),
}

/// A request that does not leave.
struct Refusal {
    place: Option<Endpoint>,
    reason: &'static str,
    error: Error,
}

impl Refusal {
    fn denied(place: Option<Endpoint>, reason: &'static str) -> Self {
        Self { place, reason, error: Error::HttpRequestDenied }
    }
}

impl WasiHttpHooks for Gate {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let (plugin, job) = (self.plugin.clone(), self.job.clone());
        let is_told = self.told < MOST_TOLD;
        match self.admit(request) {
            Ok((request, way, turn)) => {
                let until = Instant::now() + self.time;
                let first = options.and_then(|options| options.first_byte_timeout).unwrap_or(self.time).min(self.time);
                let body = self.body;
                self.told += 1;
                Box::new(async move {
                    let place = Endpoint::of(request.uri());
                    let first = Instant::now() + first;
                    let sent = match way {
                        Way::Place(http) => send(request, &http, turn, body, until, first).await,
                        Way::Kubernetes(server) => {
                            send_to_server(request, &server, turn, body, until, first, &plugin).await
                        }
                    };
                    if let (Err(error), true) = (&sent, is_told) {
                        let to = place.map(|place| place.to_string());
                        warn!(plugin, job, to, %error, "plugin's request failed");
                    }
                    sent
                })
            }
            Err(Refusal { place, reason, error }) => {
                if is_told {
                    let to = place.map(|place| place.to_string());
                    warn!(plugin, job, to, reason, "plugin's request refused");
                    self.told += 1;
                }
                Box::new(async move { Err(error) })
            }
        }
    }
}

/// Sends to the API server, and takes note of what it refuses.
async fn send_to_server(
    request: Request<WasiBody>,
    server: &Arc<ApiServer>,
    turn: OwnedSemaphorePermit,
    most: u64,
    until: Instant,
    first: Instant,
    plugin: &str,
) -> Sent {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let (request, http) = match server.address(request).await {
        Ok(addressed) => addressed,
        Err(error) => return Err(Error::InternalError(Some(in_one_text(&error)))),
    };
    let sent = send(request, &http, turn, most, until, first).await;
    if let Ok((response, _)) = &sent {
        server.answered(plugin, &method, &path, response.status());
    }
    sent
}

async fn send(
    request: Request<WasiBody>,
    http: &HttpClient,
    turn: OwnedSemaphorePermit,
    most: u64,
    until: Instant,
    first: Instant,
) -> Sent {
    let request = request.map(|body| Limited::new(body, most, until, None));
    let response = match timeout_at(first, http.request(request)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => {
            return Err(match Stop::below(&error) {
                Some(Stop::TooLong { .. }) => Error::HttpRequestBodySize(Some(most)),
                Some(Stop::TooSlow) => Error::ConnectionWriteTimeout,
                Some(Stop::Address) => Error::DestinationIpProhibited,
                Some(Stop::Unresolved) => Error::DnsError { rcode: None, info_code: None },
                Some(Stop::Unreachable(_)) => Error::ConnectionRefused,
                Some(Stop::Broken(reason)) => Error::InternalError(Some(reason)),
                None if is_certificate(&error) => Error::TlsCertificateError,
                None => Error::HttpProtocolError,
            });
        }
        Err(_) => return Err(Error::HttpResponseTimeout),
    };
    let response = response.map(|body| {
        let limited = Limited::new(body, most, until, Some(turn));
        limited
            .map_err(move |stop| match stop {
                Stop::TooLong { limit } => Error::HttpResponseBodySize(Some(limit)),
                Stop::TooSlow => Error::HttpResponseTimeout,
                _ => Error::HttpResponseIncomplete,
            })
            .boxed_unsync()
    });
    Ok((response, Box::new(async { Ok(()) })))
}

/// Whether a connection failed because the other side's certificate is not trusted.
fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut level = Some(error);
    while let Some(error) = level {
        if error.to_string().contains("invalid peer certificate") {
            return true;
        }
        level = error.source();
    }
    false
}
