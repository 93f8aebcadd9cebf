//! What one connection is doing right now, and until when it may go on like that.
//!
//! Hyper has timers of its own, one for each purpose, with gaps between them: none for a client that takes nothing,
//! none for the first byte. One clock over four facts covers all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Deadlines;
use super::metrics::Ended;

/// The facts, kept by the socket's wrapper and by each exchange. All are touched by tasks of one connection, so
/// relaxed atomics are enough: a fact that is seen late is seen at the next poll.
pub(crate) struct Pulse {
    started: Instant,
    /// Requests whose answers are not finished.
    answers: AtomicUsize,
    /// When the first byte of a head was read, in milliseconds since the start plus one; 0 while none was.
    head_since_ms: AtomicU64,
    /// When the last answer ended.
    idle_since_ms: AtomicU64,
    /// When the client last took bytes while some were waiting for it.
    progress_ms: AtomicU64,
    /// Whether bytes wait for the client.
    unflushed: AtomicBool,
    /// Whether reads between requests are heads: not with HTTP/2, whose pings and settings are none.
    heads: bool,
    /// Whether the connection must be lingered on, because part of a request was left unread.
    unread: AtomicBool,
}

/// What the clock says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is late before this moment.
    Until(Instant),
    /// Something is.
    Over(Ended),
}

impl Pulse {
    /// A connection whose first byte has come; with HTTP/1 its first head is being read.
    pub(crate) fn new(heads: bool) -> Arc<Self> {
        Arc::new(Pulse {
            started: Instant::now(),
            answers: AtomicUsize::new(0),
            head_since_ms: AtomicU64::new(u64::from(heads)),
            idle_since_ms: AtomicU64::new(1),
            progress_ms: AtomicU64::new(1),
            unflushed: AtomicBool::new(false),
            heads,
            unread: AtomicBool::new(false),
        })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// Bytes were read.
    pub(crate) fn read(&self) {
        let between = self.heads && self.answers.load(Ordering::Relaxed) == 0;
        if between && self.head_since_ms.load(Ordering::Relaxed) == 0 {
            self.head_since_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    /// Bytes are about to be offered to the client.
    pub(crate) fn offering(&self) {
        if !self.unflushed.swap(true, Ordering::Relaxed) {
            self.progress_ms.store(self.now_ms(), Ordering::Relaxed);
        }
    }

    /// The client took some.
    pub(crate) fn took(&self) {
        self.progress_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Nothing waits for the client.
    pub(crate) fn flushed(&self) {
        self.unflushed.store(false, Ordering::Relaxed);
    }

    /// A head is whole; its answer runs until the guard goes.
    pub(crate) fn answering(self: &Arc<Self>) -> Answering {
        self.answers.fetch_add(1, Ordering::Relaxed);
        self.head_since_ms.store(0, Ordering::Relaxed);
        Answering(Arc::clone(self))
    }

    /// Part of a request was left unread, so the connection ends with this answer.
    pub(crate) fn left_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    /// Whether that happened.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Whether a head was begun and not finished.
    pub(crate) fn in_head(&self) -> bool {
        self.head_since_ms.load(Ordering::Relaxed) != 0
    }

    /// Whether anything is late, and if not, when it may be.
    pub(crate) fn verdict(&self, deadlines: &Deadlines) -> Verdict {
        let at = |since_ms: u64, allowed: Duration| {
            self.started + Duration::from_millis(since_ms.saturating_sub(1)) + allowed
        };
        let (at, ended) = if self.unflushed.load(Ordering::Relaxed) {
            (at(self.progress_ms.load(Ordering::Relaxed), deadlines.write_stall), Ended::Stalled)
        } else if self.answers.load(Ordering::Relaxed) > 0 {
            // A handler thinks, or a body is on its way in, which has its own deadline: look again later.
            return Verdict::Until(Instant::now() + deadlines.idle);
        } else {
            match self.head_since_ms.load(Ordering::Relaxed) {
                0 => (at(self.idle_since_ms.load(Ordering::Relaxed), deadlines.idle), Ended::Idle),
                since_ms => (at(since_ms, deadlines.head), Ended::SlowHead),
            }
        };
        if at <= Instant::now() { Verdict::Over(ended) } else { Verdict::Until(at) }
    }
}

/// One running answer; dropped with the last byte of its body, or with its cancellation.
pub(crate) struct Answering(Arc<Pulse>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.idle_since_ms.store(self.0.now_ms(), Ordering::Relaxed);
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}
