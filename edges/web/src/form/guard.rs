//! What keeps a form within its memory.
//!
//! The parser of forms takes whatever is there into its own buffer before it looks at it, and looks for the end of a
//! part's head, or for the first part, as long as bytes come. So it is given one piece at a time, and a form without any
//! progress, or beyond all limits together, ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use budget::limits;
use bytes::Bytes;
use futures_util::Stream;
use http_body::Body as _;

use crate::error::{Code, Error};

/// What is known of a form on its way.
pub(crate) struct Watch {
    bytes_max: u64,
    /// Bytes that the parser was given since it last gave something.
    waiting: AtomicU64,
    total: AtomicU64,
    too_large: AtomicBool,
    stuck: AtomicBool,
}

impl Watch {
    /// A form of so many bytes at most.
    pub(crate) fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Watch {
            bytes_max,
            waiting: AtomicU64::new(0),
            total: AtomicU64::new(0),
            too_large: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
        })
    }

    /// The parser gave something.
    pub(crate) fn progressed(&self) {
        self.waiting.store(0, Ordering::Relaxed);
    }

    /// Why the form was ended here, if it was.
    pub(crate) fn verdict(&self) -> Option<Error> {
        if self.too_large.load(Ordering::Relaxed) {
            return Some(Error::new(
                Code::TooLarge,
                format!("the form is longer than {} bytes", self.bytes_max),
            ));
        }
        let stuck = self.stuck.load(Ordering::Relaxed);
        stuck.then(|| Error::new(Code::Invalid, "a part of the form has no end of its head"))
    }

    /// So many bytes more are for the parser.
    fn came(&self, count: u64) -> io::Result<()> {
        if self.total.fetch_add(count, Ordering::Relaxed) + count > self.bytes_max {
            self.too_large.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the form is too long"));
        }
        if self.waiting.fetch_add(count, Ordering::Relaxed) + count > limits::FORM_HEAD_BYTES_MAX {
            self.stuck.store(true, Ordering::Relaxed);
            return Err(io::Error::other("the form makes no progress"));
        }
        Ok(())
    }
}

/// The body of a form for the parser.
pub(crate) struct Guarded {
    body: Body,
    watch: Arc<Watch>,
    /// The parser has a piece that it has not looked at.
    fed: bool,
}

impl Guarded {
    pub(crate) fn new(body: Body, watch: Arc<Watch>) -> Self {
        Guarded { body, watch, fed: false }
    }
}

impl Stream for Guarded {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let this = &mut *self;
        if std::mem::take(&mut this.fed) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let Some(frame) = ready!(Pin::new(&mut this.body).poll_frame(cx)) else {
                return Poll::Ready(None);
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Poll::Ready(Some(Err(io::Error::other(error)))),
            };
            // Trailers say nothing that is asked for.
            let Ok(piece) = frame.into_data() else { continue };
            this.fed = true;
            return Poll::Ready(Some(this.watch.came(piece.len() as u64).map(|()| piece)));
        }
    }
}
