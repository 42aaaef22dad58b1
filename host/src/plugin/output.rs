//! What a guest writes to its standard streams: the beginning is kept, the rest is counted and dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::io::{AsyncWrite, sink};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// What a guest may write at once, as WASI's own streams have it.
const AT_ONCE: usize = 64 << 10;

/// Standard output and standard error together. Clones share what was written.
///
/// A stream that fails when it is full would end a guest that merely says too much.
#[derive(Clone, Debug)]
pub(super) struct Output {
    limit: usize,
    written: Arc<Mutex<Written>>,
}

#[derive(Debug, Default)]
struct Written {
    kept: Vec<u8>,
    dropped: u64,
}

impl Output {
    /// Keeps at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, written: Arc::default() }
    }

    /// What was kept so far, and how many bytes were not.
    pub(super) fn take(&self) -> (Vec<u8>, u64) {
        let Written { kept, dropped } = std::mem::take(&mut *self.written());
        (kept, dropped)
    }

    fn written(&self) -> MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let mut written = self.written();
        let room = self.limit.saturating_sub(written.kept.len()).min(bytes.len());
        let (kept, dropped) = bytes.split_at(room);
        written.kept.extend_from_slice(kept);
        written.dropped = written.dropped.saturating_add(dropped.len() as u64);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}

#[async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    /// Only WASI's later versions would ask for it; none is linked.
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(sink())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_kept_and_the_rest_is_counted() {
        let output = Output::new(5);
        let (mut out, mut err) = (output.clone(), output.clone());
        out.write(Bytes::from_static(b"abc")).unwrap();
        err.write(Bytes::from_static(b"defg")).unwrap();
        out.write(Bytes::from_static(b"h")).unwrap();
        assert_eq!(output.take(), (b"abcde".to_vec(), 3));
    }
}
