//! The body of somebody else's answer: bytes that come from another server and go on at the client's pace.
//!
//! Nothing is read ahead, so that one piece is all that is held. Waiting for the other server is not the client's stall.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use budget::limits::STALL_CHECK_MS;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use store::Pieces;

use crate::error::{Ending, Error};
use crate::metrics::Outcome;
use crate::registry::Ticket;

/// An answer of another server, in the extensions of a response: nobody adds to its fields or changes its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Foreign;

/// What one such body holds.
struct Passing {
    pieces: Pieces,
    ticket: Ticket,
    is_over: bool,
}

/// The bytes as they come.
pub(crate) fn pass(pieces: Pieces, ticket: Ticket) -> impl Stream<Item = Result<Bytes, Error>> {
    let passing = Passing { pieces, ticket, is_over: false };
    futures_util::stream::unfold(passing, |mut passing| async move {
        if passing.is_over {
            return None;
        }
        let next = passing.next().await;
        passing.is_over = !matches!(next, Ok(Some(_)));
        let outcome = if next.is_ok() { Outcome::Complete } else { Outcome::Failed };
        if passing.is_over {
            passing.ticket.entry.set_outcome(outcome);
        }
        next.transpose().map(|piece| (piece, passing))
    })
}

impl Passing {
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Passing { pieces, ticket, .. } = self;
        loop {
            let wait = Duration::from_millis(STALL_CHECK_MS);
            tokio::select! {
                biased;
                ending = ended(ticket) => return Err(Error::Ended(ending)),
                piece = pieces.next() => {
                    let piece = piece.transpose().map_err(Error::Read)?;
                    ticket.inner.moved(&ticket.entry, piece.as_ref().map_or(0, Bytes::len));
                    return Ok(piece);
                }
                () = tokio::time::sleep(wait) => ticket.inner.waited(&ticket.entry),
            }
        }
    }
}

async fn ended(ticket: &Ticket) -> Ending {
    poll_fn(|context| {
        ticket.entry.listen(context.waker());
        ticket.entry.ending().map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
