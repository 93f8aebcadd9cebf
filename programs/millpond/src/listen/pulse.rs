//! What one connection is doing right now, and until when it may go on like that.
//!
//! Hyper has timers of its own, one for each purpose, with gaps between them: none for a client that takes nothing,
//! none for the first byte. One clock over four facts covers all of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use hyper::StatusCode;
use tokio::time::Instant;

use super::Deadlines;
use super::metrics::Ended;
use super::refuse::X_REQUEST_ID;

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
    /// The status of an answer that we owe for a head that never became a request; 0 for none.
    owed: AtomicU16,
    /// Whether a body comes as fast as it can be taken.
    rush: AtomicBool,
}

/// What the clock says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is late before this moment.
    Until(Instant),
    /// Nothing has happened for a while between requests, and nothing is late before this moment.
    Quiet(Instant),
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
            owed: AtomicU16::new(0),
            rush: AtomicBool::new(false),
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

    /// Bytes are about to be written. Whether they are hyper's own answer to a head that it could not read, which is
    /// then ours to give: hyper's has none of the fields that our answers have, by which it is known.
    pub(crate) fn takes_over(&self, bytes: &[u8]) -> bool {
        let between = self.heads && self.answers.load(Ordering::Relaxed) == 0;
        if !between || self.unflushed.load(Ordering::Relaxed) || !bytes.ends_with(b"\r\n\r\n") {
            return false;
        }
        let status = bytes.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        match status.and_then(|digits| StatusCode::from_bytes(digits).ok()) {
            Some(status) if status.is_client_error() && !is_marked(bytes) => {
                self.owe(status);
                true
            }
            _ => false,
        }
    }

    /// The connection ends with an answer of our own.
    pub(crate) fn owe(&self, status: StatusCode) {
        self.owed.store(status.as_u16(), Ordering::Relaxed);
    }

    /// Much of a body came in little time.
    pub(crate) fn rush(&self) {
        self.rush.store(true, Ordering::Relaxed);
    }

    /// Whether that happened since this was last asked.
    pub(crate) fn take_rush(&self) -> bool {
        self.rush.load(Ordering::Relaxed) && self.rush.swap(false, Ordering::Relaxed)
    }

    /// The status of that answer.
    pub(crate) fn owed(&self) -> Option<StatusCode> {
        StatusCode::from_u16(self.owed.load(Ordering::Relaxed)).ok()
    }

    /// When the last answer had been sent.
    pub(crate) fn idle_since(&self) -> Instant {
        let since_ms =
            self.idle_since_ms.load(Ordering::Relaxed).max(self.progress_ms.load(Ordering::Relaxed));
        self.started + Duration::from_millis(since_ms.saturating_sub(1))
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
                0 => return self.idle(deadlines),
                since_ms => (at(since_ms, deadlines.head), Ended::SlowHead),
            }
        };
        if at <= Instant::now() { Verdict::Over(ended) } else { Verdict::Until(at) }
    }

    fn idle(&self, deadlines: &Deadlines) -> Verdict {
        let (since, now) = (self.idle_since(), Instant::now());
        let (quiet, late) = (since + deadlines.park, since + deadlines.idle);
        if late <= now {
            Verdict::Over(Ended::Idle)
        } else if self.heads && quiet <= now {
            Verdict::Quiet(late)
        } else {
            Verdict::Until(if self.heads { quiet.min(late) } else { late })
        }
    }
}

/// Whether a head has the id that all our answers have.
fn is_marked(head: &[u8]) -> bool {
    let name = X_REQUEST_ID;
    head.split(|byte| *byte == b'\n').any(|field| field.starts_with(name.as_str().as_bytes()))
}

/// One running answer; dropped with the last byte of its body, or with its cancellation.
pub(crate) struct Answering(Arc<Pulse>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.idle_since_ms.store(self.0.now_ms(), Ordering::Relaxed);
        self.0.answers.fetch_sub(1, Ordering::Relaxed);
    }
}
