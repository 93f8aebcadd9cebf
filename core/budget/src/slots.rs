//! Slots: counts of things that run, overall and per key.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use crate::limits::RETRY_AFTER;
use crate::sync::{Mutex, lock};
use crate::{Fault, Refused};

/// A ceiling on how many of something exist at once, overall and for each key. Clones count together.
///
/// A key costs memory only while something of it runs, so the keys need no bound of their own.
pub struct Slots<K: Eq + Hash + Clone> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    what: &'static str,
    what_per_key: &'static str,
    ceiling: usize,
    ceiling_per_key: usize,
    counts: Mutex<Counts<K>>,
}

struct Counts<K> {
    used: usize,
    peak: usize,
    refused_total: u64,
    refused_per_key_total: u64,
    per_key: HashMap<K, usize>,
}

/// The figures of one set of slots at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotFigures {
    /// What is counted.
    pub what: &'static str,
    /// The name of the limit per key.
    pub what_per_key: &'static str,
    /// How many there may be; 0 is no limit.
    pub ceiling: usize,
    /// How many there are.
    pub used: usize,
    /// The most that there were at once.
    pub peak: usize,
    /// Keys of which at least one exists.
    pub keys: usize,
    /// Refusals because of the ceiling since the start.
    pub refused_total: u64,
    /// Refusals because of one key's ceiling since the start.
    pub refused_per_key_total: u64,
}

impl<K: Eq + Hash + Clone> Slots<K> {
    /// Names what is counted and sets both ceilings; 0 is no limit.
    pub fn new(
        what: &'static str,
        what_per_key: &'static str,
        ceiling: usize,
        ceiling_per_key: usize,
    ) -> Self {
        let counts =
            Counts { used: 0, peak: 0, refused_total: 0, refused_per_key_total: 0, per_key: HashMap::new() };
        let counts = Mutex::new(counts);
        Slots { shared: Arc::new(Shared { what, what_per_key, ceiling, ceiling_per_key, counts }) }
    }

    /// Takes one slot for `key`.
    ///
    /// # Errors
    /// [`Fault::Caller`] when the key has its share already, which is told first because the caller can act on it;
    /// [`Fault::Server`] when all slots are taken.
    pub fn take(&self, key: K) -> Result<Slot<K>, Refused> {
        let shared = &self.shared;
        let mut guard = lock(&shared.counts);
        let counts = &mut *guard;
        if shared.ceiling_per_key > 0
            && counts.per_key.get(&key).is_some_and(|&held| held >= shared.ceiling_per_key)
        {
            counts.refused_per_key_total += 1;
            return Err(Refused {
                what: shared.what_per_key,
                fault: Fault::Caller,
                retry_after: RETRY_AFTER,
            });
        }
        if shared.ceiling > 0 && counts.used >= shared.ceiling {
            counts.refused_total += 1;
            return Err(Refused { what: shared.what, fault: Fault::Server, retry_after: RETRY_AFTER });
        }
        *counts.per_key.entry(key.clone()).or_insert(0) += 1;
        counts.used += 1;
        counts.peak = counts.peak.max(counts.used);
        drop(guard);
        Ok(Slot { shared: Arc::clone(shared), key })
    }

    /// How many slots are taken.
    pub fn used(&self) -> usize {
        lock(&self.shared.counts).used
    }

    /// How many slots `key` has.
    pub fn used_by(&self, key: &K) -> usize {
        lock(&self.shared.counts).per_key.get(key).copied().unwrap_or(0)
    }

    /// How many slots there are; 0 is no limit.
    pub fn ceiling(&self) -> usize {
        self.shared.ceiling
    }

    /// Everything that is counted, read together.
    pub fn figures(&self) -> SlotFigures {
        self.shared.figures()
    }
}

impl<K> Shared<K> {
    fn figures(&self) -> SlotFigures {
        let counts = lock(&self.counts);
        SlotFigures {
            what: self.what,
            what_per_key: self.what_per_key,
            ceiling: self.ceiling,
            used: counts.used,
            peak: counts.peak,
            keys: counts.per_key.len(),
            refused_total: counts.refused_total,
            refused_per_key_total: counts.refused_per_key_total,
        }
    }
}

impl<K: Eq + Hash + Clone> Clone for Slots<K> {
    fn clone(&self) -> Self {
        Slots { shared: Arc::clone(&self.shared) }
    }
}

impl<K: Eq + Hash + Clone> fmt::Debug for Slots<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.figures().fmt(f)
    }
}

#[cfg(not(loom))]
impl<K: Eq + Hash + Clone + Send + 'static> Slots<K> {
    /// Shows `slots_used{what}`, `slots_peak{what}` and `slots_refused_total{what}`, for as long as the slots exist.
    /// The families themselves are described once, by [`crate::Budget::register`].
    pub fn register(&self, _registry: &mut prometheus_client::registry::Registry) {
        let shared: std::sync::Weak<dyn crate::figures::HasSlots> = Arc::downgrade(&self.shared) as _;
        crate::figures::enrol_slots(shared);
    }
}

#[cfg(not(loom))]
impl<K: Send + 'static> crate::figures::HasSlots for Shared<K> {
    fn slots(&self) -> SlotFigures {
        self.figures()
    }
}

/// One slot; dropping it frees it.
#[must_use = "dropping a slot frees it"]
pub struct Slot<K: Eq + Hash + Clone> {
    shared: Arc<Shared<K>>,
    key: K,
}

impl<K: Eq + Hash + Clone> Slot<K> {
    /// Whose slot this is.
    pub fn key(&self) -> &K {
        &self.key
    }
}

impl<K: Eq + Hash + Clone> Drop for Slot<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.shared.counts);
        counts.used -= 1;
        if let Entry::Occupied(mut held) = counts.per_key.entry(self.key.clone()) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
    }
}

impl<K: Eq + Hash + Clone + fmt::Debug> fmt::Debug for Slot<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("what", &self.shared.what).field("key", &self.key).finish()
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests;
