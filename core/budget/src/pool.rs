//! Byte permits: the memory limit divided into pools.

use std::fmt;
#[cfg(not(loom))]
use std::future::poll_fn;
#[cfg(not(loom))]
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use crate::ledger::{Ask, Ledger, Ticket};
use crate::limits::{MEMORY_BASE_BYTES, MEMORY_LIMIT_BYTES_MIN};
use crate::sync::{Mutex, lock};
use crate::wait::Wait;
use crate::{Level, Refused};

/// What bytes are held for. The shares of the pools stand in [`crate::limits::pool_share`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Pool {
    /// Media answers: a chunk, a registry entry and socket buffers for each.
    Streams,
    /// Request bodies that are being kept.
    Uploads,
    /// Pages of rows and their encoded text.
    Listings,
    /// Bytes on their way from remote origins.
    Origins,
    /// Children that change media, with everything that they allocate.
    Transforms,
    /// Children that take songs apart.
    Stems,
    /// What is kept only because it may be asked for again.
    Caches,
    /// Password hashes being computed.
    Passwords,
    /// Tags and covers read by a scan.
    Scans,
    /// Open connections, before any request of theirs.
    Connections,
}

impl Pool {
    /// All pools, in the order of their numbers.
    pub const ALL: [Pool; 10] = [
        Pool::Streams,
        Pool::Uploads,
        Pool::Listings,
        Pool::Origins,
        Pool::Transforms,
        Pool::Stems,
        Pool::Caches,
        Pool::Passwords,
        Pool::Scans,
        Pool::Connections,
    ];

    /// The pool's name in metrics, refusals and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Pool::Streams => "streams",
            Pool::Uploads => "uploads",
            Pool::Listings => "listings",
            Pool::Origins => "origins",
            Pool::Transforms => "transforms",
            Pool::Stems => "stems",
            Pool::Caches => "caches",
            Pool::Passwords => "passwords",
            Pool::Scans => "scans",
            Pool::Connections => "connections",
        }
    }
}

/// The memory limit is too small to start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// The limit that was given, in bytes.
    pub limit_bytes: u64,
    /// The smallest limit that works, in bytes.
    pub needed_bytes: u64,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory.limit is {} bytes, but at least {} are needed", self.limit_bytes, self.needed_bytes)
    }
}

impl std::error::Error for TooSmall {}

/// The figures of one pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// Which pool.
    pub pool: Pool,
    /// Bytes that no other pool can take.
    pub floor_bytes: u64,
    /// Bytes that this pool never exceeds.
    pub ceiling_bytes: u64,
    /// Bytes that permits stand for now.
    pub used_bytes: u64,
    /// The most bytes that permits stood for at once.
    pub peak_bytes: u64,
    /// Requests that wait.
    pub waiting: usize,
    /// Requests refused since the start, for whatever reason.
    pub refused_total: u64,
}

/// The memory limit, divided into pools. Clones are the same budget.
///
/// A pool's floor is always there for it; above the floor, up to its ceiling, it takes from the middle that all pools
/// share. Within a pool, requests are served in the order in which they came: a large one that waits is not overtaken
/// by a smaller one behind it. Between pools there is no order but "who waited longest is looked at first".
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

/// What all clones, permits and waiters point to.
pub(crate) struct Shared {
    pub(crate) ledger: Mutex<Ledger>,
    limit_bytes: u64,
    /// The number of a [`Level`], as the ledger has it, to be read without its lock. Not the model checker's atomic: it
    /// orders nothing.
    level: std::sync::atomic::AtomicU8,
    #[cfg(not(loom))]
    watched: crate::pressure::Watched,
    #[cfg(not(loom))]
    background: crate::turns::Turns,
}

impl Budget {
    /// Divides `limit_bytes`, less [`MEMORY_BASE_BYTES`] for the process itself.
    ///
    /// # Errors
    /// [`TooSmall`] under [`MEMORY_LIMIT_BYTES_MIN`].
    pub fn new(limit_bytes: u64) -> Result<Budget, TooSmall> {
        if limit_bytes < MEMORY_LIMIT_BYTES_MIN {
            return Err(TooSmall { limit_bytes, needed_bytes: MEMORY_LIMIT_BYTES_MIN });
        }
        let ledger = Mutex::new(Ledger::new(limit_bytes - MEMORY_BASE_BYTES));
        let shared = Shared {
            ledger,
            limit_bytes,
            level: std::sync::atomic::AtomicU8::new(Level::Calm as u8),
            #[cfg(not(loom))]
            watched: crate::pressure::Watched::default(),
            #[cfg(not(loom))]
            background: crate::turns::Turns::of_background(limit_bytes),
        };
        Ok(Budget { shared: Arc::new(shared) })
    }

    /// Takes `bytes` now or not at all.
    ///
    /// # Errors
    /// [`Refused`] with [`crate::Fault::Never`] when the pool could not hold this much even alone, with
    /// [`crate::Fault::Server`] when it is full now, others already wait for it, or memory is too scarce for what the
    /// pool is for ([`crate::limits::pool_yielding`]).
    pub fn take(&self, pool: Pool, bytes: u64) -> Result<Permit, Refused> {
        lock(&self.shared.ledger).take(pool, bytes)?;
        Ok(self.permit(pool, bytes))
    }

    /// Takes `bytes` for what is only a convenience: while the pool, with them, stays under half of its ceiling, so that
    /// nobody who needs memory is refused because of it. It counts as no refusal if there is none.
    pub fn take_spare(&self, pool: Pool, bytes: u64) -> Option<Permit> {
        lock(&self.shared.ledger).take_spare(pool, bytes).then(|| self.permit(pool, bytes))
    }

    /// Takes `bytes`, waiting in line for at most [`crate::limits::PERMIT_WAIT_MS`]. The place in the line is taken
    /// at the first poll. Dropping the future leaves the line and loses nothing.
    ///
    /// # Errors
    /// [`Refused`] with [`crate::Fault::Never`] at once when it can never fit, with [`crate::Fault::Server`] when
    /// [`crate::limits::PERMIT_WAITERS_MAX`] already wait, the time is over, or memory is or becomes too scarce for
    /// what the pool is for ([`crate::limits::pool_yielding`]).
    #[cfg(not(loom))]
    pub async fn wait(&self, pool: Pool, bytes: u64) -> Result<Permit, Refused> {
        self.wait_within(pool, bytes, std::time::Duration::from_millis(crate::limits::PERMIT_WAIT_MS)).await
    }

    /// [`Budget::wait`] with a patience of its own, for work of which there is a bounded number.
    ///
    /// # Errors
    /// As [`Budget::wait`].
    #[cfg(not(loom))]
    pub async fn wait_within(
        &self,
        pool: Pool,
        bytes: u64,
        patience: std::time::Duration,
    ) -> Result<Permit, Refused> {
        let mut waiting = pin!(self.wait_unbounded(pool, bytes));
        // The first look costs no timer, which most requests need not.
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context))).await {
            return answer;
        }
        match tokio::time::timeout(patience, waiting).await {
            Ok(answer) => answer,
            Err(_) => Err(lock(&self.shared.ledger).refuse(pool)),
        }
    }

    /// [`Budget::wait`] without the bound in time, for the model checker, which knows no clock.
    #[cfg(loom)]
    pub async fn wait(&self, pool: Pool, bytes: u64) -> Result<Permit, Refused> {
        self.wait_unbounded(pool, bytes).await
    }

    async fn wait_unbounded(&self, pool: Pool, bytes: u64) -> Result<Permit, Refused> {
        Wait::new(&self.shared, pool, bytes).await?;
        Ok(self.permit(pool, bytes))
    }

    /// The memory limit that this budget divides, in bytes, the process's own share included.
    pub fn limit_bytes(&self) -> u64 {
        self.shared.limit_bytes
    }

    /// How scarce memory is now.
    pub fn pressure(&self) -> Level {
        match self.shared.level.load(std::sync::atomic::Ordering::Relaxed) {
            0 => Level::Calm,
            1 => Level::Raised,
            2 => Level::High,
            _ => Level::Full,
        }
    }

    /// Says how scarce memory is. Who waits in a pool that now refuses is refused; who waited because it did not
    /// serve, and does again, is served.
    pub fn set_pressure(&self, level: Level) {
        self.shared.set_level(level);
    }

    #[cfg(not(loom))]
    pub(crate) fn watched(&self) -> &crate::pressure::Watched {
        &self.shared.watched
    }

    #[cfg(not(loom))]
    pub(crate) fn gate(&self) -> &crate::turns::Turns {
        &self.shared.background
    }

    #[cfg(not(loom))]
    pub(crate) fn history(&self) -> crate::sync::MutexGuard<'_, crate::history::History> {
        lock(&self.shared.watched.history)
    }

    /// What each pool used when all together used the most since this was asked last.
    #[cfg(not(loom))]
    pub(crate) fn take_fullest(&self) -> crate::history::PoolBytes {
        lock(&self.shared.ledger).take_fullest()
    }

    /// The figures of all pools, in the order of [`Pool::ALL`].
    pub fn figures(&self) -> Vec<PoolFigures> {
        lock(&self.shared.ledger).figures()
    }

    /// Bytes already granted become a permit. Called right after the grant, so that nothing can come between.
    fn permit(&self, pool: Pool, bytes: u64) -> Permit {
        Permit {
            shared: Arc::clone(&self.shared),
            pool,
            bytes,
            #[cfg(not(loom))]
            charge: crate::account::Charge::current(bytes),
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("limit_bytes", &self.shared.limit_bytes).finish_non_exhaustive()
    }
}

/// The right to hold so many bytes; dropping it gives them back.
#[must_use = "dropping a permit gives its bytes back"]
pub struct Permit {
    shared: Arc<Shared>,
    pool: Pool,
    bytes: u64,
    /// What the request's account was charged; given back when the permit goes.
    #[cfg(not(loom))]
    charge: Option<crate::account::Charge>,
}

impl Permit {
    /// How many bytes this permit stands for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The pool that the bytes came from.
    pub fn pool(&self) -> Pool {
        self.pool
    }

    /// Gives back all but `bytes`, for work that turned out smaller than was asked for. A permit never grows: asking
    /// for more than it has changes nothing.
    pub fn shrink(&mut self, bytes: u64) {
        let spare = self.bytes.saturating_sub(bytes);
        if spare == 0 {
            return;
        }
        self.bytes -= spare;
        #[cfg(not(loom))]
        if let Some(charge) = &mut self.charge {
            charge.shrink(spare);
        }
        self.shared.change(|ledger| ledger.give_back(self.pool, spare));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.change(|ledger| ledger.give_back(self.pool, self.bytes));
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("pool", &self.pool).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Shared {
    /// Changes the ledger and then wakes, outside the lock, whoever got something by it.
    fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        let mut ledger = lock(&self.ledger);
        let answer = change(&mut ledger);
        let woken = ledger.grant();
        drop(ledger);
        for waker in woken {
            waker.wake();
        }
        answer
    }

    fn set_level(&self, level: Level) {
        let refused = self.change(|ledger| {
            // Under the lock, so that of two who set it both numbers are of the same one.
            let before = self.level.swap(level as u8, std::sync::atomic::Ordering::Relaxed);
            #[cfg(not(loom))]
            if before != level as u8 {
                self.watched.count(level);
            }
            #[cfg(loom)]
            let _ = before;
            ledger.set_level(level)
        });
        for waker in refused {
            waker.wake();
        }
        #[cfg(not(loom))]
        self.background.follow(level);
    }

    /// Polls a waiter's place: `Ready` once it was granted or refused.
    pub(crate) fn poll(
        &self,
        ask: &Ask,
        place: &mut Option<Ticket>,
        waker: &Waker,
    ) -> Poll<Result<(), Refused>> {
        let mut waker = waker.clone();
        lock(&self.ledger).poll(ask, place, &mut waker)
    }

    /// Leaves the line; a grant that nobody collected goes to the next.
    pub(crate) fn leave(&self, ask: &Ask, ticket: Ticket) {
        drop(self.change(|ledger| ledger.leave(ask, ticket)));
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
