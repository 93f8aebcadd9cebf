//! A TCP socket, which the runtime watches except while a body rushes in on a disk thread.
//!
//! Each packet that comes for a watched socket wakes the thread that watches, only to learn that somebody is reading
//! already. So a socket that is read on a disk thread is watched by that thread alone.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use budget::limits::RUSH_PATIENCE_MS;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use store::Io;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// A connected socket that does not block.
pub(crate) enum Tcp {
    /// The runtime wakes whoever waits for it.
    Watched(TcpStream),
    /// Nobody does.
    Alone(std::net::TcpStream),
    /// The system would not have it changed from one to the other.
    Gone,
}

impl Tcp {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Tcp::Watched(stream)
    }

    /// The socket if it is watched.
    ///
    /// # Errors
    /// `NotConnected` when it is not.
    pub(crate) fn watched_now(&self) -> io::Result<&TcpStream> {
        match self {
            Tcp::Watched(stream) => Ok(stream),
            Tcp::Alone(_) | Tcp::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Has the runtime watch it.
    ///
    /// # Errors
    /// What the system says; the connection is closed then.
    pub(crate) fn watched(&mut self) -> io::Result<&mut TcpStream> {
        if let Tcp::Alone(_) = self
            && let Tcp::Alone(stream) = std::mem::replace(self, Tcp::Gone)
        {
            *self = Tcp::Watched(TcpStream::from_std(stream)?);
        }
        match self {
            Tcp::Watched(stream) => Ok(stream),
            Tcp::Alone(_) | Tcp::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The descriptor, whoever watches it.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Tcp::Watched(stream) => Some(stream.as_fd()),
            Tcp::Alone(stream) => Some(stream.as_fd()),
            Tcp::Gone => None,
        }
    }

    fn alone(&mut self) -> io::Result<&std::net::TcpStream> {
        if let Tcp::Watched(_) = self
            && let Tcp::Watched(stream) = std::mem::replace(self, Tcp::Gone)
        {
            *self = Tcp::Alone(stream.into_std()?);
        }
        match self {
            Tcp::Alone(stream) => Ok(stream),
            Tcp::Watched(_) | Tcp::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// As [`AsyncRead`] has it; on a disk thread that carries the caller it may block for a moment.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if Io::is_here() && read_here(self.alone()?, into)? {
            return Poll::Ready(Ok(()));
        }
        Pin::new(self.watched()?).poll_read(cx, into)
    }
}

/// Reads what is there or comes within a moment. False when nothing did.
fn read_here(stream: &std::net::TcpStream, into: &mut ReadBuf<'_>) -> io::Result<bool> {
    let patience = Timespec { tv_sec: 0, tv_nsec: RUSH_PATIENCE_MS * 1_000_000 };
    loop {
        match recv(stream, into.initialize_unfilled(), RecvFlags::empty()) {
            Ok((count, _)) => {
                into.advance(count);
                return Ok(true);
            }
            Err(Errno::INTR) => {}
            Err(Errno::WOULDBLOCK) => {
                let mut one = [PollFd::new(stream, PollFlags::IN)];
                if Io::wait_here(|| poll(&mut one, Some(&patience))) == Ok(0) {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}
