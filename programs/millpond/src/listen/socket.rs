//! The socket itself, TCP or Unix: it tells the streams' registry what its client takes, bounds what waits in the
//! kernel, and sends files without a copy.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use budget::{Budget, limits};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags};
use store::Source;
use stream::Peer;
use stream::wire::{self, More, Outlet};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::queue::Queue;
use super::tcp::Tcp;

/// Where a connection comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remote {
    /// A TCP peer.
    Tcp(IpAddr),
    /// A process on this machine.
    Unix,
}

/// A connected socket.
pub(crate) struct Socket {
    transport: Transport,
    peer: Arc<Peer>,
}

enum Transport {
    Tcp(Tcp, Queue),
    Unix(UnixStream),
}

impl Socket {
    /// A TCP connection. Small answers leave at once, and what waits in the kernel is bounded by the client's rate.
    pub(crate) fn tcp(stream: TcpStream, peer: Arc<Peer>, budget: Budget) -> Self {
        // An improvement that a socket works without; one that is gone already says so at its first read.
        let _ = socket2::SockRef::from(&stream).set_tcp_nodelay(true);
        let (stream, queue) = (Tcp::new(stream), Queue::new(budget));
        bound(&stream, Some(queue.piece_bytes()));
        Socket { transport: Transport::Tcp(stream, queue), peer }
    }

    /// A connection to a Unix socket, whose buffer is small.
    pub(crate) fn unix(stream: UnixStream, peer: Arc<Peer>) -> Self {
        Socket { transport: Transport::Unix(stream), peer }
    }

    /// Nothing is sent for a while: what may wait in the kernel is the ordinary again, and needs no permit.
    pub(crate) fn rest(&mut self) {
        if let Transport::Tcp(stream, queue) = &mut self.transport {
            bound(stream, queue.rest());
        }
    }

    /// Waits for the first byte without taking it, or for the peer to be gone. Nothing is allocated meanwhile.
    ///
    /// Readiness alone is not enough, since the runtime may report it once for nothing.
    pub(crate) async fn first_byte(&self) -> io::Result<()> {
        match &self.transport {
            Transport::Tcp(stream, _) => {
                let stream = stream.watched_now()?;
                stream.async_io(Interest::READABLE, || peek(stream)).await
            }
            Transport::Unix(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
        }
    }

    /// Notes what came of a write.
    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            self.peer.wrote(count);
        }
        if let Transport::Tcp(stream, queue) = &mut self.transport {
            match written {
                Poll::Ready(Ok(count)) => bound(stream, queue.took(count)),
                Poll::Ready(Err(_)) => {}
                Poll::Pending => bound(stream, queue.full()),
            }
        }
        written
    }

    /// Writes by a call of our own, as soon as the socket has room.
    fn poll_by(
        &mut self,
        context: &mut Context<'_>,
        mut call: impl FnMut(BorrowedFd<'_>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let written = loop {
            let tried = match &mut self.transport {
                Transport::Tcp(stream, _) => {
                    let stream = stream.watched()?;
                    stream
                        .poll_write_ready(context)
                        .map_ok(|()| stream.try_io(Interest::WRITABLE, || call(stream.as_fd())))
                }
                Transport::Unix(stream) => stream
                    .poll_write_ready(context)
                    .map_ok(|()| stream.try_io(Interest::WRITABLE, || call(stream.as_fd()))),
            };
            match tried {
                Poll::Pending => break Poll::Pending,
                // It was not ready after all; now the runtime knows, and wakes us.
                Poll::Ready(Ok(Err(error))) if error.kind() == io::ErrorKind::WouldBlock => {}
                Poll::Ready(Ok(written)) => break Poll::Ready(written),
                Poll::Ready(Err(error)) => break Poll::Ready(Err(error)),
            }
        };
        self.wrote(written)
    }
}

/// Tells the kernel how much may wait in the socket before it says that there is no room.
fn bound(stream: &Tcp, piece_bytes: Option<u32>) {
    #[cfg(target_os = "linux")]
    if let (Some(piece_bytes), Some(socket)) = (piece_bytes, stream.descriptor()) {
        let unsent_bytes = piece_bytes / limits::SOCKET_UNSENT_PARTS;
        // A socket that is gone already says so at its next write.
        let _ = socket2::SockRef::from(&socket).set_tcp_notsent_lowat(unsent_bytes);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (stream, piece_bytes);
}

fn peek(socket: impl AsFd) -> io::Result<()> {
    let mut byte = [0];
    let (count, _) = rustix::net::recv(socket, &mut byte, RecvFlags::PEEK)?;
    if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

impl Outlet for Socket {
    /// The kernel waits for the file's first bytes, if they follow, so that they share a packet with the head.
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        head: &[IoSlice<'_>],
        more: More,
    ) -> Poll<io::Result<usize>> {
        let flags = match more {
            More::Now => SendFlags::MORE | SendFlags::NOSIGNAL,
            More::Later => SendFlags::NOSIGNAL,
        };
        self.poll_by(context, |socket| {
            Ok(rustix::net::sendmsg(socket, head, &mut SendAncillaryBuffer::default(), flags)?)
        })
    }

    fn poll_file(
        &mut self,
        context: &mut Context<'_>,
        source: &Source,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        let count = count.min(self.piece_bytes());
        self.poll_by(context, |socket| wire::sendfile(socket, source, offset, count))
    }

    /// A call that hands over much more than may wait would make the bound a wish; one that hands over less is made too
    /// often.
    fn piece_bytes(&self) -> usize {
        match &self.transport {
            Transport::Tcp(_, queue) => queue.piece_bytes() as usize,
            Transport::Unix(_) => usize::MAX,
        }
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream, _) => stream.watched()?.poll_write_ready(context),
            Transport::Unix(stream) => stream.poll_write_ready(context),
        }
    }

    fn poll_copy(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self).poll_write(context, bytes)
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream, _) => stream.poll_read(cx, into),
            Transport::Unix(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.transport {
            Transport::Tcp(stream, _) => Pin::new(stream.watched()?).poll_write(cx, bytes),
            Transport::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        };
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = match &mut self.transport {
            Transport::Tcp(stream, _) => Pin::new(stream.watched()?).poll_write_vectored(cx, slices),
            Transport::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        };
        self.wrote(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream, _) => Pin::new(stream.watched()?).poll_shutdown(cx),
            Transport::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
