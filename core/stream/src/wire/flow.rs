//! One answer on its way out of one connection: the body of blanks that hyper sees, and what is sent in its place.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use budget::limits::{SEGMENT_BYTES_MIN, WINDOW_FRESH_MS, WINDOW_PIECES_MAX};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use store::Source;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::offer::Offer;
use super::{More, Outlet, blank};
use crate::error::Error;
use crate::metrics::{How, Outcome};

/// What a connection is sending from a file, if it is. The body of blanks puts it there, the connection takes it.
///
/// Hyper does not begin the next answer before the queue of the last is sent, so that one place is enough.
#[derive(Default)]
pub struct Line(Mutex<Option<Box<Flow>>>);

/// What is kept until the answer is sent: the ordinary body, for the guards that it and its layers hold.
type Held = Box<dyn Send>;

struct Flow {
    offer: Offer,
    /// The offset of the next byte that the connection takes.
    position: u64,
    end: u64,
    /// Up to here the file was looked at, found unchanged and in the page cache…
    checked_until: u64,
    /// …at this time.
    checked: Instant,
    /// The client made us wait since, so that the file may have changed; its pages are not gone so soon.
    has_waited: bool,
    /// Up to here a disk, or a file system that cannot say what it holds, was asked to bring it.
    brought_until: u64,
    /// A window that a disk must bring, and where it ends.
    fetch: Option<(u64, JoinHandle<io::Result<()>>)>,
    /// What may still be sent before others have their turn.
    turn_left: u64,
    how: How,
    #[expect(dead_code, reason = "held for its Drop")]
    held: Held,
}

/// A body whose bytes are blanks.
pub struct Blanks {
    line: Arc<Line>,
    /// What goes to the line when the first blank is given.
    flow: Option<Box<Flow>>,
    offer: Offer,
    given: u64,
}

impl Blanks {
    /// The body for an offer, on the connection that this line belongs to. `ordinary` is the body that it replaces.
    pub fn new(offer: Offer, line: Arc<Line>, ordinary: impl Send + 'static) -> Blanks {
        offer.entry.goes_by_wire();
        let flow = Flow {
            position: offer.offset,
            end: offer.offset.saturating_add(offer.count),
            checked_until: offer.offset,
            checked: Instant::now(),
            has_waited: false,
            brought_until: offer.offset,
            fetch: None,
            turn_left: offer.turn_bytes(),
            how: How::Sendfile,
            held: Box::new(ordinary),
            offer: offer.clone(),
        };
        Blanks { line, flow: Some(Box::new(flow)), offer, given: 0 }
    }
}

impl Body for Blanks {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        this.offer.entry.listen(context.waker());
        if let Some(ending) = this.offer.entry.ending() {
            return Poll::Ready(Some(Err(Error::Ended(ending).into())));
        }
        if let Some(flow) = this.flow.take()
            && !this.line.begin(flow)
        {
            return Poll::Ready(Some(Err(io::Error::other("an answer began before the last one was sent"))));
        }
        let left = this.offer.count - this.given;
        if left == 0 {
            return Poll::Ready(None);
        }
        let piece = blank::blank(this.offer.offset + this.given, left.min(this.offer.window_bytes));
        this.given += piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.given == self.offer.count
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.offer.count - self.given)
    }
}

impl std::fmt::Debug for Blanks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blanks")
            .field("offer", &self.offer)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Line {
    /// The line of a new connection.
    pub fn new() -> Arc<Line> {
        Arc::default()
    }

    /// False if another answer is still on its way.
    fn begin(&self, flow: Box<Flow>) -> bool {
        let mut place = self.lock();
        let is_free = place.is_none();
        if is_free {
            *place = Some(flow);
        }
        is_free
    }

    /// Sends what is queued up to the end of the first blank: the bytes before it, and the file's in its place. `None`
    /// when there is no blank, and the slices are what they seem.
    ///
    /// # Errors
    /// Those of the outlet and of the file, each of which must end the connection: its client has been told a length.
    pub fn poll_send<O: Outlet>(
        &self,
        context: &mut Context<'_>,
        outlet: &mut O,
        slices: &[IoSlice<'_>],
    ) -> Option<Poll<io::Result<usize>>> {
        let found = slices.iter().enumerate().find_map(|(at, slice)| Some((at, blank::place_of(slice)?)));
        let (at, place) = found?;
        let (head, count) = (&slices[..at], slices[at].len() as u64);
        let mut line = self.lock();
        let Some(flow) = line.as_mut().filter(|flow| flow.is_next(place, count)) else {
            return Some(Poll::Ready(Err(io::Error::other(
                "a blank that stands for no byte of this answer",
            ))));
        };
        let sent = flow.poll_send(context, outlet, head, count);
        if flow.position == flow.end {
            flow.offer.entry.set_outcome(Outcome::Complete);
            // Its descriptor, its slot and its memory go back now, not when the next request comes.
            let done = line.take();
            drop(line);
            drop(done);
        }
        Some(sent)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Flow>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Line")
    }
}

impl Flow {
    /// Whether a blank at this place stands for the next bytes of this answer.
    fn is_next(&self, place: usize, count: u64) -> bool {
        place == blank::place(self.position) && count <= self.end - self.position
    }

    fn poll_send<O: Outlet>(
        &mut self,
        context: &mut Context<'_>,
        outlet: &mut O,
        head: &[IoSlice<'_>],
        count: u64,
    ) -> Poll<io::Result<usize>> {
        if let Some(ending) = self.offer.entry.ending() {
            return Poll::Ready(Err(self.fail(Error::Ended(ending))));
        }
        if self.turn_left == 0 {
            self.turn_left = self.window_bytes();
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let is_there = match self.poll_window(context, outlet.piece_bytes()) {
            Poll::Ready(Err(error)) => return Poll::Ready(Err(self.fail(error))),
            Poll::Ready(Ok(())) => true,
            Poll::Pending => false,
        };
        let mut sent = 0;
        if !head.is_empty() {
            let taken = outlet.poll_head(context, head, if is_there { More::Now } else { More::Later });
            self.has_waited |= taken.is_pending();
            sent = ready!(taken)?;
            if sent < head.iter().map(|slice| slice.len()).sum() {
                return Poll::Ready(Ok(sent));
            }
        }
        let file = if is_there { self.poll_file(context, outlet, count) } else { Poll::Pending };
        match file {
            Poll::Ready(file) => Poll::Ready(file.map(|count| sent + count)),
            // The task is woken for the rest all the same.
            Poll::Pending if sent > 0 => Poll::Ready(Ok(sent)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_file<O: Outlet>(
        &mut self,
        context: &mut Context<'_>,
        outlet: &mut O,
        count: u64,
    ) -> Poll<io::Result<usize>> {
        let count = count.min(self.checked_until - self.position).min(self.turn_left);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let sent = match self.how {
            How::Sendfile => outlet.poll_file(context, &self.offer.source, self.position, count),
            How::Copy => self.poll_copy(context, outlet, count),
        };
        let sent = match sent {
            Poll::Ready(Ok(sent)) => sent,
            Poll::Ready(Err(error))
                if error.kind() == io::ErrorKind::Unsupported && self.how == How::Sendfile =>
            {
                self.how = How::Copy;
                return self.poll_file(context, outlet, count as u64);
            }
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                let missing_bytes = self.end - self.position;
                return Poll::Ready(Err(self.fail(Error::Short { missing_bytes })));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => {
                // Others have their turn while the client makes room.
                self.turn_left = self.window_bytes();
                self.has_waited = true;
                return Poll::Pending;
            }
        };
        self.position += sent as u64;
        self.turn_left -= sent as u64;
        self.offer.inner.moved(&self.offer.entry, sent);
        self.offer.inner.metrics.wire(self.how, sent);
        Poll::Ready(Ok(sent))
    }

    /// Reads into a buffer that is lent for this moment alone: what the connection does not take is read again, so that
    /// no client holds one.
    fn poll_copy<O: Outlet>(
        &mut self,
        context: &mut Context<'_>,
        outlet: &mut O,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        ready!(outlet.poll_room(context))?;
        let mut chunk = self.offer.inner.scratch.lend();
        let wanted = count.min(chunk.len()).min(outlet.piece_bytes());
        let mut read = self.source().read_resident(&mut chunk[..wanted], self.position);
        let was_brought = self.position < self.brought_until && self.source().is_checked(self.position, 1);
        if would_block(&read) && was_brought {
            // Some file systems cannot say what is in the page cache. It was brought there for us to take.
            read = self.source().read_at(&mut chunk[..wanted], self.position);
        }
        match read {
            Ok(filled) => outlet.poll_copy(context, &chunk[..filled]),
            // It was there a moment ago: the next look at the window brings it back.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.checked_until = self.position;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(self.fail(self.read_error(error)))),
        }
    }

    /// Ready when the next bytes are in the page cache and the file is what it was.
    ///
    /// This is asked when the socket may have room, and not when the window was queued: a slow client takes many seconds
    /// for a window, in which pages can go, so that the look at them holds for [`WINDOW_FRESH_MS`] only. The file itself
    /// is looked at whenever the client made us wait: what changed since is not sent, also of the last window.
    ///
    /// A client that takes small pieces gets a small window: of more, the look would be stale before it is sent, and the
    /// pages of many such clients together would drive each other out.
    fn poll_window(&mut self, context: &mut Context<'_>, piece_bytes: usize) -> Poll<Result<(), Error>> {
        if let Some((until, fetch)) = &mut self.fetch {
            let (until, fetched) = (*until, ready!(Pin::new(fetch).poll(context)));
            self.fetch = None;
            fetched
                .unwrap_or_else(|gone| Err(io::Error::other(gone)))
                .map_err(|error| self.read_error(error))?;
            self.source().check_unchanged().map_err(Error::Changed)?;
            (self.checked_until, self.checked) = (until, Instant::now());
            self.brought_until = until;
            return Poll::Ready(Ok(()));
        }
        let is_fresh = || self.checked.elapsed() < Duration::from_millis(WINDOW_FRESH_MS);
        let has_waited = std::mem::replace(&mut self.has_waited, false);
        if self.position < self.checked_until && is_fresh() {
            if has_waited {
                self.source().check_unchanged().map_err(Error::Changed)?;
            }
            return Poll::Ready(Ok(()));
        }
        self.source().check_unchanged().map_err(Error::Changed)?;
        let ahead_bytes = (piece_bytes as u64).saturating_mul(WINDOW_PIECES_MAX).max(SEGMENT_BYTES_MIN);
        let count = self.window_bytes().min(ahead_bytes).min(self.end - self.position);
        let until = self.position + count;
        if self.source().is_resident(self.position, count) {
            (self.checked_until, self.checked) = (until, Instant::now());
            self.brought_until = self.position;
            return Poll::Ready(Ok(()));
        }
        self.offer.inner.metrics.miss();
        let (source, chunks, position) =
            (self.source().clone(), self.offer.inner.chunks.clone(), self.position);
        // The buffer stays the stream's also when the stream is gone before the disk is done.
        let permit = Arc::clone(&self.offer.permit);
        let fetch = tokio::task::spawn_blocking(move || {
            let brought = bring(&source, &mut chunks.lend(), position, until);
            drop(permit);
            brought
        });
        self.fetch = Some((until, fetch));
        // It is polled once more, to be woken by it.
        self.poll_window(context, piece_bytes)
    }

    fn source(&self) -> &Source {
        &self.offer.source
    }

    fn window_bytes(&self) -> u64 {
        self.offer.turn_bytes()
    }

    fn read_error(&self, error: io::Error) -> Error {
        match self.source().check_unchanged() {
            Err(changed) => Error::Changed(changed),
            Ok(()) => Error::Read(error),
        }
    }

    fn fail(&self, error: Error) -> io::Error {
        self.offer.entry.set_outcome(Outcome::Failed);
        if !matches!(error, Error::Ended(_)) {
            let left_bytes = self.end - self.position;
            tracing::warn!(source = self.source().name(), left_bytes, %error, "a stream broke off");
        }
        error.into()
    }
}

fn would_block(read: &io::Result<usize>) -> bool {
    matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Reads what will be sent, so that it is in the page cache; the bytes themselves are of no interest here.
fn bring(source: &Source, scratch: &mut [u8], mut position: u64, until: u64) -> io::Result<()> {
    source.will_need(position, until - position);
    while position < until {
        let wanted = usize::try_from(until - position).unwrap_or(usize::MAX).min(scratch.len());
        match source.read_at(&mut scratch[..wanted], position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => position += count as u64,
        }
    }
    Ok(())
}
