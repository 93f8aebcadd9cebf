//! One HTTP/2 connection.

use std::pin::pin;
use std::sync::Arc;

use budget::limits;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioIo, TokioTimer};
use stream::Peer;

use super::House;
use super::connection::Transport;
use super::conversation::Conversation;
use super::drive::{Outcome, drive};
use super::exchange::Exchange;
use super::progress::Progress;

/// Talks until one side is done, or something is late.
pub(crate) async fn speak<S: Transport>(io: TokioIo<Conversation<S>>, exchange: Exchange) -> Outcome {
    let streams = Streams { house: Arc::clone(&exchange.house), peer: Arc::clone(&exchange.peer) };
    let mut builder = http2::Builder::new(streams);
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP2_STREAMS_MAX)
        .max_send_buf_size(limits::HTTP2_SEND_BYTES_MAX)
        .max_header_list_size(u32::try_from(limits::HEADER_BYTES_MAX).unwrap_or(u32::MAX))
        .initial_stream_window_size(limits::HTTP2_RECEIVE_BYTES_MAX)
        .initial_connection_window_size(limits::HTTP2_RECEIVE_BYTES_MAX)
        .max_pending_accept_reset_streams(limits::HTTP2_RESETS_PENDING_MAX)
        .max_local_error_reset_streams(limits::HTTP2_RESETS_PENDING_MAX);
    let mut connection = pin!(builder.serve_connection(io, exchange.clone()));
    drive(&exchange, |cx, finish| {
        if finish {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    })
    .await
}

/// Where the streams of an HTTP/2 connection run: as tasks that the house waits for.
#[derive(Clone)]
struct Streams {
    house: Arc<House>,
    peer: Arc<Peer>,
}

impl<F: Future + Send + 'static> hyper::rt::Executor<F> for Streams
where
    F::Output: Send,
{
    fn execute(&self, stream: F) {
        let house = Arc::clone(&self.house);
        let peer = Peer::stream_of(&self.peer);
        self.house.tasks.spawn(async move {
            tokio::select! {
                _ = Progress::watch(stream, house.deadlines.write_stall, peer) => {}
                () = house.end.cancelled() => {}
            }
        });
    }
}
