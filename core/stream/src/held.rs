//! A body that keeps something until it is gone: a place among those who wait for what it sends, say.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::HeaderMap;
use http::header::{RANGE, USER_AGENT};
use http_body::{Frame, SizeHint};

use crate::body::Body;

/// A body, and what is held for as long as anybody reads it.
pub struct Held<T, B = Body> {
    body: B,
    #[expect(dead_code, reason = "held for its Drop")]
    what: T,
}

impl<T, B> Held<T, B> {
    /// Holds `what` until the body is gone.
    pub fn new(body: B, what: T) -> Held<T, B> {
        Held { body, what }
    }
}

impl<T: Unpin, B: http_body::Body + Unpin> http_body::Body for Held<T, B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether a client would rather wait a little than have bytes whose number is not known: it wants a part of them, or is Safari,
/// which plays hardly anything that has no ranges.
pub fn wants_part(headers: &HeaderMap) -> bool {
    let wants_all = headers.get(RANGE).is_none_or(|range| range.as_bytes() == b"bytes=0-");
    !wants_all || is_safari(headers)
}

/// Whether it is Apple's player, or the browser that has it.
pub fn is_safari(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    agent.contains("AppleCoreMedia") || (agent.contains("Safari/") && !agent.contains("Chrom"))
}
