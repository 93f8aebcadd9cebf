//! What stands on both sides of a line in tests: something that does with a body what hyper does, and an outlet that takes
//! what it likes, when it likes.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use http_body::Body as _;
use store::Source;

use crate::wire::{Blanks, Line, More, Outlet};

/// How an outlet behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manner {
    /// At most this much is taken by one call.
    pub(super) takes_max: usize,
    /// One call of so many has no room; 0 is none.
    pub(super) waits_each: u64,
    /// Whether files are refused, so that their bytes must be read.
    pub(super) copies: bool,
}

impl Manner {
    /// Takes all that is offered.
    pub(super) const GREEDY: Manner = Manner { takes_max: usize::MAX, waits_each: 0, copies: false };
}

/// An outlet that keeps what it was given.
pub(super) struct Fake {
    manner: Manner,
    pub(super) out: Vec<u8>,
    /// What each call that was given a file was offered: offset and count.
    pub(super) offered: Vec<(u64, usize)>,
    /// No call has room while it is set, and nobody is woken.
    pub(super) is_full: bool,
    /// How much is worth handing over at once.
    pub(super) piece_bytes: usize,
    /// What the last head was announced with.
    pub(super) announced: Option<More>,
    chance: u64,
}

impl Fake {
    pub(super) fn new(manner: Manner, seed: u64) -> Fake {
        Fake {
            manner,
            out: Vec::new(),
            offered: Vec::new(),
            is_full: false,
            piece_bytes: usize::MAX,
            announced: None,
            chance: seed | 1,
        }
    }

    fn chance(&mut self) -> u64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        self.chance
    }

    /// Whether there is room now. Whoever is told "no" is woken, unless it is full.
    fn poll_any(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_full {
            return Poll::Pending;
        }
        let each = self.manner.waits_each;
        if each > 0 && self.chance().is_multiple_of(each) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// How much of so many bytes is taken: at least one.
    fn taken(&mut self, of: usize) -> usize {
        let most = of.min(self.manner.takes_max);
        if self.manner.takes_max == usize::MAX { most } else { 1 + self.chance() as usize % most }
    }
}

impl Outlet for Fake {
    fn piece_bytes(&self) -> usize {
        self.piece_bytes
    }

    fn poll_head(
        &mut self,
        context: &mut Context<'_>,
        head: &[IoSlice<'_>],
        more: More,
    ) -> Poll<io::Result<usize>> {
        self.announced = Some(more);
        ready!(self.poll_any(context));
        let all: Vec<u8> = head.iter().flat_map(|slice| slice.iter().copied()).collect();
        let taken = self.taken(all.len());
        self.out.extend(&all[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_file(
        &mut self,
        context: &mut Context<'_>,
        source: &Source,
        offset: u64,
        count: usize,
    ) -> Poll<io::Result<usize>> {
        assert!(count > 0, "to be asked for nothing looks like the end");
        if self.manner.copies {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        self.offered.push((offset, count));
        ready!(self.poll_any(context));
        let mut bytes = vec![0; self.taken(count)];
        let filled = source.read_at(&mut bytes, offset)?;
        self.out.extend(&bytes[..filled]);
        Poll::Ready(if filled == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(filled) })
    }

    fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_any(context));
        Poll::Ready(Ok(()))
    }

    fn poll_copy(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(!bytes.is_empty(), "to be given nothing looks like the end");
        ready!(self.poll_any(context));
        let taken = self.taken(bytes.len());
        self.out.extend(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }
}

/// Sends one answer on a line as hyper does: the head and what the body gives go into a queue without being read, the
/// body is let go with its last piece, and the queue is written until it is empty.
pub(super) struct Sending {
    line: Arc<Line>,
    pub(super) body: Option<Blanks>,
    pub(super) queue: VecDeque<Bytes>,
    pub(super) outlet: Fake,
}

impl Sending {
    pub(super) fn new(line: &Arc<Line>, head: &'static [u8], body: Blanks, outlet: Fake) -> Sending {
        let queue = [Bytes::from_static(head)].into_iter().filter(|head| !head.is_empty()).collect();
        Sending { line: Arc::clone(line), body: Some(body), queue, outlet }
    }

    /// To the end of the answer, or to the error that breaks its connection.
    pub(super) async fn finish(&mut self) -> io::Result<()> {
        poll_fn(|context| self.poll(context)).await
    }

    /// As far as it goes without waiting. The bytes that went out.
    pub(super) fn turn(&mut self, context: &mut Context<'_>) -> (usize, Poll<io::Result<()>>) {
        let before = self.outlet.out.len();
        let polled = self.poll(context);
        (self.outlet.out.len() - before, polled)
    }

    /// Until at least so many bytes of the file are out, or as far as it goes without waiting.
    pub(super) fn poll_some(&mut self, context: &mut Context<'_>, bytes: usize) -> io::Result<()> {
        self.poll_body(context)?;
        let until = self.outlet.out.len() + self.queue[0].len() + bytes;
        while self.outlet.out.len() < until && self.poll_write(context)?.is_ready() {}
        Ok(())
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            // The head waits for the first piece, so that they can go out together.
            if self.body.is_some() && self.queue.iter().all(|bytes| bytes.len() < 64) {
                self.poll_body(context)?;
                continue;
            }
            if self.queue.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_write(context))?;
        }
    }

    fn poll_body(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let Some(body) = &mut self.body else { return Ok(()) };
        let before = body.size_hint().exact().unwrap();
        match Pin::new(&mut *body).poll_frame(context) {
            Poll::Ready(Some(frame)) => {
                let piece = frame?.into_data().unwrap();
                assert_eq!(body.size_hint().exact(), Some(before - piece.len() as u64));
                self.queue.push_back(piece);
            }
            Poll::Ready(None) => assert_eq!(before, 0),
            Poll::Pending => panic!("a blank is always there"),
        }
        if body.is_end_stream() {
            self.body = None;
        }
        Ok(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let slices: Vec<_> = self.queue.iter().map(|bytes| IoSlice::new(bytes)).collect();
        let sent = match self.line.poll_send(context, &mut self.outlet, &slices) {
            Some(sent) => sent,
            None => self.outlet.poll_head(context, &slices, More::Later),
        };
        let mut sent = ready!(sent)?;
        assert!(sent > 0, "hyper takes this for a broken connection");
        while sent > 0 {
            let first = self.queue.front_mut().expect("no more was sent than was queued");
            let part = sent.min(first.len());
            first.advance(part);
            sent -= part;
            if first.is_empty() {
                self.queue.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}
