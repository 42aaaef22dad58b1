//! One request over `wasi:http`: it reaches only what the operator grants.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{ErrorCode, Fields, Method, OutgoingBody, OutgoingRequest, Scheme};

/// The most that `wasi:io` takes in one write.
const CHUNK: usize = 4096;

/// Where events go.
pub struct Url {
    scheme: Scheme,
    authority: String,
    path: String,
}

impl Url {
    pub fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = match url.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            _ => return Err(format!("`url` has to be https://HOST/PATH, not `{url}`")),
        };
        let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
        Ok(Self { scheme, authority: authority.to_owned(), path: path.to_owned() })
    }

    /// Posts JSON. Any status of success is one.
    pub fn post(&self, body: &str) -> Result<(), String> {
        let status = self.send(body).map_err(|error| format!("{}: {error}", self.authority))?;
        if (200..300).contains(&status) { Ok(()) } else { Err(format!("{} answered {status}", self.authority)) }
    }

    fn send(&self, body: &str) -> Result<u16, String> {
        let wrong = |()| "`url` cannot be sent to".to_owned();
        let headers = Fields::new();
        headers.append("content-type", b"application/json").map_err(|error| format!("{error:?}"))?;
        let request = OutgoingRequest::new(headers);
        request.set_method(&Method::Post).map_err(wrong)?;
        request.set_scheme(Some(&self.scheme)).map_err(wrong)?;
        request.set_authority(Some(&self.authority)).map_err(wrong)?;
        request.set_path_with_query(Some(&self.path)).map_err(wrong)?;
        let outgoing = request.body().map_err(wrong)?;
        let future = handle(request, None).map_err(told)?;
        let stream = outgoing.write().map_err(wrong)?;
        for chunk in body.as_bytes().chunks(CHUNK) {
            stream.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
        }
        drop(stream);
        OutgoingBody::finish(outgoing, None).map_err(told)?;
        loop {
            match future.get() {
                Some(Ok(answer)) => return answer.map(|response| response.status()).map_err(told),
                Some(Err(())) => return Err("the answer was taken already".to_owned()),
                None => future.subscribe().block(),
            }
        }
    }
}

fn told(error: ErrorCode) -> String {
    match error {
        ErrorCode::HttpRequestDenied => "not granted: it needs `grant = { http = [\"HOST:PORT\"] }`".to_owned(),
        error => format!("{error:?}"),
    }
}
