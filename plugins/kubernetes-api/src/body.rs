//! The bodies of requests and responses.

use serde_json::Value;
use wasip2::http::types::{IncomingResponse, OutgoingBody, http_error_code};
use wasip2::io::streams::StreamError;

/// The most that `wasi:io` takes in one write.
const CHUNK: usize = 4096;

/// The most that is read at once.
const READ: u64 = 1 << 16;

/// Writes a body to its end; none where there is none.
pub(crate) fn write(outgoing: OutgoingBody, body: Option<&Value>) -> Result<(), String> {
    if let Some(body) = body {
        let text = body.to_string();
        let stream = outgoing.write().map_err(|()| "the request's body cannot be written")?;
        for chunk in text.as_bytes().chunks(CHUNK) {
            stream.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
        }
    }
    OutgoingBody::finish(outgoing, None).map_err(|error| format!("{error:?}"))
}

/// Reads a body to its end.
pub(crate) fn read(response: &IncomingResponse) -> Result<Vec<u8>, String> {
    let body = response.consume().map_err(|()| "the response has no body")?;
    let stream = body.stream().map_err(|()| "the response's body cannot be read")?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(READ) {
            Ok(more) => bytes.extend(more),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = http_error_code(&error);
                let reason = code.map_or_else(|| error.to_debug_string(), |code| format!("{code:?}"));
                return Err(format!("the API server's answer was cut off: {reason}"));
            }
        }
    }
}
