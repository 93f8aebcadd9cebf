//! How near the process is to its memory limit, by the kernel's own count.
//!
//! Permits keep the limit by arithmetic; this is the look at what really is. Each [`PRESSURE_CHECK_MS`] the memory in use
//! that cannot be taken back ([`crate::memory::usage`]) is put against its limit, and the level that follows decides
//! how many pieces of background work run at once ([`Budget::background`]) and which pools still serve
//! ([`crate::limits::pool_yielding`]).

use std::sync::atomic::{AtomicU64, Ordering};

use crate::history::{History, Resident};
use crate::limits::{
    PRESSURE_CHECK_MS, PRESSURE_FULL_PERCENT, PRESSURE_HIGH_PERCENT, PRESSURE_RAISED_PERCENT,
    PRESSURE_RELIEF_POINTS, PRESSURE_STALL_PERCENT,
};
use crate::memory::{self, Usage};
use crate::sync::{Mutex, lock};
use crate::{Budget, Level};

/// The share of the limit at which a level is reached, in per cent.
const fn percent(level: Level) -> u64 {
    match level {
        Level::Calm => 0,
        Level::Raised => PRESSURE_RAISED_PERCENT,
        Level::High => PRESSURE_HIGH_PERCENT,
        Level::Full => PRESSURE_FULL_PERCENT,
    }
}

/// A step earlier, but never [`Level::Full`], which only memory itself can reach.
fn hastened(level: Level) -> Level {
    match level {
        Level::Calm => Level::Raised,
        Level::Raised | Level::High => Level::High,
        Level::Full => Level::Full,
    }
}

/// What the last look said, without which there would be no hysteresis. Memory and stalls are kept apart: a level that
/// a stall has hastened must not hold itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Judge {
    by_memory: Level,
    stalled: bool,
}

impl Judge {
    /// The level that follows from a look.
    fn judge(&mut self, usage: &Usage) -> Level {
        let used_hundredfold = u128::from(usage.used.total_bytes()) * 100;
        let reached = |percent: u64| used_hundredfold >= u128::from(usage.limit_bytes) * u128::from(percent);
        let holds = |level: &Level| match *level <= self.by_memory {
            true => reached(percent(*level).saturating_sub(PRESSURE_RELIEF_POINTS)),
            false => reached(percent(*level)),
        };
        // Every level holds that is below one that does.
        self.by_memory = Level::ALL.into_iter().rev().find(holds).unwrap_or(Level::Calm);
        let relief = if self.stalled { PRESSURE_RELIEF_POINTS } else { 0 };
        self.stalled = usage.stall_percent > PRESSURE_STALL_PERCENT.saturating_sub(relief) as f64;
        if self.stalled { hastened(self.by_memory) } else { self.by_memory }
    }
}

/// What was measured last, and how often the level changed, for the metrics; and what was seen in the last ten minutes.
#[derive(Default)]
pub(crate) struct Watched {
    usage: Mutex<Option<Usage>>,
    changes: [AtomicU64; Level::ALL.len()],
    pub(crate) history: Mutex<History>,
}

impl Watched {
    /// What was measured last, if anything was.
    pub(crate) fn usage(&self) -> Option<Usage> {
        *lock(&self.usage)
    }

    /// How often each level was entered, in the order of [`Level::ALL`].
    pub(crate) fn changes(&self) -> [u64; Level::ALL.len()] {
        self.changes.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    pub(crate) fn count(&self, to: Level) {
        self.changes[to as usize].fetch_add(1, Ordering::Relaxed);
    }
}

impl Budget {
    /// Looks each [`PRESSURE_CHECK_MS`] how much memory is in use and sets the level, until `stop` is ready.
    ///
    /// The look is made on a thread that may block: the kernel adds a group's figures up behind a lock that others may
    /// hold. When all such threads hang in a disk, the level stays what it was, and permits alone keep the limit.
    pub async fn watch(self, stop: impl Future<Output = ()>) {
        let limit_bytes = self.limit_bytes();
        self.watch_by(stop, move || memory::usage(limit_bytes)).await;
    }

    /// [`Budget::watch`] with another way to look.
    async fn watch_by(
        self,
        stop: impl Future<Output = ()>,
        look: impl Fn() -> Usage + Clone + Send + 'static,
    ) {
        let mut each = tokio::time::interval(std::time::Duration::from_millis(PRESSURE_CHECK_MS));
        each.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut judge = Judge::default();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                _ = each.tick() => {}
                () = &mut stop => return,
            }
            // A look that panicked is a look that was not made.
            let Ok(usage) = tokio::task::spawn_blocking(look.clone()).await else { continue };
            self.obey(&mut judge, usage);
        }
    }

    /// Makes one look count.
    fn obey(&self, judge: &mut Judge, usage: Usage) {
        *lock(&self.watched().usage) = Some(usage);
        let children_bytes = memory::children().iter().map(|child| child.own_bytes).sum();
        let resident = Resident { server_bytes: usage.resident_bytes, children_bytes };
        self.history().see(resident, || self.take_fullest());
        let (before, now) = (self.pressure(), judge.judge(&usage));
        self.set_pressure(now);
        if now != before {
            tell(before, now, &usage);
        }
    }
}

/// One line for each change.
fn tell(before: Level, now: Level, usage: &Usage) {
    let (from, to) = (before.name(), now.name());
    let (used_bytes, limit_bytes) = (usage.used.total_bytes(), usage.limit_bytes);
    let stall_percent = usage.stall_percent;
    if now > before {
        tracing::warn!(from, to, used_bytes, limit_bytes, stall_percent, "memory is getting scarce");
    } else {
        tracing::info!(from, to, used_bytes, limit_bytes, stall_percent, "memory is less scarce");
    }
}

#[cfg(test)]
mod tests;
