//! Requests of a plugin to the Kubernetes API server that the host grants it: the host knows where it is and proves who asks.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

mod body;

use std::env;

use serde_json::Value;
use wasip2::http::outgoing_handler::handle;
pub use wasip2::http::types::Method;
use wasip2::http::types::{ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, OutgoingRequest, Scheme};

/// The name that the host has for the server.
const SERVER: &str = "kubernetes.default.svc";

/// In which variable the host says which namespace is granted.
const NAMESPACE: &str = "KUBERNETES_NAMESPACE";

/// In what form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The whole object.
    Whole,
    /// Its metadata only.
    Metadata,
    /// The metadata of a list.
    MetadataList,
}

impl Form {
    const fn accept(self) -> &'static str {
        match self {
            Self::Whole => "application/json",
            Self::Metadata => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Self::MetadataList => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
        }
    }
}

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// What it says: an object, or in `message` what is wrong.
    pub body: Value,
}

impl Answer {
    /// What the server says is wrong, for people.
    pub fn told(&self, what: &str) -> String {
        let message = self.body["message"].as_str().unwrap_or("no reason is given");
        format!("the API server answered {} to {what}: {message}", self.status)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// The server is not granted.
    Denied,
    /// It is out of reach, or slow, or what it says cannot be read.
    Unreachable(String),
}

/// The namespace that is granted, unless the operator has named another.
pub fn namespace(configured: Option<String>) -> Result<String, NoAnswer> {
    configured.or_else(|| env::var(NAMESPACE).ok()).ok_or(NoAnswer::Denied)
}

/// Sends a request. A patch is a merge patch (RFC 7386).
pub fn send(method: &Method, path: &str, form: Form, body: Option<&Value>) -> Result<Answer, NoAnswer> {
    let outgoing = request(method, path, form).ok_or_else(|| unreachable("the request cannot be made"))?;
    let sink = outgoing.body().map_err(|()| unreachable("the request has no body"))?;
    let future = handle(outgoing, None).map_err(|code| failed(&code))?;
    let uploaded = body::write(sink, body);
    let response = wait(&future).map_err(|code| failed(&code))?;
    let (status, bytes) = (response.status(), body::read(&response).map_err(NoAnswer::Unreachable)?);
    // A server that does not want all of a body may have answered before it was sent.
    if status < 300 {
        uploaded.map_err(NoAnswer::Unreachable)?;
    }
    let body = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        // What stands before the server may answer in its own words.
        Err(_) if status >= 300 => Value::Null,
        Err(error) => return Err(NoAnswer::Unreachable(format!("its answer cannot be read: {error}"))),
    };
    Ok(Answer { status, body })
}

fn request(method: &Method, path: &str, form: Form) -> Option<OutgoingRequest> {
    let headers = Fields::new();
    headers.append("accept", form.accept().as_bytes()).ok()?;
    let content_type: &[u8] = match method {
        Method::Patch => b"application/merge-patch+json",
        _ => b"application/json",
    };
    headers.append("content-type", content_type).ok()?;
    let request = OutgoingRequest::new(headers);
    request.set_method(method).ok()?;
    request.set_scheme(Some(&Scheme::Https)).ok()?;
    request.set_authority(Some(SERVER)).ok()?;
    request.set_path_with_query(Some(path)).ok()?;
    Some(request)
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, ErrorCode> {
    loop {
        match future.get() {
            Some(Ok(answer)) => return answer,
            Some(Err(())) => return Err(ErrorCode::InternalError(None)),
            None => future.subscribe().block(),
        }
    }
}

fn failed(code: &ErrorCode) -> NoAnswer {
    match code {
        ErrorCode::HttpRequestDenied => NoAnswer::Denied,
        ErrorCode::InternalError(Some(reason)) => unreachable(reason),
        code => unreachable(&format!("{code:?}")),
    }
}

fn unreachable(reason: &str) -> NoAnswer {
    NoAnswer::Unreachable(format!("the API server is out of reach: {reason}"))
}
