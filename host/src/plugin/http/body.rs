//! A body that ends with an error when it is too long, or takes too long.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a request was stopped on its way.
#[derive(Clone, Debug, Error)]
pub(super) enum Stop {
    /// More bytes than the limit.
    #[error("a body is longer than its limit of {limit} bytes")]
    TooLong { limit: u64 },
    /// Not over in time.
    #[error("a body is not over in time")]
    TooSlow,
    /// The other side's fault, or the guest's.
    #[error("{0}")]
    Broken(String),
    /// The name leads only to addresses that are not granted.
    #[error("the name leads to an address that is not granted")]
    Address,
    /// The name leads nowhere.
    #[error("the name cannot be resolved")]
    Unresolved,
    /// Nobody answers.
    #[error("no connection: {0}")]
    Unreachable(String),
}

impl Stop {
    /// The reason that is somewhere below `error`, if there is one.
    pub(super) fn below(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut level = Some(error);
        while let Some(error) = level {
            if let Some(stop) = error.downcast_ref::<Self>() {
                return Some(stop.clone());
            }
            level = error.source();
        }
        None
    }
}

/// `body` within limits.
pub(super) struct Limited<B> {
    body: B,
    limit: u64,
    left: u64,
    until: Pin<Box<Sleep>>,
    /// Given back when the body is gone.
    _turn: Option<OwnedSemaphorePermit>,
}

impl<B> Limited<B> {
    pub(super) fn new(body: B, limit: u64, until: Instant, turn: Option<OwnedSemaphorePermit>) -> Self {
        Self { body, limit, left: limit, until: Box::pin(sleep_until(until)), _turn: turn }
    }
}

impl<B> Body for Limited<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    type Data = Bytes;
    type Error = Stop;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stop>>> {
        let this = &mut *self;
        if this.until.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Stop::TooSlow)));
        }
        Pin::new(&mut this.body).poll_frame(context).map(|frame| {
            Some(match frame? {
                Ok(frame) => {
                    let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
                    match this.left.checked_sub(bytes) {
                        Some(left) => {
                            this.left = left;
                            Ok(frame)
                        }
                        None => Err(Stop::TooLong { limit: this.limit }),
                    }
                }
                Err(error) => Err(Stop::Broken(error.to_string())),
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
