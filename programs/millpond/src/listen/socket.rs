//! The socket itself, TCP or Unix, which tells the streams' registry what its client takes.

use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use budget::limits;
use rustix::net::RecvFlags;
use stream::Peer;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

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
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// A TCP connection. Small answers leave at once, and the kernel holds little that is not yet sent: without a
    /// bound it holds megabytes for each slow client, which nobody has counted.
    pub(crate) fn tcp(stream: TcpStream, peer: Arc<Peer>) -> Self {
        let options = socket2::SockRef::from(&stream);
        // Both are improvements that a socket works without; one that is gone already says so at its first read.
        let _ = options.set_tcp_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = options.set_tcp_notsent_lowat(limits::SOCKET_UNSENT_BYTES);
        Socket { transport: Transport::Tcp(stream), peer }
    }

    /// A connection to a Unix socket.
    pub(crate) fn unix(stream: UnixStream, peer: Arc<Peer>) -> Self {
        Socket { transport: Transport::Unix(stream), peer }
    }

    /// Waits for the first byte without taking it, or for the peer to be gone. Nothing is allocated meanwhile.
    ///
    /// Readiness alone is not enough, since the runtime may report it once for nothing.
    pub(crate) async fn first_byte(&self) -> io::Result<()> {
        match &self.transport {
            Transport::Tcp(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
            Transport::Unix(stream) => stream.async_io(Interest::READABLE, || peek(stream)).await,
        }
    }

    fn wrote(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(count)) = written {
            self.peer.wrote(count);
        }
        written
    }
}

fn peek(socket: impl AsFd) -> io::Result<()> {
    let mut byte = [0];
    let (count, _) = rustix::net::recv(socket, &mut byte, RecvFlags::PEEK)?;
    if count == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_read(cx, into),
            Transport::Unix(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
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
            Transport::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
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
            Transport::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
