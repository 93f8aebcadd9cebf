//! What a feed is read through: no piece of it may be longer than is held at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use budget::limits::PODCAST_PIECE_BYTES_MAX;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// Counts what was taken since a piece began, and fails where that is too much.
pub(super) struct Intake<R> {
    input: R,
    left: usize,
}

impl<R> Intake<R> {
    pub(super) fn new(input: R) -> Self {
        Intake { input, left: PODCAST_PIECE_BYTES_MAX }
    }

    /// A new piece begins.
    pub(super) fn allow_piece(&mut self) {
        self.left = PODCAST_PIECE_BYTES_MAX;
    }
}

impl<R: AsyncBufRead + Unpin> AsyncBufRead for Intake<R> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let Intake { input, left } = self.get_mut();
        let bytes = ready!(Pin::new(input).poll_fill_buf(cx))?;
        if *left == 0 && !bytes.is_empty() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::FileTooLarge, "a text of it is too long")));
        }
        Poll::Ready(Ok(&bytes[..bytes.len().min(*left)]))
    }

    fn consume(self: Pin<&mut Self>, count: usize) {
        let Intake { input, left } = self.get_mut();
        *left = left.saturating_sub(count);
        Pin::new(input).consume(count);
    }
}

impl<R: AsyncBufRead + Unpin> AsyncRead for Intake<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let bytes = ready!(self.as_mut().poll_fill_buf(cx))?;
        let count = bytes.len().min(into.remaining());
        into.put_slice(&bytes[..count]);
        self.consume(count);
        Poll::Ready(Ok(()))
    }
}
