//! The ordinary body: read lazily, one chunk at a time, right on every kind of connection.
//!
//! What the page cache holds is read where we stand (`preadv2` with `RWF_NOWAIT`); what a disk must bring is read on a
//! thread that may block. After [`TURN_BYTES`] the next task has its turn, because an always-ready body would keep the
//! worker as long as the socket takes bytes. On HTTP/1 connections the wire takes this body's place ([`crate::wire`]);
//! HTTP/2 and everything that some layer changed keep it.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use budget::limits::{SMALL_BODY_BYTES_MAX, STREAM_BYTES, TURN_BYTES};
use budget::{Chunk, Chunks, Permit, Pool, Refused, Slot};
use bytes::Bytes;
use futures_util::Stream;
use http_body::{Frame, SizeHint};
use store::{Growing, Pieces, Source};
use tokio::task::JoinHandle;

use crate::error::Error;
use crate::following::follow;
use crate::metrics::Outcome;
use crate::passing::pass;
use crate::registry::{Inner, Ticket};
use crate::respond::Listener;
use crate::wire::Offer;

/// The body of an answer. It holds at most one chunk of memory, and knows its length exactly at any time.
///
/// It ends with an error, which breaks the connection, when its source can no longer give the promised bytes or when
/// the registry ended it.
pub struct Body(Kind);

enum Kind {
    Empty,
    Small(Option<Bytes>),
    // Boxed, because most answers of a server are empty or small.
    Reading(Box<Reading>),
    Following(Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>),
}

impl Body {
    /// A body without bytes.
    pub fn empty() -> Body {
        Body(Kind::Empty)
    }

    /// The bytes from `offset` of a source. They come from memory if they are few and in the page cache, else from a
    /// registered stream.
    pub(crate) fn of(
        inner: &Arc<Inner>,
        source: &Source,
        (offset, count): (u64, u64),
        listener: Listener,
    ) -> Result<Body, Refused> {
        if count == 0 {
            return Ok(Body::empty());
        }
        if count <= SMALL_BODY_BYTES_MAX
            && let Some(bytes) = small(inner, source, (offset, count), listener.user)?
        {
            return Ok(Body(Kind::Small(Some(bytes))));
        }
        let ticket = inner.enter(listener)?;
        Ok(Body(Kind::Reading(Box::new(Reading {
            source: source.clone(),
            position: offset,
            left: count,
            turn_left: TURN_BYTES,
            chunks: inner.chunks.clone(),
            blocked: None,
            is_over: false,
            ticket,
        }))))
    }
}

impl Body {
    /// The bytes of something that is being made, all from its start or these, in a registered stream.
    pub(crate) fn following(
        inner: &Arc<Inner>,
        growing: Growing,
        part: Option<Range<u64>>,
        listener: Listener,
    ) -> Result<Body, Refused> {
        let ticket = inner.enter(listener)?;
        Ok(Body(Kind::Following(Box::pin(follow(growing, part, inner.chunks.clone(), ticket)))))
    }

    /// The bytes of somebody else's answer as they come, in a registered stream.
    pub(crate) fn passing(inner: &Arc<Inner>, pieces: Pieces, listener: Listener) -> Result<Body, Refused> {
        let ticket = inner.enter(listener)?;
        Ok(Body(Kind::Following(Box::pin(pass(pieces, ticket)))))
    }

    /// What the wire needs to know to send these bytes, if it may.
    pub(crate) fn offer(&self, window_bytes: u64) -> Option<Offer> {
        let Kind::Reading(reading) = &self.0 else { return None };
        let Reading { source, position, left, ticket, .. } = reading.as_ref();
        Offer::of(ticket, source, (*position, *left), window_bytes)
    }
}

/// Reads a small body at once, if every byte of it is in the page cache. Its memory goes back when it is sent.
///
/// It is in no registry, so a slot of its user's is what keeps one user from holding all memory with answers that he
/// does not take.
fn small(
    inner: &Arc<Inner>,
    source: &Source,
    (offset, count): (u64, u64),
    user: i64,
) -> Result<Option<Bytes>, Refused> {
    let slot = inner.pictures.take(user)?;
    let Ok(wanted) = usize::try_from(count) else { return Ok(None) };
    let permit = Arc::new(inner.budget.take(Pool::Streams, STREAM_BYTES)?);
    let mut chunk = inner.chunks.lend();
    let Some(buffer) = chunk.get_mut(..wanted) else { return Ok(None) };
    let mut filled = 0;
    while filled < wanted {
        match source.read_resident(&mut buffer[filled..], offset + filled as u64) {
            Ok(count) if count > 0 => filled += count,
            _ => return Ok(None),
        }
    }
    if source.check_unchanged().is_err() {
        return Ok(None);
    }
    inner.metrics.small(wanted);
    Ok(Some(Bytes::from_owner(Filled { chunk, filled, permit, slot: Some(slot) })))
}

/// Bytes on their way out, with the permit that they are held under.
pub(crate) struct Filled {
    chunk: Chunk,
    filled: usize,
    #[expect(dead_code, reason = "held for its Drop")]
    permit: Arc<Permit>,
    /// That of a body which is these bytes alone; a registered stream's is in its ticket.
    #[expect(dead_code, reason = "held for its Drop")]
    slot: Option<Slot<i64>>,
}

impl Filled {
    /// So many bytes of a chunk of a registered stream.
    pub(crate) fn new(chunk: Chunk, filled: usize, permit: Arc<Permit>) -> Filled {
        Filled { chunk, filled, permit, slot: None }
    }
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.chunk[..self.filled]
    }
}

/// A body that is being read.
struct Reading {
    source: Source,
    position: u64,
    left: u64,
    /// What may still be sent before the next task has its turn.
    turn_left: usize,
    chunks: Chunks,
    /// A read that waits for a disk. It owns its chunk and a share of the permit until it is done, also when the body
    /// is gone by then.
    blocked: Option<JoinHandle<Fill>>,
    is_over: bool,
    ticket: Ticket,
}

/// What a read brought: the chunk, and how many bytes of it.
type Fill = (Chunk, Arc<Permit>, io::Result<usize>);

impl Reading {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.is_over || self.left == 0 {
            return Poll::Ready(None);
        }
        self.ticket.entry.listen(context.waker());
        if let Some(ending) = self.ticket.entry.ending() {
            return Poll::Ready(Some(Err(self.fail(Error::Ended(ending)))));
        }
        if self.turn_left == 0 {
            self.turn_left = TURN_BYTES;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let (chunk, permit, read) = ready!(self.poll_fill(context));
        Poll::Ready(Some(self.take(chunk, permit, read).map_err(|error| self.fail(error))))
    }

    /// Fills one chunk, without waiting if it can be done.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<Fill> {
        if let Some(blocked) = &mut self.blocked {
            let done = ready!(Pin::new(blocked).poll(context));
            self.blocked = None;
            return Poll::Ready(done.unwrap_or_else(|gone| self.lost(io::Error::other(gone))));
        }
        let mut chunk = self.chunks.lend();
        let permit = Arc::clone(&self.ticket.permit);
        let wanted = self.wanted(chunk.len());
        match self.source.read_resident(&mut chunk[..wanted], self.position) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return Poll::Ready((chunk, permit, read)),
        }
        let (source, position) = (self.source.clone(), self.position);
        let blocked = self.source.run(position, wanted as u64, move || {
            let read = source.read_at(&mut chunk[..wanted], position);
            (chunk, permit, read)
        });
        let blocked = self.blocked.insert(blocked);
        let done = ready!(Pin::new(blocked).poll(context));
        self.blocked = None;
        Poll::Ready(done.unwrap_or_else(|gone| self.lost(io::Error::other(gone))))
    }

    /// The blocking read ended without an answer: the runtime stops.
    fn lost(&self, error: io::Error) -> Fill {
        (self.chunks.lend(), Arc::clone(&self.ticket.permit), Err(error))
    }

    /// How much the next read may bring.
    fn wanted(&self, chunk_bytes: usize) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX).min(chunk_bytes).min(self.turn_left)
    }

    /// Takes what a read brought, after a look at the source: bytes that were read before the look are those of the
    /// source as it was opened, so that not one byte of another state is sent, not even before the body breaks off.
    fn take(&mut self, chunk: Chunk, permit: Arc<Permit>, read: io::Result<usize>) -> Result<Bytes, Error> {
        let filled = read.map_err(|error| match self.source.check_unchanged() {
            Err(changed) => Error::Changed(changed),
            Ok(()) => Error::Read(error),
        })?;
        if filled == 0 {
            return Err(Error::Short { missing_bytes: self.left });
        }
        self.source.check_unchanged().map_err(Error::Changed)?;
        let left = self.left.saturating_sub(filled as u64);
        self.left = left;
        self.position += filled as u64;
        self.turn_left -= filled;
        self.ticket.inner.moved(&self.ticket.entry, filled);
        if left == 0 {
            self.ticket.entry.set_outcome(Outcome::Complete);
        }
        Ok(Bytes::from_owner(Filled::new(chunk, filled, permit)))
    }

    fn fail(&mut self, error: Error) -> Error {
        self.is_over = true;
        self.ticket.entry.set_outcome(Outcome::Failed);
        if !matches!(error, Error::Ended(_)) {
            tracing::warn!(source = self.source.name(), left_bytes = self.left, %error, "a stream broke off");
        }
        error
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Small(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Kind::Following(pieces) => {
                let next = ready!(pieces.as_mut().poll_next(context));
                Poll::Ready(next.map(|piece| piece.map(Frame::data).map_err(io::Error::from)))
            }
            Kind::Reading(reading) => {
                let next = ready!(reading.poll_next(context));
                Poll::Ready(next.map(|piece| piece.map(Frame::data).map_err(io::Error::from)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Small(bytes) => bytes.is_none(),
            Kind::Reading(reading) => reading.is_over || reading.left == 0,
            Kind::Following(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match &self.0 {
            Kind::Empty => 0,
            Kind::Small(bytes) => bytes.as_ref().map_or(0, |bytes| bytes.len() as u64),
            Kind::Reading(reading) => reading.left,
            Kind::Following(_) => return SizeHint::default(),
        })
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("left_bytes", &http_body::Body::size_hint(self).lower()).finish()
    }
}

#[cfg(test)]
mod tests;
