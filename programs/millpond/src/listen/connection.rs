//! One connection from its accept to its end.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use budget::limits;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use stream::Peer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

use super::conversation::{Conversation, Opening};
use super::exchange::Exchange;
use super::linger::linger;
use super::metrics::Ended;
use super::progress::Progress;
use super::pulse::{Pulse, Verdict};
use super::socket::{Remote, Socket};
use super::{Deadlines, House};

/// What a transport must be able to do.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for T {}

/// Talks until one side is done. What comes after the first byte is allocated after the first byte, so that silent
/// connections cost next to nothing.
pub(crate) async fn run(socket: Socket, remote: Remote, peer: Arc<Peer>, house: Arc<House>) {
    let open = house.metrics.opened();
    let how = tokio::select! {
        biased;
        () = house.stop.cancelled() => Err(Ended::Stopped),
        first = timeout(house.deadlines.first_byte, socket.first_byte()) => match first {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Broken),
            Err(_) => Err(Ended::Silent),
        },
    };
    let how = match how {
        Ok(()) => Box::pin(speak(socket, remote, peer, house)).await,
        Err(how) => how,
    };
    tracing::trace!(?remote, ?how, "a connection ended");
    open.end(how);
}

/// TLS or clear.
async fn speak(socket: Socket, remote: Remote, peer: Arc<Peer>, house: Arc<House>) -> Ended {
    let acceptor = house.tls.clone().filter(|_| remote != Remote::Unix);
    let Some(acceptor) = acceptor else {
        return talk(socket, remote, false, peer, house).await;
    };
    let handshake = tokio::select! {
        biased;
        () = house.stop.cancelled() => return Ended::Stopped,
        handshake = timeout(house.deadlines.head, acceptor.accept(socket)) => handshake,
    };
    match handshake {
        Ok(Ok(transport)) => Box::pin(talk(transport, remote, true, peer, house)).await,
        Ok(Err(_)) | Err(_) => Ended::Handshake,
    }
}

/// HTTP/2 if the connection opens with its preface, else HTTP/1.
async fn talk<S: Transport>(
    mut transport: S,
    remote: Remote,
    tls: bool,
    peer: Arc<Peer>,
    house: Arc<House>,
) -> Ended {
    let opening = tokio::select! {
        biased;
        () = house.stop.cancelled() => return Ended::Stopped,
        opening = timeout(house.deadlines.head, Opening::read(&mut transport)) => opening,
    };
    let opening = match opening {
        Ok(Ok(opening)) => opening,
        Ok(Err(_)) => return Ended::Broken,
        Err(_) => return Ended::SlowHead,
    };
    let http2 = opening.is_http2();
    let pulse = Pulse::new(!http2);
    let exchange = Exchange { house: Arc::clone(&house), peer, pulse: Arc::clone(&pulse), remote, tls };
    let io = TokioIo::new(Conversation::new(transport, opening, pulse, house.budget.clone()));
    if http2 { Box::pin(speak_http2(io, exchange)).await } else { speak_http1(io, exchange).await }
}

async fn speak_http1<S: Transport>(io: TokioIo<Conversation<S>>, exchange: Exchange) -> Ended {
    let mut builder = http1::Builder::new();
    builder
        .half_close(false)
        .max_buf_size(limits::HEADER_BYTES_MAX)
        .max_headers(limits::HEADERS_MAX)
        .header_read_timeout(None);
    let mut connection = builder.serve_connection(io, exchange.clone());
    let how = drive(&exchange, |cx, stopping| {
        if stopping {
            Pin::new(&mut connection).graceful_shutdown();
        }
        connection.poll_without_shutdown(cx)
    })
    .await;
    // A head that could not be parsed was answered by hyper, with the rest of it unread.
    let unread = exchange.pulse.is_unread() || (how == Ended::Broken && exchange.pulse.in_head());
    let deadlines = exchange.house.deadlines;
    if unread && matches!(how, Ended::Properly | Ended::Broken) {
        let transport = connection.into_parts().io.into_inner().into_transport();
        tokio::select! {
            () = linger(transport, deadlines.linger_bytes, deadlines.linger) => {}
            () = exchange.house.end.cancelled() => return Ended::Stopped,
        }
    }
    how
}

async fn speak_http2<S: Transport>(io: TokioIo<Conversation<S>>, exchange: Exchange) -> Ended {
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
    drive(&exchange, |cx, stopping| {
        if stopping {
            connection.as_mut().graceful_shutdown();
        }
        connection.as_mut().poll(cx)
    })
    .await
}

/// Polls hyper until it is done, somebody wants the end, or something is late. `poll` is told once when the server
/// stops.
async fn drive(
    exchange: &Exchange,
    mut poll: impl FnMut(&mut Context<'_>, bool) -> Poll<hyper::Result<()>>,
) -> Ended {
    let house = &exchange.house;
    let mut stop = pin!(house.stop.cancelled());
    let mut end = pin!(house.end.cancelled());
    let mut cut = pin!(exchange.peer.cut_asked());
    let mut clock = pin!(sleep_until(Instant::now() + house.deadlines.head));
    let mut stopping = false;
    poll_fn(|cx| {
        let stops_now = !stopping && stop.as_mut().poll(cx).is_ready();
        stopping |= stops_now;
        if let Poll::Ready(done) = poll(cx, stops_now) {
            return Poll::Ready(if done.is_ok() { Ended::Properly } else { Ended::Broken });
        }
        if cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ended::Cut);
        }
        if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ended::Stopped);
        }
        poll_clock(clock.as_mut(), cx, &exchange.pulse, &house.deadlines)
    })
    .await
}

/// Ready when something is late. The timer is moved only when it would ring too late, or has rung too early: most
/// requests never touch it.
fn poll_clock(
    mut clock: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
    pulse: &Pulse,
    deadlines: &Deadlines,
) -> Poll<Ended> {
    loop {
        match pulse.verdict(deadlines) {
            Verdict::Over(how) => return Poll::Ready(how),
            Verdict::Until(at) => {
                if at < clock.deadline() {
                    clock.as_mut().reset(at);
                }
                ready!(clock.as_mut().poll(cx));
                clock.as_mut().reset(at);
            }
        }
    }
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
