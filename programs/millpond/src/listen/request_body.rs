//! The request's body on its way to a handler: ended when nothing of it comes for too long, and handed back when the
//! handler did not read it to its end.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

/// What is known about a body once its handler has answered.
#[derive(Default)]
pub(crate) struct Rest(Mutex<State>);

#[derive(Default)]
struct State {
    unread: Option<Incoming>,
    stalled: bool,
    touched: bool,
}

impl Rest {
    /// What the handler left, if it left anything.
    pub(crate) fn take(&self) -> Option<Incoming> {
        self.lock().unread.take()
    }

    /// Whether the body ended because nothing came.
    pub(crate) fn is_stalled(&self) -> bool {
        self.lock().stalled
    }

    /// Whether the handler asked for any of it, upon which a client that waits for `100 Continue` was told to send.
    pub(crate) fn is_touched(&self) -> bool {
        self.lock().touched
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body with a deadline between any two of its frames.
pub(crate) struct RequestBody {
    incoming: Option<Incoming>,
    rest: Arc<Rest>,
    stall: Duration,
    /// Armed at the first wait, since most bodies are there at once.
    late: Option<Pin<Box<Sleep>>>,
    touched: bool,
}

impl RequestBody {
    /// The body, and where its rest will be.
    pub(crate) fn new(incoming: Incoming, stall: Duration) -> (Self, Arc<Rest>) {
        let rest = Arc::new(Rest::default());
        let body = RequestBody {
            incoming: Some(incoming),
            rest: Arc::clone(&rest),
            stall,
            late: None,
            touched: false,
        };
        (body, rest)
    }

    /// Whether nothing has come for too long.
    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stall = self.stall;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + stall)));
        late.as_mut().poll(cx)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if !self.touched {
            self.touched = true;
            self.rest.lock().touched = true;
        }
        let Some(incoming) = &mut self.incoming else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.late = None;
                if frame.is_none() {
                    self.incoming = None;
                }
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            }
            Poll::Pending if self.poll_late(cx).is_ready() => {
                self.rest.lock().stalled = true;
                let stalled =
                    io::Error::new(io::ErrorKind::TimedOut, "nothing of the request body came for too long");
                Poll::Ready(Some(Err(stalled)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Some(incoming) = self.incoming.take()
            && !incoming.is_end_stream()
        {
            self.rest.lock().unread = Some(incoming);
        }
    }
}
