//! What one call may still write to the folder that its plugin is granted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

/// Clones share what is left.
#[derive(Clone, Debug)]
pub(super) struct Quota {
    left: Arc<Left>,
}

#[derive(Debug)]
struct Left {
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Quota {
    /// So many new files and folders, and so many bytes.
    pub(super) fn new(files: usize, bytes: usize) -> Self {
        Self { left: Arc::new(Left { files: AtomicU64::new(files as u64), bytes: AtomicU64::new(bytes as u64) }) }
    }

    /// Whether one more file or folder may be made; it counts.
    pub(super) fn take_file(&self) -> bool {
        take(&self.left.files, 1)
    }

    /// Whether so many more bytes may be written; they count.
    pub(super) fn take_bytes(&self, bytes: u64) -> bool {
        take(&self.left.bytes, bytes)
    }

    /// `stream`, whose bytes count.
    pub(super) fn over(&self, stream: DynOutputStream) -> DynOutputStream {
        Box::new(Metered { stream, quota: self.clone() })
    }
}

fn take(left: &AtomicU64, amount: u64) -> bool {
    left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(amount)).is_ok()
}

/// A stream into a file.
struct Metered {
    stream: DynOutputStream,
    quota: Quota,
}

impl OutputStream for Metered {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if self.quota.take_bytes(bytes.len() as u64) {
            self.stream.write(bytes)
        } else {
            Err(StreamError::LastOperationFailed(io::Error::from(io::ErrorKind::QuotaExceeded).into()))
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.stream.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stream.check_write()
    }
}

#[async_trait]
impl Pollable for Metered {
    async fn ready(&mut self) {
        self.stream.ready().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_gone_and_what_is_refused_is_not() {
        let quota = Quota::new(1, 10);
        let same = quota.clone();
        assert!(quota.take_bytes(8) && !same.take_bytes(3) && same.take_bytes(2) && !quota.take_bytes(1));
        assert!(quota.take_file() && !same.take_file());
    }
}
