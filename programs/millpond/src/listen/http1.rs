//! One HTTP/1 connection, from its first request, or the next after a pause, to its end or the next pause.

use std::pin::Pin;

use budget::limits;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;

use super::connection::{Quiet, Transport};
use super::conversation::{Conversation, Opening};
use super::drive::{Outcome, drive};
use super::exchange::Exchange;
use super::linger::{farewell, linger};
use super::metrics::Ended;
use super::refuse::give_up;

/// Talks until one side is done, something is late, or nothing has happened for a while between two requests. Hyper
/// then lets go of the connection without a word to the client, and its memory is given back.
pub(crate) async fn speak<S: Transport>(
    io: TokioIo<Conversation<S>>,
    exchange: Exchange,
) -> Result<Quiet<S>, Ended> {
    let mut builder = http1::Builder::new();
    builder
        .half_close(false)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .max_headers(limits::HEADERS_MAX)
        .header_read_timeout(None);
    let mut connection = builder.serve_connection(io, exchange.clone());
    let outcome = drive(&exchange, |cx, finish| {
        if finish {
            Pin::new(&mut connection).graceful_shutdown();
        }
        // Not `poll_without_shutdown`: that is done before the last answer has left hyper's queue.
        Pin::new(&mut connection).poll(cx)
    })
    .await;
    let parts = connection.into_parts();
    let transport = parts.io.into_inner().into_transport();
    match outcome {
        Outcome::Over(how) => Err(finish(transport, how, parts.read_buf, &exchange).await),
        Outcome::Quiet => {
            let mut unread = parts.read_buf;
            // Empty lines before a request mean nothing (RFC 9112, section 2.2).
            while matches!(unread.first(), Some(b'\r' | b'\n')) {
                bytes::Buf::advance(&mut unread, 1);
            }
            // Nothing of the buffer is kept for an empty rest: it would be all of the buffer.
            let opening = (!unread.is_empty()).then(|| Opening::of(unread));
            Ok(Quiet { transport, since: exchange.pulse.idle_since(), opening })
        }
    }
}

/// The last words, and the patience that it takes for them to be heard. `unread` is what hyper read and did not take.
async fn finish<S: Transport>(transport: S, how: Ended, unread: Bytes, exchange: &Exchange) -> Ended {
    let (house, pulse) = (&exchange.house, &exchange.pulse);
    if !matches!(how, Ended::Properly | Ended::Broken) {
        return how;
    }
    if let Some((status, head)) = pulse.owed().map(|status| (status, unread)) {
        Box::pin(give_up(transport, status, head, house)).await;
    } else if pulse.is_unread() || (how == Ended::Broken && pulse.in_head()) {
        tokio::select! {
            () = linger(transport, house.deadlines.linger_bytes, house.deadlines.linger) => {}
            () = house.end.cancelled() => return Ended::Stopped,
        }
    } else if exchange.tls {
        farewell(transport, house.deadlines.linger).await;
    }
    how
}
