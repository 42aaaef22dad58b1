//! Requests by hand, so that nothing comes between the guest and what the host lets out.

use std::fmt::Debug;

use wasip2::http::outgoing_handler::handle;
pub(crate) use wasip2::http::types::Method;
use wasip2::http::types::{Fields, FutureIncomingResponse, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::StreamError;

/// Sends a request with so many bytes, and gives the status and the body of the response.
pub(crate) fn send(method: &Method, url: &str, header: &str, bytes: usize) -> Result<String, String> {
    let request = request(method, url, header)?;
    let body = request.body().map_err(|()| "no body")?;
    let future = handle(request, None).map_err(told)?;
    let uploaded = upload(body, bytes);
    let response = wait(&future)?;
    uploaded?;
    Ok(format!("{} {}", response.status(), read(&response)?))
}

/// Sends so many requests before it looks at any response, and says how many were let out.
pub(crate) fn flood(url: &str, requests: usize) -> Result<String, String> {
    let futures: Vec<_> = (0..requests)
        .map(|_| handle(request(&Method::Get, url, "")?, None).map_err(told))
        .collect::<Result<_, String>>()?;
    let answers: Vec<_> = futures.iter().map(wait).collect();
    let failed = answers.iter().find_map(|answer| answer.as_ref().err().cloned());
    Ok(format!("{} of {requests}, then {}", answers.iter().flatten().count(), failed.unwrap_or_default()))
}

fn request(method: &Method, url: &str, header: &str) -> Result<OutgoingRequest, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |slash| rest.split_at(slash));
    let headers = Fields::new();
    if !header.is_empty() {
        headers.append("authorization", header.as_bytes()).map_err(told)?;
    }
    let request = OutgoingRequest::new(headers);
    let wrong = |()| "a part of the request is wrong".to_owned();
    request.set_method(method).map_err(wrong)?;
    request.set_scheme(Some(if scheme == "http" { &Scheme::Http } else { &Scheme::Https })).map_err(wrong)?;
    request.set_authority(Some(authority)).map_err(wrong)?;
    request.set_path_with_query(Some(path)).map_err(wrong)?;
    Ok(request)
}

fn upload(body: OutgoingBody, bytes: usize) -> Result<(), String> {
    let chunk = [b'x'; 4096];
    let stream = body.write().map_err(|()| "no stream")?;
    for _ in 0..bytes / chunk.len() {
        stream.blocking_write_and_flush(&chunk).map_err(told)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(told)
}

fn wait(future: &FutureIncomingResponse) -> Result<IncomingResponse, String> {
    loop {
        match future.get() {
            Some(answer) => return answer.map_err(|()| "taken")?.map_err(told),
            None => future.subscribe().block(),
        }
    }
}

fn read(response: &IncomingResponse) -> Result<String, String> {
    let body = response.consume().map_err(|()| "no body")?;
    let stream = body.stream().map_err(|()| "no stream")?;
    let mut text = Vec::new();
    loop {
        match stream.blocking_read(1 << 16) {
            Ok(bytes) => text.extend(bytes),
            Err(StreamError::Closed) => return Ok(String::from_utf8_lossy(&text).into_owned()),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = wasip2::http::types::http_error_code(&error);
                return Err(code.map_or_else(|| error.to_debug_string(), told));
            }
        }
    }
}

fn told(error: impl Debug) -> String {
    format!("{error:?}")
}
