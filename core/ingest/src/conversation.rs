//! What hyper reads from and writes to (behind hyper-util's `TokioIo`): the socket, or TLS over it, with the bytes that were read to tell HTTP/2 from
//! HTTP/1.1 given back first, and every read and write noted in the pulse.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use budget::{Budget, Permit, Pool, limits};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::pulse::Pulse;

/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first bytes of a connection, read to see what it speaks.
#[derive(Default)]
pub(crate) struct Opening {
    bytes: [u8; PREFACE.len()],
    start: usize,
    end: usize,
}

impl Opening {
    /// Reads until the bytes differ from the preface, or are all of it.
    ///
    /// # Errors
    /// What the transport says; a peer that leaves before its first byte is [`io::ErrorKind::UnexpectedEof`].
    pub(crate) async fn read(transport: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut opening = Opening::default();
        while opening.may_be_http2() && opening.end < PREFACE.len() {
            match transport.read(&mut opening.bytes[opening.end..]).await? {
                0 if opening.end == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                // Hyper will see the end itself.
                0 => break,
                count => opening.end += count,
            }
        }
        Ok(opening)
    }

    fn may_be_http2(&self) -> bool {
        PREFACE.starts_with(&self.bytes[..self.end])
    }

    /// Whether this is HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.end == PREFACE.len() && self.may_be_http2()
    }
}

/// The transport as hyper sees it.
pub(crate) struct Conversation<S> {
    transport: S,
    opening: Opening,
    pulse: Arc<Pulse>,
    head: Head,
}

/// The memory of a head that is being read: hyper's buffer grows with it.
struct Head {
    budget: Budget,
    bytes: usize,
    permit: Option<Permit>,
}

impl Head {
    /// Bytes of a head were read.
    ///
    /// # Errors
    /// When it is a long one and there is no memory for it: the connection ends.
    fn grew(&mut self, count: usize) -> io::Result<()> {
        self.bytes += count;
        if self.bytes > limits::ORDINARY_HEAD_BYTES_MAX && self.permit.is_none() {
            let permit = self.budget.take(Pool::Connections, limits::LONG_HEAD_BYTES);
            self.permit = Some(permit.map_err(io::Error::other)?);
        }
        Ok(())
    }

    /// What is read now belongs to no head.
    fn ended(&mut self) {
        self.bytes = 0;
        self.permit = None;
    }
}

impl<S> Conversation<S> {
    /// Gives back `opening` first. Long heads take their memory from `budget`.
    pub(crate) fn new(transport: S, opening: Opening, pulse: Arc<Pulse>, budget: Budget) -> Self {
        let head = Head { budget, bytes: 0, permit: None };
        Conversation { transport, opening, pulse, head }
    }

    /// The transport, after hyper is done with it.
    pub(crate) fn into_transport(self) -> S {
        self.transport
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Conversation<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.opening.start < this.opening.end {
            let count = into.remaining().min(this.opening.end - this.opening.start);
            into.put_slice(&this.opening.bytes[this.opening.start..this.opening.start + count]);
            this.opening.start += count;
            return Poll::Ready(Ok(()));
        }
        let before = into.filled().len();
        ready!(Pin::new(&mut this.transport).poll_read(cx, into))?;
        let count = into.filled().len() - before;
        if count > 0 {
            this.pulse.read();
            if this.pulse.in_head() {
                this.head.grew(count)?;
            } else {
                this.head.ended();
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Conversation<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.pulse.offering();
        this.head.ended();
        let count = ready!(Pin::new(&mut this.transport).poll_write(cx, bytes))?;
        this.pulse.took();
        Poll::Ready(Ok(count))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        this.pulse.offering();
        this.head.ended();
        let count = ready!(Pin::new(&mut this.transport).poll_write_vectored(cx, slices))?;
        this.pulse.took();
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(Pin::new(&mut this.transport).poll_flush(cx))?;
        this.pulse.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(cx)
    }
}
