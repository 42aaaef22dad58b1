//! One request over `wasi:http`, and whether another might do better.

use std::collections::BTreeMap;
use std::time::Duration;

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme,
};

use crate::retry_after;

/// The most that `wasi:io` takes in one write.
const CHUNK: usize = 4096;

/// Where events go.
pub(crate) struct Target {
    scheme: Scheme,
    authority: String,
    path: String,
    headers: BTreeMap<String, String>,
}

/// Why a request came to nothing.
pub(crate) enum Failure {
    /// Another may do better.
    ForNow {
        /// What happened.
        reason: String,
        /// How long the receiver wants to be left alone, if it says so.
        wait: Option<Duration>,
    },
    /// No other would do better.
    ForGood(String),
}

impl Target {
    pub(crate) fn new(url: &str, headers: BTreeMap<String, String>) -> Result<Self, String> {
        let wrong = || format!("option `url`: `{url}` is no `https://HOST/PATH`");
        let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
        let scheme = match scheme {
            "https" => Scheme::Https,
            "http" => Scheme::Http,
            _ => return Err(wrong()),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        if authority.is_empty() {
            return Err(wrong());
        }
        Ok(Self { scheme, authority: authority.to_owned(), path: path.to_owned(), headers })
    }

    fn request(&self) -> Result<OutgoingRequest, String> {
        let headers = Fields::new();
        let mut is_typed = false;
        for (name, value) in &self.headers {
            is_typed |= name.eq_ignore_ascii_case("content-type");
            let added = headers.append(name, value.as_bytes());
            added.map_err(|error| format!("option `headers`: `{name}` cannot be sent: {error:?}"))?;
        }
        if !is_typed {
            let added = headers.append("content-type", b"application/json");
            added.map_err(|error| format!("no content type: {error:?}"))?;
        }
        let request = OutgoingRequest::new(headers);
        let wrong = |()| "option `url` cannot be sent to".to_owned();
        request.set_method(&Method::Post).map_err(wrong)?;
        request.set_scheme(Some(&self.scheme)).map_err(wrong)?;
        request.set_authority(Some(&self.authority)).map_err(wrong)?;
        request.set_path_with_query(Some(&self.path)).map_err(wrong)?;
        Ok(request)
    }
}

/// Posts `body`. Any status of success is one.
pub(crate) fn send(target: &Target, body: &str) -> Result<(), Failure> {
    let request = target.request().map_err(Failure::ForGood)?;
    let outgoing = request.body().map_err(|()| Failure::ForGood("the request has no body".to_owned()))?;
    let future = handle(request, None).map_err(|code| failed(target, &code))?;
    let uploaded = upload(outgoing, body);
    let response = wait(&future).map_err(|code| failed(target, &code))?;
    let status = response.status();
    let reason = format!("{} answered {status}", target.authority);
    match status {
        200..=299 => uploaded.map_err(|reason| Failure::ForNow { reason, wait: None }),
        429 | 503 => Err(Failure::ForNow { reason, wait: wanted_wait(&response) }),
        408 | 425 | 500..=599 => Err(Failure::ForNow { reason, wait: None }),
        _ => Err(Failure::ForGood(reason)),
    }
}

fn wanted_wait(response: &IncomingResponse) -> Option<Duration> {
    let headers = response.headers();
    let text = |name: &str| headers.get(name).into_iter().find_map(|value| String::from_utf8(value).ok());
    retry_after::wait(&text("retry-after")?, text("date").as_deref())
}

fn failed(target: &Target, code: &ErrorCode) -> Failure {
    let authority = &target.authority;
    match code {
        ErrorCode::HttpRequestDenied => Failure::ForGood(format!(
            "requests to {authority} are not granted: this handler needs `grant = {{ http = [\"HOST:PORT\"] }}`"
        )),
        code => Failure::ForNow { reason: format!("{authority}: {code:?}"), wait: None },
    }
}

fn upload(outgoing: OutgoingBody, body: &str) -> Result<(), String> {
    let stream = outgoing.write().map_err(|()| "the request's body cannot be written")?;
    for chunk in body.as_bytes().chunks(CHUNK) {
        stream.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
    }
    drop(stream);
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))
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
