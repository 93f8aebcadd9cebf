//! The only kind of map that grows with use.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::sync::Cache;
use prometheus_client::registry::Registry;

use crate::figures::{self, HasMap};

/// A map bounded in entries and in time. Clones are the same map. When it is full, entries that are seldom asked for go.
pub struct BoundedMap<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    name: &'static str,
    entries_max: usize,
    cache: Cache<K, V>,
    evictions: Arc<AtomicU64>,
}

/// The figures of one map at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapFigures {
    /// The map's name.
    pub name: &'static str,
    /// Entries that it holds.
    pub entries: u64,
    /// Entries that it may hold.
    pub entries_max: u64,
    /// Entries that it let go since the start because of its size or their age.
    pub evictions_total: u64,
}

impl<K, V> BoundedMap<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A map of at most `entries_max` entries, each of which is forgotten `lifetime` after it was put in.
    pub fn new(name: &'static str, entries_max: usize, lifetime: Duration) -> Self {
        let evictions = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&evictions);
        let cache = Cache::builder()
            .max_capacity(entries_max as u64)
            .time_to_live(lifetime)
            .eviction_listener(move |_, _, cause| {
                if matches!(cause, RemovalCause::Size | RemovalCause::Expired) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        BoundedMap { shared: Arc::new(Shared { name, entries_max, cache, evictions }) }
    }

    /// The value of `key`, unless it is gone or too old.
    pub fn get(&self, key: &K) -> Option<V> {
        self.shared.cache.get(key)
    }

    /// Puts a value in; its lifetime starts now.
    pub fn insert(&self, key: K, value: V) {
        self.shared.cache.insert(key, value);
    }

    /// The value of `key`, or else the given one, which is put in. Of many who ask at the same time all get the same.
    pub fn get_or_insert(&self, key: K, value: V) -> V {
        self.shared.cache.get_with(key, || value)
    }

    /// Takes a value out.
    pub fn remove(&self, key: &K) -> Option<V> {
        self.shared.cache.remove(key)
    }

    /// Forgets everything. Entries put in after the call stay.
    pub fn clear(&self) {
        self.shared.cache.invalidate_all();
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        usize::try_from(self.shared.map().entries).unwrap_or(usize::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows `map_entries{map}`, `map_entries_max{map}` and `map_evictions_total{map}`, for as long as the map exists.
    /// The families themselves are described once, by [`crate::Budget::register`].
    pub fn register(&self, _registry: &mut Registry) {
        let shared: std::sync::Weak<dyn HasMap> = Arc::downgrade(&self.shared) as _;
        figures::enrol_map(shared);
    }
}

impl<K, V> HasMap for Shared<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn map(&self) -> MapFigures {
        // Without this the count lags behind, because the library does its housekeeping in batches.
        self.cache.run_pending_tasks();
        MapFigures {
            name: self.name,
            entries: self.cache.entry_count(),
            entries_max: self.entries_max as u64,
            evictions_total: self.evictions.load(Ordering::Relaxed),
        }
    }
}

impl<K, V> Clone for BoundedMap<K, V> {
    fn clone(&self) -> Self {
        BoundedMap { shared: Arc::clone(&self.shared) }
    }
}

impl<K, V> fmt::Debug for BoundedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundedMap")
            .field("name", &self.shared.name)
            .field("entries_max", &self.shared.entries_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_never_grows_over_its_size_and_counts_what_it_let_go() {
        let map = BoundedMap::new("names", 10, Duration::from_secs(60));
        for number in 0..1_000 {
            map.insert(number, ());
        }
        assert_eq!((map.len(), map.shared.map().evictions_total), (10, 990));
        map.clear();
        assert!(map.is_empty());
        map.insert(7, ());
        assert_eq!((map.get(&7), map.remove(&7), map.get(&7)), (Some(()), Some(()), None));
    }

    #[test]
    fn an_entry_without_lifetime_is_gone_at_once() {
        let map = BoundedMap::new("names", 10, Duration::ZERO);
        map.insert(1, ());
        assert_eq!(map.get(&1), None);
    }
}
