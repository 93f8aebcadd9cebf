//! The arithmetic of the pools, and the lines of those that wait. No lock in here: [`crate::Budget`] holds it.
//!
//! Two sums must hold at any time: a pool never uses more than its ceiling, and what all pools use above their floors
//! never exceeds the middle. Together they make every floor available and keep the total under the limit.

use std::collections::{BTreeSet, VecDeque};
use std::task::{Poll, Waker};

use crate::limits::{self, PERMIT_WAITERS_MAX, RETRY_AFTER, Share, Yielding};
use crate::{Fault, Level, Pool, PoolFigures, Refused};

/// A place in a line. Older tickets are smaller.
pub(crate) type Ticket = u64;

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) pool: Pool,
    pub(crate) bytes: u64,
}

pub(crate) struct Ledger {
    rows: [Row; Pool::ALL.len()],
    /// What is left of the total when every floor is set aside.
    middle_bytes: u64,
    /// What all pools use.
    used_bytes: u64,
    fullest: Fullest,
    next_ticket: Ticket,
    /// How scarce memory is.
    level: Level,
}

/// What all pools used when they used the most since somebody asked, together and each.
#[derive(Default)]
struct Fullest {
    used_bytes: u64,
    of_pools: [u64; Pool::ALL.len()],
}

#[derive(Default)]
struct Row {
    floor_bytes: u64,
    ceiling_bytes: u64,
    used_bytes: u64,
    peak_bytes: u64,
    refused_total: u64,
    /// Who waits, oldest first.
    line: VecDeque<Waiter>,
    /// Who was granted and has not come for it yet; their bytes count as used.
    granted: BTreeSet<Ticket>,
    /// Who was refused while waiting and has not come to hear it yet.
    refused: BTreeSet<Ticket>,
}

struct Waiter {
    ticket: Ticket,
    bytes: u64,
    waker: Waker,
}

impl Row {
    /// What the pool takes of the middle when it uses `used_bytes`.
    fn above_floor(&self, used_bytes: u64) -> u64 {
        used_bytes.saturating_sub(self.floor_bytes)
    }
}

impl Ledger {
    /// Divides `total_bytes` by the table in [`limits::pool_share`]. Fixed shares come first; percentages are of the rest.
    pub(crate) fn new(total_bytes: u64) -> Ledger {
        let beside = |fixed_bytes: fn(Share) -> u64| {
            let fixed = Pool::ALL.iter().map(|&pool| fixed_bytes(limits::pool_share(pool)));
            total_bytes.saturating_sub(fixed.sum())
        };
        let (of_floors, of_ceilings) = (beside(Share::fixed_ceiling_bytes), beside(Share::fixed_floor_bytes));
        let mut rows = Pool::ALL.map(|pool| {
            let (floor_bytes, ceiling_bytes) = match limits::pool_share(pool) {
                Share::Percent { floor, ceiling } => {
                    (percent(of_floors, floor), percent(of_ceilings, ceiling))
                }
                Share::Bytes { floor, ceiling } => (floor, ceiling),
            };
            Row { floor_bytes, ceiling_bytes, ..Row::default() }
        });
        let floors: u64 = rows.iter().map(|row| row.floor_bytes).sum();
        let middle_bytes = total_bytes.saturating_sub(floors);
        for row in &mut rows {
            // A ceiling says what can really be had: beyond one's own floor there is only the middle.
            row.ceiling_bytes = row.ceiling_bytes.min(row.floor_bytes + middle_bytes);
        }
        let (used_bytes, fullest) = (0, Fullest::default());
        Ledger { rows, middle_bytes, used_bytes, fullest, next_ticket: 0, level: Level::Calm }
    }

    pub(crate) fn take(&mut self, pool: Pool, bytes: u64) -> Result<(), Refused> {
        self.can_ever_fit(pool, bytes)?;
        if self.yields(pool) || !self.row(pool).line.is_empty() || !self.fits(pool, bytes) {
            return Err(self.refuse(pool));
        }
        self.use_more(pool, bytes);
        Ok(())
    }

    /// False, and nothing taken or counted, when the pool is half full, or would be, or cannot serve now.
    pub(crate) fn take_spare(&mut self, pool: Pool, bytes: u64) -> bool {
        let row = self.row(pool);
        let is_spare = row.line.is_empty() && row.used_bytes.saturating_add(bytes) <= row.ceiling_bytes / 2;
        let granted = is_spare && !self.yields(pool) && self.fits(pool, bytes);
        if granted {
            self.use_more(pool, bytes);
        }
        granted
    }

    /// The first call takes the bytes or a place in the line; later ones look whether the place was granted or refused.
    ///
    /// `waker` is swapped for the one that it replaces: a waker's drop runs code that we do not know, which must not
    /// happen under the lock.
    pub(crate) fn poll(
        &mut self,
        ask: &Ask,
        place: &mut Option<Ticket>,
        waker: &mut Waker,
    ) -> Poll<Result<(), Refused>> {
        if let Some(ticket) = *place {
            let row = self.row_mut(ask.pool);
            if row.granted.remove(&ticket) {
                *place = None;
                return Poll::Ready(Ok(()));
            }
            if row.refused.remove(&ticket) {
                *place = None;
                return Poll::Ready(Err(self.refuse(ask.pool)));
            }
            if let Some(waiter) = row.line.iter_mut().find(|waiter| waiter.ticket == ticket) {
                std::mem::swap(&mut waiter.waker, waker);
            }
            return Poll::Pending;
        }
        if let Err(refused) = self.can_ever_fit(ask.pool, ask.bytes) {
            return Poll::Ready(Err(refused));
        }
        if self.refuses(ask.pool) {
            return Poll::Ready(Err(self.refuse(ask.pool)));
        }
        if !self.yields(ask.pool) && self.row(ask.pool).line.is_empty() && self.fits(ask.pool, ask.bytes) {
            self.use_more(ask.pool, ask.bytes);
            return Poll::Ready(Ok(()));
        }
        if self.row(ask.pool).line.len() >= PERMIT_WAITERS_MAX {
            return Poll::Ready(Err(self.refuse(ask.pool)));
        }
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        *place = Some(ticket);
        let waker = std::mem::replace(waker, Waker::noop().clone());
        self.row_mut(ask.pool).line.push_back(Waiter { ticket, bytes: ask.bytes, waker });
        Poll::Pending
    }

    /// Takes a waiter out of the line, or takes back what it was granted and did not collect. The waker is returned to
    /// be dropped outside the lock.
    pub(crate) fn leave(&mut self, ask: &Ask, ticket: Ticket) -> Option<Waker> {
        let row = self.row_mut(ask.pool);
        if row.granted.remove(&ticket) {
            self.give_back(ask.pool, ask.bytes);
            return None;
        }
        if row.refused.remove(&ticket) {
            return None;
        }
        let at = row.line.iter().position(|waiter| waiter.ticket == ticket)?;
        row.line.remove(at).map(|waiter| waiter.waker)
    }

    pub(crate) fn give_back(&mut self, pool: Pool, bytes: u64) {
        self.row_mut(pool).used_bytes -= bytes;
        self.used_bytes -= bytes;
    }

    /// Says how scarce memory is from now on, and returns whom to wake because they are refused by it. Who was granted
    /// already keeps it.
    pub(crate) fn set_level(&mut self, level: Level) -> Vec<Waker> {
        self.level = level;
        let mut woken = Vec::new();
        for pool in Pool::ALL.into_iter().filter(|&pool| self.refuses(pool)).collect::<Vec<_>>() {
            let row = self.row_mut(pool);
            for waiter in std::mem::take(&mut row.line) {
                row.refused.insert(waiter.ticket);
                woken.push(waiter.waker);
            }
        }
        woken
    }

    /// Whether a pool serves nobody new now.
    fn yields(&self, pool: Pool) -> bool {
        match limits::pool_yielding(pool) {
            Yielding::Never => false,
            Yielding::Refused(from) | Yielding::Waits(from) => self.level >= from,
        }
    }

    /// Whether a pool does not even let anybody wait now.
    fn refuses(&self, pool: Pool) -> bool {
        matches!(limits::pool_yielding(pool), Yielding::Refused(from) if self.level >= from)
    }

    /// Grants whatever fits now, the longest wait first, and returns whom to wake. Only the head of each line is
    /// looked at, which is what keeps small requests from overtaking a large one.
    pub(crate) fn grant(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        while let Some(pool) = self.next_to_grant() {
            let row = self.row_mut(pool);
            if let Some(waiter) = row.line.pop_front() {
                row.granted.insert(waiter.ticket);
                self.use_more(pool, waiter.bytes);
                woken.push(waiter.waker);
            }
        }
        woken
    }

    fn next_to_grant(&self) -> Option<Pool> {
        let head = |pool: Pool| self.row(pool).line.front().map(|head| (head.ticket, head.bytes, pool));
        let serving = Pool::ALL.into_iter().filter(|&pool| !self.yields(pool));
        let fitting = serving.filter_map(head).filter(|&(_, bytes, pool)| self.fits(pool, bytes));
        fitting.min_by_key(|&(ticket, ..)| ticket).map(|(.., pool)| pool)
    }

    /// Counts a refusal and says it.
    pub(crate) fn refuse(&mut self, pool: Pool) -> Refused {
        self.row_mut(pool).refused_total += 1;
        Refused { what: pool.name(), fault: Fault::Server, retry_after: RETRY_AFTER }
    }

    fn can_ever_fit(&mut self, pool: Pool, bytes: u64) -> Result<(), Refused> {
        if bytes <= self.row(pool).ceiling_bytes {
            return Ok(());
        }
        Err(Refused { fault: Fault::Never, ..self.refuse(pool) })
    }

    /// `bytes` is at most the ceiling here, so the sums cannot overflow.
    fn fits(&self, pool: Pool, bytes: u64) -> bool {
        let row = self.row(pool);
        let used_then = row.used_bytes + bytes;
        let middle_used: u64 = self.rows.iter().map(|row| row.above_floor(row.used_bytes)).sum();
        let middle_then = middle_used - row.above_floor(row.used_bytes) + row.above_floor(used_then);
        used_then <= row.ceiling_bytes && middle_then <= self.middle_bytes
    }

    fn use_more(&mut self, pool: Pool, bytes: u64) {
        let row = self.row_mut(pool);
        row.used_bytes += bytes;
        row.peak_bytes = row.peak_bytes.max(row.used_bytes);
        self.used_bytes += bytes;
        if self.used_bytes > self.fullest.used_bytes {
            self.fullest = self.now();
        }
    }

    fn now(&self) -> Fullest {
        Fullest { used_bytes: self.used_bytes, of_pools: self.rows.each_ref().map(|row| row.used_bytes) }
    }

    /// What each pool used when all together used the most since this was asked last, in the order of [`Pool::ALL`].
    #[cfg(not(loom))]
    pub(crate) fn take_fullest(&mut self) -> [u64; Pool::ALL.len()] {
        let now = self.now();
        std::mem::replace(&mut self.fullest, now).of_pools
    }

    pub(crate) fn figures(&self) -> Vec<PoolFigures> {
        let figures = |(pool, row): (Pool, &Row)| PoolFigures {
            pool,
            floor_bytes: row.floor_bytes,
            ceiling_bytes: row.ceiling_bytes,
            used_bytes: row.used_bytes,
            peak_bytes: row.peak_bytes,
            waiting: row.line.len(),
            refused_total: row.refused_total,
        };
        Pool::ALL.into_iter().zip(&self.rows).map(figures).collect()
    }

    fn row(&self, pool: Pool) -> &Row {
        &self.rows[pool as usize]
    }

    fn row_mut(&mut self, pool: Pool) -> &mut Row {
        &mut self.rows[pool as usize]
    }
}

/// `percent` per cent of `bytes`, rounded down, without overflow.
fn percent(bytes: u64, percent: u64) -> u64 {
    bytes / 100 * percent + bytes % 100 * percent / 100
}
