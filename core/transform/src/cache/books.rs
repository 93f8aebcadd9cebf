//! Who may stay: every byte that is taken of the disk is booked here, and what is evicted is chosen here.
//!
//! The policy is that of `quick_cache`, a Clock-PRO that is close to S3-FIFO: it withstands scans, since what was asked
//! for once goes before what was asked for twice, and it remembers keys that it evicted. It was chosen because it does
//! all at once and says what it evicts, where others evict later, in the background, and may refuse what is new; because
//! entries can be pinned, as those that are read must be; and because an entry is a few bytes, where the index of a
//! hundred thousand should fit in the smallest server.
//!
//! What is taken beside the entries is one pinned entry of the policy, the ballast: when it becomes heavier, others go.

use std::collections::VecDeque;
use std::sync::Arc;

use budget::limits::{DISK_BLOCK_BYTES, RENDITIONS_BYTES_MIN, RETRY_AFTER};
use quick_cache::unsync::Cache as Policy;
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use store::RenditionId;

use super::hold::{Ground, Hold};
use crate::error::{Error, ErrorKind};

/// The key of the ballast, which no slot has.
const BALLAST: i64 = 0;
/// How much of the room entries may have that proved themselves; the rest is for what is new.
const HOT_SHARE: f64 = 0.9;

/// What is booked.
pub(super) struct Books {
    policy: Policy<i64, u32, InBlocks, DefaultHashBuilder, Pins>,
    ground: Arc<Ground>,
    /// Evicted or purged, and still on the disk. Its first ones go first.
    doomed: VecDeque<Doomed>,
    doomed_bytes: u64,
    limit_bytes: u64,
    /// What the disk has room for, when that is less.
    disk_bytes: u64,
    entries_max: usize,
    evicted_total: u64,
    gone_total: u64,
    peak_bytes: u64,
}

/// An entry that is none any more, but has a row and files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doomed {
    pub(super) slot: i64,
    /// What goes with its name; nothing when somebody reads it.
    pub(super) bytes: u64,
    /// What its row says, unless that was not read yet.
    pub(super) file: Option<RenditionId>,
}

/// Weights are blocks of the disk.
struct InBlocks;

impl Weighter<i64, u32> for InBlocks {
    fn weight(&self, _slot: &i64, blocks: &u32) -> u64 {
        u64::from(*blocks)
    }
}

struct Pins(Arc<Ground>);

impl Lifecycle<i64, u32> for Pins {
    type RequestState = Vec<(i64, u32)>;

    fn is_pinned(&self, slot: &i64, _blocks: &u32) -> bool {
        *slot == BALLAST || self.0.is_held(*slot)
    }

    fn on_evict(&self, evicted: &mut Self::RequestState, slot: i64, blocks: u32) {
        evicted.push((slot, blocks));
    }
}

fn blocks(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(DISK_BLOCK_BYTES)).unwrap_or(u32::MAX)
}

fn in_bytes(blocks: u64) -> u64 {
    blocks.saturating_mul(DISK_BLOCK_BYTES)
}

/// Bytes in whole blocks.
pub(super) fn rounded(bytes: u64) -> u64 {
    bytes.div_ceil(DISK_BLOCK_BYTES).saturating_mul(DISK_BLOCK_BYTES)
}

impl Books {
    /// Nothing is taken of so many bytes, and there may be so many entries.
    pub(super) fn new(limit_bytes: u64, entries_max: usize, ground: Arc<Ground>) -> Result<Books, Error> {
        // One block more, because the ballast weighs at least one.
        let capacity = (limit_bytes / DISK_BLOCK_BYTES).clamp(1, u64::from(u32::MAX) - 2) + 1;
        let options = OptionsBuilder::new()
            .shards(1)
            .hot_allocation(HOT_SHARE)
            .estimated_items_capacity(entries_max)
            .weight_capacity(capacity)
            .build();
        let options = options.map_err(|e| Error::new(ErrorKind::Io, format!("no index can be made: {e}")))?;
        let pins = Pins(Arc::clone(&ground));
        let mut policy = Policy::with_options(options, InBlocks, DefaultHashBuilder::default(), pins);
        policy.insert(BALLAST, 1);
        Ok(Books {
            limit_bytes: in_bytes(policy.capacity() - 1),
            policy,
            ground,
            doomed: VecDeque::new(),
            doomed_bytes: 0,
            disk_bytes: u64::MAX,
            entries_max,
            evicted_total: 0,
            gone_total: 0,
            peak_bytes: 0,
        })
    }

    /// What may be taken, in bytes.
    pub(super) fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    /// So much of the disk is free now beside what is taken already. On a disk that is full a little may be taken all the
    /// same, because the oldest go for it.
    pub(super) fn fit_the_disk(&mut self, free_bytes: u64) {
        let on_disk_bytes = self.taken_bytes().saturating_sub(self.ground.unwritten_bytes());
        self.disk_bytes = on_disk_bytes.saturating_add(free_bytes).max(RENDITIONS_BYTES_MIN);
    }

    /// What may be taken now, in bytes.
    fn now_bytes(&self) -> u64 {
        self.limit_bytes.min(self.disk_bytes)
    }

    /// How many entries there are.
    pub(super) fn entries(&self) -> usize {
        self.policy.len().saturating_sub(1)
    }

    /// What the entries take, in bytes.
    pub(super) fn entries_bytes(&self) -> u64 {
        let ballast = self.policy.peek(&BALLAST).copied().unwrap_or(0);
        in_bytes(self.policy.weight().saturating_sub(u64::from(ballast)))
    }

    /// What is taken by all that is on the disk or may come there, in bytes.
    pub(super) fn taken_bytes(&self) -> u64 {
        self.entries_bytes() + self.beside_bytes()
    }

    fn beside_bytes(&self) -> u64 {
        self.ground.beside_bytes() + self.doomed_bytes
    }

    /// The most that was taken at once since the start, in bytes. Only what is newly promised or loaded adds to it.
    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Entries that had to go since the start.
    pub(super) fn evicted_total(&self) -> u64 {
        self.evicted_total
    }

    /// Entries that are none any more since the start, for whatever reason.
    pub(super) fn gone_total(&self) -> u64 {
        self.gone_total
    }

    /// What the index takes of memory, in bytes.
    #[cfg(test)]
    pub(super) fn memory_bytes(&self) -> usize {
        self.policy.memory_used().total()
    }

    /// Finds room for something new, or for `growing` to become so much longer. Whoever writes must wait until what is
    /// doomed is gone from the disk.
    ///
    /// # Errors
    /// `TooLarge` when it can never fit, `Busy` when too much is being made or read.
    pub(super) fn make_room(
        &mut self,
        bytes: u64,
        growing: Option<&Hold>,
    ) -> Result<Option<Arc<Hold>>, Error> {
        let bytes = rounded(bytes);
        let whole = bytes + growing.map_or(0, Hold::beside_bytes);
        if whole > self.limit_bytes {
            let limit = self.limit_bytes;
            let text = format!("it needs {whole} bytes of the disk and the cache may take {limit}");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let (beside, most) = (self.beside_bytes(), self.now_bytes());
        if self.entries_bytes() + beside + bytes > most {
            if self.held_bytes() + beside + bytes > most {
                return Err(busy());
            }
            // What the disk has not is as good as taken.
            self.press(beside + bytes + (self.limit_bytes - most));
            if self.entries_bytes() + beside + bytes > most {
                return Err(busy());
            }
        }
        let hold = match growing {
            None => Some(self.ground.begin(bytes)),
            Some(hold) => {
                hold.grow(bytes);
                None
            }
        };
        // What was evicted for it is gone before anything is written into it.
        self.peak_bytes = self.peak_bytes.max(self.entries_bytes() + beside + bytes);
        Ok(hold)
    }

    /// What cannot be evicted because somebody reads it, in bytes.
    fn held_bytes(&self) -> u64 {
        let slots = self.ground.held_slots();
        in_bytes(
            slots.iter().filter_map(|slot| self.policy.peek(slot)).map(|blocks| u64::from(*blocks)).sum(),
        )
    }

    /// Lets entries go until so many bytes fit beside them.
    fn press(&mut self, beside_bytes: u64) {
        let mut evicted = Vec::new();
        self.policy.insert_with_lifecycle(BALLAST, blocks(beside_bytes) + 1, &mut evicted);
        for (slot, blocks) in evicted.into_iter().filter(|(slot, _)| *slot != BALLAST) {
            self.evicted_total += 1;
            self.doom(slot, in_bytes(u64::from(blocks)), None);
        }
    }

    fn doom(&mut self, slot: i64, bytes: u64, file: Option<RenditionId>) {
        let bytes = if self.ground.part(slot, bytes) { 0 } else { bytes };
        self.gone_total += 1;
        self.doomed_bytes += bytes;
        self.doomed.push_back(Doomed { slot, bytes, file });
    }

    /// What was made becomes an entry, in the room that was reserved for it. The file that had its slot is doomed.
    pub(super) fn keep(&mut self, slot: i64, bytes: u64, hold: &Arc<Hold>, replaced: Option<RenditionId>) {
        let old = self.policy.remove(&slot).map_or(0, |(_, blocks)| in_bytes(u64::from(blocks)));
        match replaced {
            Some(file) => self.doom(slot, old, Some(file)),
            // It had no row; whoever reads it still takes its room.
            None => _ = self.ground.part(slot, old),
        }
        while self.entries() >= self.entries_max {
            let before = self.entries();
            // So much that one of them must go.
            self.press(self.limit_bytes.saturating_sub(self.entries_bytes()) + DISK_BLOCK_BYTES);
            if self.entries() == before {
                break;
            }
        }
        // From now on it is pinned.
        hold.keep(slot);
        self.press(self.beside_bytes().min(self.limit_bytes.saturating_sub(self.entries_bytes())));
        let mut evicted = Vec::new();
        self.policy.insert_with_lifecycle(slot, blocks(bytes), &mut evicted);
        for (slot, blocks) in evicted {
            self.evicted_total += 1;
            self.doom(slot, in_bytes(u64::from(blocks)), None);
        }
    }

    /// Takes an entry in that was there before the start, if it fits. One that does not is doomed.
    pub(super) fn load(&mut self, slot: i64, bytes: u64) {
        let bytes = rounded(bytes);
        let fits = self.taken_bytes() + bytes <= self.limit_bytes && self.entries() < self.entries_max;
        if fits {
            self.policy.insert(slot, blocks(bytes));
            self.peak_bytes = self.peak_bytes.max(self.taken_bytes());
        }
        if self.policy.peek(&slot).is_none() {
            self.doom(slot, bytes, None);
        }
    }

    /// Holds the entry in a slot and counts that it was asked for.
    pub(super) fn hold(&mut self, slot: i64) -> Option<Arc<Hold>> {
        self.policy.get(&slot)?;
        Some(self.ground.hold(slot))
    }

    /// Whether an entry is there, without counting that it was asked for.
    pub(super) fn has(&self, slot: i64) -> bool {
        self.policy.peek(&slot).is_some()
    }

    /// Counts that an entry was asked for. Whether it is there.
    pub(super) fn touch(&mut self, slot: i64) -> bool {
        self.policy.get(&slot).is_some()
    }

    /// An entry is to go, for another reason than its room. One that is not there may still have a row. Gives what it
    /// takes, in bytes.
    pub(super) fn forget(&mut self, slot: i64) -> u64 {
        let bytes = self.policy.remove(&slot).map_or(0, |(_, blocks)| in_bytes(u64::from(blocks)));
        self.doom(slot, bytes, None);
        bytes
    }

    /// The first of those that are doomed.
    pub(super) fn doomed(&self, max: usize) -> Vec<Doomed> {
        self.doomed.iter().take(max).copied().collect()
    }

    /// Writes down which files the first of them have.
    pub(super) fn name(&mut self, named: &[Doomed]) {
        for (doomed, named) in self.doomed.iter_mut().zip(named) {
            *doomed = *named;
        }
    }

    /// So many of them are gone from the disk.
    pub(super) fn gone(&mut self, count: usize) {
        let bytes: u64 = self.doomed.drain(..count.min(self.doomed.len())).map(|doomed| doomed.bytes).sum();
        self.doomed_bytes = self.doomed_bytes.saturating_sub(bytes);
    }
}

pub(super) fn busy() -> Error {
    let kind = ErrorKind::Busy { retry_after: RETRY_AFTER, is_callers: false };
    Error::new(kind, "all room of the cache is taken by what is being made or read")
}
