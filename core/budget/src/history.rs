//! What had memory in the last ten minutes, so that whoever comes to look sees what was before.
//!
//! It is filled by the looks that are made in any case ([`crate::Budget::watch`]), and asks the kernel for nothing more.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::limits::{MEMORY_MOMENT_MS, MEMORY_MOMENTS_MAX};
use crate::{Budget, Pool};

/// Bytes of each pool, in the order of [`Pool::ALL`].
pub(crate) type PoolBytes = [u64; Pool::ALL.len()];

/// What is in memory of the server and of its children, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resident {
    /// Of the server itself (`VmRSS`).
    pub server_bytes: u64,
    /// What all its children have of their own ([`crate::memory::children`]).
    pub children_bytes: u64,
}

impl Resident {
    /// Both together.
    pub fn total_bytes(self) -> u64 {
        self.server_bytes.saturating_add(self.children_bytes)
    }
}

/// [`MEMORY_MOMENT_MS`] of what was, by the most that there was in that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it was over.
    pub at: Instant,
    /// What was resident when a look saw the most.
    pub resident: Resident,
    /// What permits of each pool stood for when those of all together stood for the most, however short that was. Drawn one
    /// upon the other they are never more than the limit, as they never were; the most of each for itself might be.
    pub used_bytes: [u64; Pool::ALL.len()],
}

/// The last moments: [`MEMORY_MOMENTS_MAX`] of 112 bytes each, 13,440 bytes that are taken at once and never become more.
pub(crate) struct History {
    moments: VecDeque<Moment>,
    /// Of the moment that is not over: since when, and the most that was seen.
    since: Instant,
    most: Resident,
    /// The most that was seen at all, in bytes.
    peak_bytes: u64,
}

impl Default for History {
    fn default() -> Self {
        let moments = VecDeque::with_capacity(MEMORY_MOMENTS_MAX);
        History { moments, since: Instant::now(), most: Resident::default(), peak_bytes: 0 }
    }
}

impl History {
    /// Takes a look over; `fullest` is asked at the end of a moment.
    pub(crate) fn see(&mut self, resident: Resident, fullest: impl FnOnce() -> PoolBytes) {
        self.peak_bytes = self.peak_bytes.max(resident.total_bytes());
        if resident.total_bytes() > self.most.total_bytes() {
            self.most = resident;
        }
        let at = Instant::now();
        if at.duration_since(self.since) < Duration::from_millis(MEMORY_MOMENT_MS) {
            return;
        }
        if self.moments.len() == MEMORY_MOMENTS_MAX {
            self.moments.pop_front();
        }
        self.moments.push_back(Moment { at, resident: self.most, used_bytes: fullest() });
        (self.since, self.most) = (at, Resident::default());
    }
}

impl Budget {
    /// The last ten minutes, oldest first; less, where [`Budget::watch`] has not looked for as long.
    pub fn moments(&self) -> Vec<Moment> {
        self.history().moments.iter().copied().collect()
    }

    /// The most that the server and its children had in memory at one of the looks of [`Budget::watch`], in bytes.
    pub fn resident_peak_bytes(&self) -> u64 {
        self.history().peak_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MIB;

    fn resident(server_mib: u64, children_mib: u64) -> Resident {
        Resident { server_bytes: server_mib * MIB, children_bytes: children_mib * MIB }
    }

    /// Looks at a quarter of a second each, over so many moments.
    async fn look(history: &mut History, budget: &Budget, looks: u64, resident: Resident) {
        for _ in 0..looks {
            tokio::time::advance(Duration::from_millis(250)).await;
            history.see(resident, || budget.take_fullest());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_moment_is_the_most_that_there_was_in_it_however_short() {
        let (mut history, budget) = (History::default(), Budget::new(256 * MIB).unwrap());
        let held = budget.take(Pool::Streams, MIB).unwrap();
        look(&mut history, &budget, 4, resident(40, 0)).await;
        // Between two looks: a password is checked, twice, while a video is made and after.
        let video = budget.take(Pool::Transforms, 60 * MIB).unwrap();
        drop(budget.take(Pool::Passwords, 7 * MIB).unwrap());
        drop(video);
        drop(budget.take(Pool::Passwords, 7 * MIB).unwrap());
        look(&mut history, &budget, 1, resident(38, 70)).await;
        assert!(history.moments.is_empty(), "it is not over");
        look(&mut history, &budget, 15, resident(41, 0)).await;
        look(&mut history, &budget, 20, resident(39, 0)).await;
        drop(held);
        let [first, second] = [history.moments[0], history.moments[1]];
        assert_eq!((history.moments.len(), first.resident), (2, resident(38, 70)));
        let used = |moment: Moment, pool: Pool| moment.used_bytes[pool as usize] / MIB;
        let of = |moment| [Pool::Streams, Pool::Transforms, Pool::Passwords].map(|pool| used(moment, pool));
        assert_eq!((of(first), of(second)), ([1, 60, 7], [1, 0, 0]));
        assert_eq!(second.resident, resident(39, 0), "nothing is left of the moment before");
        assert_eq!(second.at - first.at, Duration::from_millis(MEMORY_MOMENT_MS));
        assert_eq!(history.peak_bytes, 108 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn ten_minutes_are_kept_and_no_more_memory_taken() {
        let (mut history, budget) = (History::default(), Budget::new(256 * MIB).unwrap());
        let before = history.moments.capacity();
        look(&mut history, &budget, 20 * 300, resident(40, 0)).await;
        assert_eq!((history.moments.len(), history.moments.capacity()), (MEMORY_MOMENTS_MAX, before));
        let age = Instant::now() - history.moments[0].at;
        assert_eq!(age, Duration::from_millis(MEMORY_MOMENT_MS * (MEMORY_MOMENTS_MAX as u64 - 1)));
        assert_eq!(MEMORY_MOMENTS_MAX * size_of::<Moment>(), 13_440, "as the comment says");
    }
}
