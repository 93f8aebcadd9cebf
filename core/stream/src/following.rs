//! The body of something that is still being made: it ends when that is whole, and breaks off when it never will be.
//!
//! How long it will be is not known, so there is no length, no range and no validator; whoever wants those asks again when
//! it is whole. Waiting for the maker is not the client's stall.

use std::future::poll_fn;
use std::ops::Range;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use budget::Chunks;
use budget::limits::STALL_CHECK_MS;
use bytes::Bytes;
use futures_util::Stream;
use store::{Growing, Growth};

use crate::body::Filled;
use crate::error::{Ending, Error};
use crate::metrics::Outcome;
use crate::registry::Ticket;

/// What one reader of growing bytes holds.
struct Following {
    growing: Growing,
    position: u64,
    /// Where it ends, though more may come; without it, where the whole ends.
    end: Option<u64>,
    chunks: Chunks,
    ticket: Ticket,
    is_over: bool,
}

/// The bytes as they come, until all are there, or all of `part`.
pub(crate) fn follow(
    growing: Growing,
    part: Option<Range<u64>>,
    chunks: Chunks,
    ticket: Ticket,
) -> impl Stream<Item = Result<Bytes, Error>> {
    let (position, end) = part.map_or((0, None), |part| (part.start, Some(part.end)));
    let following = Following { growing, position, end, chunks, ticket, is_over: false };
    futures_util::stream::unfold(following, |mut following| async move {
        if following.is_over {
            return None;
        }
        let next = following.next().await;
        following.is_over = !matches!(next, Ok(Some(_)));
        let outcome = if next.is_ok() { Outcome::Complete } else { Outcome::Failed };
        if following.is_over {
            following.ticket.entry.set_outcome(outcome);
        }
        next.transpose().map(|piece| (piece, following))
    })
}

impl Following {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.end.is_some_and(|end| end <= self.position) {
            return Ok(None);
        }
        let reached = match self.more().await? {
            Growth::So(length) => length,
            Growth::Whole(length) if length <= self.position => return Ok(None),
            Growth::Whole(length) => length,
            Growth::Failed => return Err(Error::Unfinished),
        };
        let (growing, position, mut chunk) = (self.growing.clone(), self.position, self.chunks.lend());
        let reached = self.end.map_or(reached, |end| end.min(reached));
        let there = usize::try_from(reached.saturating_sub(position)).unwrap_or(usize::MAX);
        let wanted = there.min(chunk.len());
        let permit = Arc::clone(&self.ticket.permit);
        let read = tokio::task::spawn_blocking(move || {
            let filled = growing.read_at(&mut chunk[..wanted], position)?;
            Ok(Filled::new(chunk, filled, permit))
        });
        let filled = read.await.map_err(std::io::Error::other).and_then(|read| read).map_err(Error::Read)?;
        let bytes = Bytes::from_owner(filled);
        if bytes.is_empty() {
            return Err(Error::Short { missing_bytes: there as u64 });
        }
        self.position += bytes.len() as u64;
        self.ticket.inner.moved(&self.ticket.entry, bytes.len());
        Ok(Some(bytes))
    }

    /// Waits until there is more than was sent, or the end.
    async fn more(&self) -> Result<Growth, Error> {
        loop {
            let wait = Duration::from_millis(STALL_CHECK_MS);
            tokio::select! {
                biased;
                ending = self.ended() => return Err(Error::Ended(ending)),
                growth = self.growing.more_than(self.position) => return Ok(growth),
                () = tokio::time::sleep(wait) => self.ticket.inner.waited(&self.ticket.entry),
            }
        }
    }

    async fn ended(&self) -> Ending {
        let entry = &self.ticket.entry;
        poll_fn(|context| {
            entry.listen(context.waker());
            entry.ending().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}
