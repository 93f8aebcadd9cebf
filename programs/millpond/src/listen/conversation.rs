//! What hyper reads from and writes to (behind hyper-util's `TokioIo`): the socket, or TLS over it, with the bytes that
//! were read to tell HTTP/2 from HTTP/1.1 given back first, every read and write noted in the pulse, files sent in place of
//! blanks, and interim answers between what hyper writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use budget::{Budget, Permit, Pool, limits};
use bytes::{Buf as _, Bytes};
use hyper::StatusCode;
use stream::Peer;
use stream::wire::{self, Line, Outlet};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::pulse::Pulse;
use super::target::FirstLine;

/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What was read of a connection before hyper had it: its first bytes, to see what it speaks, or the first ones after a
/// pause.
pub(crate) struct Opening(Bytes);

impl Opening {
    /// Reads until the bytes differ from the preface, or are all of it.
    ///
    /// # Errors
    /// What the transport says; a peer that leaves before its first byte is [`io::ErrorKind::UnexpectedEof`].
    pub(crate) async fn read(transport: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let (mut bytes, mut end) = ([0; PREFACE.len()], 0);
        while PREFACE.starts_with(&bytes[..end]) && end < PREFACE.len() {
            match transport.read(&mut bytes[end..]).await? {
                0 if end == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                // Hyper will see the end itself.
                0 => break,
                count => end += count,
            }
        }
        Ok(Opening(Bytes::copy_from_slice(&bytes[..end])))
    }

    /// Waits for the first bytes after a pause; `None` when the peer has left. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What the transport says.
    pub(crate) async fn next(transport: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Self>> {
        let mut bytes = [0; PREFACE.len()];
        let count = transport.read(&mut bytes).await?;
        Ok((count > 0).then(|| Opening(Bytes::copy_from_slice(&bytes[..count]))))
    }

    /// Bytes that hyper read and did not take.
    pub(crate) fn of(unread: Bytes) -> Self {
        Opening(unread)
    }

    /// Whether this is HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        *self.0 == PREFACE[..]
    }
}

/// The transport as hyper sees it.
pub(crate) struct Conversation<S> {
    transport: S,
    opening: Opening,
    pulse: Arc<Pulse>,
    head: Head,
    rush: Rush,
    line: Option<Arc<Line>>,
    peer: Arc<Peer>,
    /// What is being written of interim answers. Hyper's own bytes follow it.
    interim: Bytes,
    outlives_hyper: bool,
}

/// A head that is being read: its memory, since hyper's buffer grows with it, and where in it the bytes are that come.
struct Head {
    budget: Budget,
    bytes: usize,
    permit: Option<Permit>,
    line: FirstLine,
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

    /// What is read now belongs to no head, or to the next.
    fn ended(&mut self) {
        self.bytes = 0;
        self.permit = None;
        self.line = FirstLine::default();
    }
}

/// How fast a body comes.
struct Rush {
    bytes: usize,
    since: Instant,
}

impl Rush {
    /// More of it came. Whether many bytes came in little time.
    fn came(&mut self, count: usize) -> bool {
        self.bytes += count;
        if self.bytes < limits::RUSH_BYTES {
            return false;
        }
        let now = Instant::now();
        let took = now.saturating_duration_since(self.since);
        *self = Rush { bytes: 0, since: now };
        took <= Duration::from_millis(limits::RUSH_MS)
    }
}

impl<S> Conversation<S> {
    /// Gives back `opening` first. Long heads take their memory from `budget`; blanks in what is written are the files
    /// that `line` sends, and before the answers go the interim ones of `peer`.
    pub(crate) fn new(
        transport: S,
        opening: Opening,
        pulse: Arc<Pulse>,
        budget: Budget,
        line: Option<Arc<Line>>,
        peer: Arc<Peer>,
    ) -> Self {
        let head = Head { budget, bytes: 0, permit: None, line: FirstLine::default() };
        let outlives_hyper = !opening.is_http2();
        let rush = Rush { bytes: 0, since: Instant::now() };
        Conversation {
            transport,
            opening,
            pulse,
            head,
            rush,
            line,
            peer,
            interim: Bytes::new(),
            outlives_hyper,
        }
    }

    /// So many bytes are on their way to hyper.
    ///
    /// # Errors
    /// When there is no memory for a head as long as theirs. The client is told so.
    fn noted(&mut self, count: usize) -> io::Result<()> {
        if !self.pulse.in_head() {
            self.head_ended();
            if self.rush.came(count) {
                self.pulse.rush();
            }
            return Ok(());
        }
        let grown = self.head.grew(count);
        if grown.is_err() {
            self.pulse.owe(StatusCode::SERVICE_UNAVAILABLE);
        }
        grown
    }

    /// No head is being read. The permit of one that was mended stays while something of it waits for hyper.
    fn head_ended(&mut self) {
        if self.opening.0.is_empty() {
            self.head.ended();
        }
    }

    /// Of what came from `start` on, gives hyper the target as it should have been written.
    ///
    /// # Errors
    /// As [`Conversation::noted`].
    fn mend(&mut self, into: &mut ReadBuf<'_>, start: usize) -> io::Result<()> {
        if !self.pulse.in_head() {
            return Ok(());
        }
        let came = into.filled().len() - start;
        let mended = self.head.line.mend(&into.filled()[start..]);
        // What would grow by more stays as it is, and hyper refuses it.
        let is_bounded = |mended: &Vec<u8>| mended.len() - came <= limits::ORDINARY_HEAD_BYTES_MAX;
        let Some(mut mended) = mended.filter(is_bounded) else { return Ok(()) };
        self.noted(mended.len() - came)?;
        into.set_filled(start);
        let rest = mended.split_off(mended.len().min(into.remaining()));
        into.put_slice(&mended);
        if !rest.is_empty() {
            // It is noted once more when it is given.
            self.head.bytes -= rest.len();
            self.opening = Opening([&rest[..], &self.opening.0].concat().into());
        }
        Ok(())
    }

    /// The transport, after hyper is done with it.
    pub(crate) fn into_transport(self) -> S {
        self.transport
    }
}

impl<S: AsyncRead + Unpin> Conversation<S> {
    /// Reads from the transport, and of a head no more than it may have: hyper looks at its limit between reads, and a
    /// buffer that grew has more room than that.
    fn poll_transport(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<usize>> {
        let transport = Pin::new(&mut self.transport);
        let room = limits::HEADER_BYTES_MAX.saturating_sub(self.head.bytes).max(1);
        let before = into.filled().len();
        if self.pulse.in_head() && into.remaining() > room {
            let mut part = ReadBuf::new(into.initialize_unfilled_to(room));
            ready!(transport.poll_read(cx, &mut part))?;
            let count = part.filled().len();
            into.advance(count);
        } else {
            ready!(transport.poll_read(cx, into))?;
        }
        Poll::Ready(Ok(into.filled().len() - before))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Conversation<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let (this, start) = (&mut *self, into.filled().len());
        let opening = &mut this.opening.0;
        if opening.is_empty() {
            let count = ready!(this.poll_transport(cx, into))?;
            if count > 0 {
                this.pulse.read();
            }
            this.noted(count)?;
        } else {
            let count = into.remaining().min(opening.len());
            into.put_slice(&opening.split_to(count));
            this.pulse.read();
            this.noted(count)?;
            // With the rest of the head, if it is there: for a second read hyper makes its buffer twice as large.
            if let Poll::Ready(count) = this.poll_transport(cx, into) {
                this.noted(count?)?;
            }
        }
        Poll::Ready(this.mend(into, start))
    }
}

impl<S: AsyncWrite + Unpin> Conversation<S> {
    /// Writes what is left of an interim answer that was begun.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.interim.is_empty() {
            self.pulse.offering();
            match ready!(Pin::new(&mut self.transport).poll_write(cx, &self.interim))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.interim.advance(count),
            }
            self.pulse.took();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Outlet + Unpin> AsyncWrite for Conversation<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_interim(cx))?;
        let is_file = wire::has_blank(slices);
        if let [head] = slices
            && !is_file
            && this.pulse.takes_over(head)
        {
            return Poll::Ready(Ok(head.len()));
        }
        this.pulse.offering();
        this.head_ended();
        let line = this.line.as_deref().filter(|_| is_file);
        let count = ready!(match line.and_then(|line| line.poll_send(cx, &mut this.transport, slices)) {
            Some(sent) => sent,
            // A blank that goes out as it is would be zeros in place of a file.
            None if is_file => Poll::Ready(Err(io::Error::other("a blank on a connection without a line"))),
            None => Pin::new(&mut this.transport).poll_write_vectored(cx, slices),
        })?;
        this.pulse.took();
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_interim(cx))?;
        // Hyper flushes when it has nothing more to write: the end of the answer before is out.
        while let Some(interim) = this.peer.interim().take(cx) {
            this.interim = interim;
            ready!(this.poll_interim(cx))?;
        }
        ready!(Pin::new(&mut this.transport).poll_flush(cx))?;
        this.pulse.flushed();
        Poll::Ready(Ok(()))
    }

    /// Hyper has sent all. Of HTTP/1 the transport outlives it, for a pause or for the last words.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.outlives_hyper {
            self.poll_flush(cx)
        } else {
            Pin::new(&mut self.transport).poll_shutdown(cx)
        }
    }
}
