//! The zero-copy wire: file bytes go from the page cache to the socket without passing through our memory.
//!
//! **How.** Hyper is given *blanks* in place of bytes: slices of the right length that nobody reads, whose address says
//! which bytes of the file they stand for ([`blank`]). It frames, queues and counts them as it would bytes. The
//! connection recognises a blank when it comes back to be written, and sends the file instead ([`Flow`]).
//!
//! **The late swap.** An answer leaves its handler with an ordinary body that is right by itself, and an [`Offer`] that
//! says which slice of which file it is. Only the last layer before hyper, which knows the connection, puts blanks in its
//! place, and only when nobody on the way changed what the answer is: see [`Offer::fits`]. The ordinary body stays alive
//! beside them, unread, because its guards and its layers' guards stand for the answer until its last byte is sent.
//!
//! **What keeps it right.** A short write is harmless, since the next address is the next offset; that address is
//! compared with the count of what was sent, so that a blank of another answer breaks the connection instead of sending
//! wrong bytes. A file is looked at before every window, and sent only when the window is in the page cache, because
//! `sendfile` would block the thread of many others. In builds with debug assertions blanks are unreadable: whoever
//! reads one dies at once. At start a real answer goes through a socket pair, and the wire stays off if a byte differs.
//!
//! **Not here.** Sockets: a connection implements [`Outlet`].

mod blank;
mod flow;
mod offer;
mod switch;

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::task::{Context, Poll};

use rustix::io::Errno;
use store::Source;

pub use flow::{Blanks, Line};
pub use offer::Offer;
pub use switch::{Off, Share, Wire};

/// When the next bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// With the next call.
    Now,
    /// When a disk has brought them.
    Later,
}

/// A connection that takes the bytes of files.
pub trait Outlet {
    /// Sends the bytes before a file's first, which may share a packet with them if they follow at once.
    ///
    /// # Errors
    /// What the transport says.
    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        head: &[IoSlice<'_>],
        more: More,
    ) -> Poll<io::Result<usize>>;

    /// Sends at most `count` bytes of the source from `offset`, all of which are in the page cache, without a copy.
    ///
    /// # Errors
    /// What the transport or the file says: [`io::ErrorKind::UnexpectedEof`] when the file is shorter, and
    /// [`io::ErrorKind::Unsupported`] when this connection or this file needs a copy.
    fn poll_file(
        &mut self,
        context: &mut Context<'_>,
        source: &Source,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>>;

    /// How much is worth handing over at once to the client of this connection.
    fn piece_bytes(&self) -> usize;

    /// Ready when the connection holds nothing of its own and would take bytes, so that to read some makes sense.
    ///
    /// # Errors
    /// What the transport says.
    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sends bytes that were read.
    ///
    /// # Errors
    /// What the transport says.
    fn poll_copy(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
}

/// Whether any of these is a blank, which must not be read.
pub fn has_blank(slices: &[IoSlice<'_>]) -> bool {
    slices.iter().any(|slice| blank::place_of(slice).is_some())
}

/// One `sendfile(2)`, again if a signal came between.
///
/// # Errors
/// [`io::ErrorKind::WouldBlock`] when the socket is full, [`io::ErrorKind::UnexpectedEof`] when the file is shorter than
/// `offset`, [`io::ErrorKind::Unsupported`] when this kind of file cannot be sent so.
pub fn sendfile(socket: impl AsFd, source: &Source, offset: u64, count: usize) -> io::Result<usize> {
    let Some(file) = source.file() else { return Err(io::ErrorKind::Unsupported.into()) };
    loop {
        let mut at = offset;
        return match rustix::fs::sendfile(&socket, file, Some(&mut at), count) {
            Ok(0) if count > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(sent) => Ok(sent),
            Err(Errno::INTR) => continue,
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Err(io::ErrorKind::Unsupported.into()),
            Err(error) => Err(error.into()),
        };
    }
}

#[cfg(test)]
mod tests;
