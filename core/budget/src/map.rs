//! The only kind of map that grows with use.

use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::registry::Registry;
use quick_cache::unsync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, UnitWeighter};

use crate::figures::{self, HasMap};

/// A map bounded in entries and in time. Clones are the same map. When it is full, entries that are seldom asked for go.
///
/// One lock is around it: whoever asks holds it for as long as a look into a table takes.
pub struct BoundedMap<K, V> {
    shared: Arc<Shared<K, V>>,
}

struct Shared<K, V> {
    name: &'static str,
    entries_max: usize,
    lifetime: Duration,
    table: Mutex<Table<K, V>>,
}

struct Table<K, V> {
    entries: Cache<K, Entry<V>, UnitWeighter, DefaultHashBuilder, Counting>,
    /// When all that was too old went last.
    swept: Instant,
    evictions: u64,
}

struct Entry<V> {
    value: V,
    since: Instant,
}

/// Counts what goes for want of room.
struct Counting;

impl<K, V> Lifecycle<K, V> for Counting {
    type RequestState = u64;

    fn on_evict(&self, evicted: &mut u64, _: K, _: V) {
        *evicted += 1;
    }
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

impl<K: Eq + Hash, V> Table<K, V> {
    /// Forgets what is older than the lifetime.
    fn sweep(&mut self, lifetime: Duration) {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.since.elapsed() < lifetime);
        self.evictions += (before - self.entries.len()) as u64;
        self.swept = Instant::now();
    }

    /// The value, unless it is too old; then it goes.
    fn fresh(&mut self, key: &K, lifetime: Duration) -> Option<&V> {
        let is_old = |entry: &Entry<V>| entry.since.elapsed() >= lifetime;
        if self.entries.peek(key).is_some_and(is_old) {
            self.entries.remove(key);
            self.evictions += 1;
        }
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// What is too old and never asked for again goes when something new comes, but not more often than it grows old.
    fn put(&mut self, key: K, value: V, lifetime: Duration) {
        if self.swept.elapsed() >= lifetime {
            self.sweep(lifetime);
        }
        let mut evicted = 0;
        self.entries.insert_with_lifecycle(key, Entry { value, since: Instant::now() }, &mut evicted);
        self.evictions += evicted;
    }
}

impl<K, V> Shared<K, V> {
    /// What panics while it holds the lock leaves the table whole.
    fn table(&self) -> MutexGuard<'_, Table<K, V>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> BoundedMap<K, V>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A map of at most `entries_max` entries, with room for two at least. Each is forgotten `lifetime` after it was put in.
    pub fn new(name: &'static str, entries_max: usize, lifetime: Duration) -> Self {
        let entries_max = entries_max.max(2);
        let (weight_max, hash) = (entries_max as u64, DefaultHashBuilder::default());
        let entries = Cache::with(entries_max, weight_max, UnitWeighter, hash, Counting);
        let table = Table { entries, swept: Instant::now(), evictions: 0 };
        BoundedMap { shared: Arc::new(Shared { name, entries_max, lifetime, table: Mutex::new(table) }) }
    }

    /// The value of `key`, unless it is gone or too old.
    pub fn get(&self, key: &K) -> Option<V> {
        self.shared.table().fresh(key, self.shared.lifetime).cloned()
    }

    /// Puts a value in; its lifetime starts now.
    pub fn insert(&self, key: K, value: V) {
        self.shared.table().put(key, value, self.shared.lifetime);
    }

    /// The value of `key`, or else the given one, which is put in. Of many who ask at the same time all get the same.
    pub fn get_or_insert(&self, key: K, value: V) -> V {
        let mut table = self.shared.table();
        if let Some(known) = table.fresh(&key, self.shared.lifetime) {
            return known.clone();
        }
        table.put(key, value.clone(), self.shared.lifetime);
        value
    }

    /// Takes a value out.
    pub fn remove(&self, key: &K) -> Option<V> {
        let mut table = self.shared.table();
        table.fresh(key, self.shared.lifetime)?;
        table.entries.remove(key).map(|(_, entry)| entry.value)
    }

    /// Forgets everything. Entries put in after the call stay.
    pub fn clear(&self) {
        self.shared.table().entries.clear();
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
        let mut table = self.table();
        table.sweep(self.lifetime);
        MapFigures {
            name: self.name,
            entries: table.entries.len() as u64,
            entries_max: self.entries_max as u64,
            evictions_total: table.evictions,
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
    fn an_entry_without_lifetime_is_gone_at_once_and_counted() {
        let map = BoundedMap::new("names", 10, Duration::ZERO);
        map.insert(1, ());
        assert_eq!((map.get(&1), map.shared.map().evictions_total), (None, 1));
        map.insert(2, ());
        assert_eq!((map.len(), map.shared.map().evictions_total), (0, 2));
    }

    #[test]
    fn what_is_asked_for_stays_when_the_map_is_full() {
        let map = BoundedMap::new("names", 10, Duration::from_secs(60));
        map.insert(0, "asked for");
        for number in 1..1_000 {
            assert_eq!(map.get(&0), Some("asked for"), "before {number}");
            map.insert(number, "once");
        }
    }

    #[test]
    fn who_comes_second_gets_what_the_first_put_in() {
        let map = BoundedMap::new("names", 10, Duration::from_secs(60));
        assert_eq!((map.get_or_insert(1, "first"), map.get_or_insert(1, "second")), ("first", "first"));
        assert_eq!(map.remove(&1), Some("first"));
        assert_eq!(map.get_or_insert(1, "second"), "second");
    }
}
