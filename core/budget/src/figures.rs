//! The metrics of this crate, read at the moment of a scrape.
//!
//! A metric family may be described only once in an exposition, while slots and maps are made in many crates. So they
//! enrol in one list of the process, and the collector of [`crate::Budget::register`] shows them all. Two of the same
//! name (two servers in one test process) are shown as one sum.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Weak;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::map::MapFigures;
use crate::slots::SlotFigures;
use crate::sync::{Mutex, lock};
use crate::{Budget, Level, PoolFigures};

/// Slots of whatever key.
pub(crate) trait HasSlots: Send + Sync {
    fn slots(&self) -> SlotFigures;
}

/// A map of whatever type.
pub(crate) trait HasMap: Send + Sync {
    fn map(&self) -> MapFigures;
}

static SLOTS: Mutex<Vec<Weak<dyn HasSlots>>> = Mutex::new(Vec::new());
static MAPS: Mutex<Vec<Weak<dyn HasMap>>> = Mutex::new(Vec::new());

pub(crate) fn enrol_slots(slots: Weak<dyn HasSlots>) {
    enrol(&SLOTS, slots);
}

pub(crate) fn enrol_map(map: Weak<dyn HasMap>) {
    enrol(&MAPS, map);
}

/// Adds one and forgets those that are gone, so that the list is as long as what exists.
fn enrol<T: ?Sized>(list: &Mutex<Vec<Weak<T>>>, one: Weak<T>) {
    let mut list = lock(list);
    list.retain(|known| known.strong_count() > 0 && !known.ptr_eq(&one));
    list.push(one);
}

/// The metrics of a budget, and of all enrolled slots and maps.
struct Figures {
    budget: Budget,
}

impl Budget {
    /// Shows the metrics of all pools, `budget_{floor,ceiling,used,peak}_bytes{pool}`, `budget_waiting{pool}`,
    /// `budget_refused_total{pool}`, `budget_limit_bytes`, those of all slots and maps that are registered, and those of
    /// the pressure: `pressure_level` (0 calm, 1 raised, 2 high, 3 full), `pressure_changes_total{to}`,
    /// `memory_used_bytes{what}` and `memory_used_limit_bytes` against which it counts, `memory_group_limit_bytes` if our
    /// group has a limit, `background_turns_{allowed,running,waiting}`. What was measured is shown once
    /// [`Budget::watch`] has looked.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_collector(Box::new(Figures { budget: self.clone() }));
    }
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        single(&mut encoder, "budget_limit_bytes", "The memory limit", self.budget.limit_bytes())?;
        self.pools(&mut encoder)?;
        self.pressure(&mut encoder)?;
        slots(&mut encoder)?;
        maps(&mut encoder)
    }
}

impl Figures {
    fn pools(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let figures = self.budget.figures();
        let rows =
            |value: fn(&PoolFigures) -> u64| figures.iter().map(move |row| (row.pool.name(), value(row)));
        gauge(
            encoder,
            "budget_floor_bytes",
            "Bytes that no other pool can take",
            "pool",
            rows(|row| row.floor_bytes),
        )?;
        gauge(
            encoder,
            "budget_ceiling_bytes",
            "Bytes that the pool never exceeds",
            "pool",
            rows(|row| row.ceiling_bytes),
        )?;
        gauge(
            encoder,
            "budget_used_bytes",
            "Bytes that permits stand for",
            "pool",
            rows(|row| row.used_bytes),
        )?;
        gauge(
            encoder,
            "budget_peak_bytes",
            "The most bytes at once since the start",
            "pool",
            rows(|row| row.peak_bytes),
        )?;
        gauge(
            encoder,
            "budget_waiting",
            "Requests that wait for a permit",
            "pool",
            rows(|row| row.waiting as u64),
        )?;
        counter(encoder, "budget_refused", "Permits refused", "pool", rows(|row| row.refused_total))
    }

    fn pressure(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let watched = self.budget.watched();
        single(encoder, "pressure_level", "How scarce memory is", self.budget.pressure() as u64)?;
        let changes = Level::ALL.map(Level::name).into_iter().zip(watched.changes());
        counter(encoder, "pressure_changes", "Changes of the pressure's level", "to", changes)?;
        let background = self.budget.background_figures();
        let (allowed, running) = (background.allowed as u64, background.running as u64);
        single(encoder, "background_turns_allowed", "Background work that may run at once", allowed)?;
        single(encoder, "background_turns_running", "Background work that runs", running)?;
        let waiting = background.waiting as u64;
        single(encoder, "background_turns_waiting", "Background work that waits for its turn", waiting)?;
        let Some(usage) = watched.usage() else { return Ok(()) };
        let used = [
            ("anonymous", usage.used.anonymous_bytes),
            ("kernel", usage.used.kernel_bytes),
            ("sockets", usage.used.sockets_bytes),
        ];
        gauge(encoder, "memory_used_bytes", "Memory that cannot be taken back", "what", used)?;
        single(encoder, "memory_used_limit_bytes", "What the used memory counts against", usage.limit_bytes)?;
        match usage.group_limit_bytes {
            Some(bytes) => {
                single(encoder, "memory_group_limit_bytes", "The limit of our memory group", bytes)
            }
            None => Ok(()),
        }
    }
}

fn slots(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let enrolled: Vec<_> = lock(&SLOTS).iter().filter_map(Weak::upgrade).collect();
    let figures: Vec<_> = enrolled.iter().map(|slots| slots.slots()).collect();
    let (mut used, mut peak, mut refused) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in figures {
        *used.entry(row.what).or_insert(0) += row.used as u64;
        *peak.entry(row.what).or_insert(0) += row.peak as u64;
        *refused.entry(row.what).or_insert(0) += row.refused_total;
        *refused.entry(row.what_per_key).or_insert(0) += row.refused_per_key_total;
    }
    gauge(encoder, "slots_used", "Slots that are taken", "what", used)?;
    gauge(encoder, "slots_peak", "The most slots taken at once since the start", "what", peak)?;
    counter(encoder, "slots_refused", "Slots refused, by the limit that was reached", "what", refused)
}

fn maps(encoder: &mut DescriptorEncoder) -> fmt::Result {
    let enrolled: Vec<_> = lock(&MAPS).iter().filter_map(Weak::upgrade).collect();
    let (mut entries, mut entries_max, mut evictions) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for row in enrolled.iter().map(|map| map.map()) {
        *entries.entry(row.name).or_insert(0) += row.entries;
        *entries_max.entry(row.name).or_insert(0) += row.entries_max;
        *evictions.entry(row.name).or_insert(0) += row.evictions_total;
    }
    gauge(encoder, "map_entries", "Entries of a bounded map", "map", entries)?;
    gauge(encoder, "map_entries_max", "Entries that a bounded map may have", "map", entries_max)?;
    counter(encoder, "map_evictions", "Entries let go because of size or age", "map", evictions)
}

/// One gauge without a label.
fn single(encoder: &mut DescriptorEncoder, name: &str, help: &str, value: u64) -> fmt::Result {
    let described = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value).encode(described)
}

type Rows<'a> = dyn Iterator<Item = (&'static str, u64)> + 'a;

fn gauge(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &'static str,
    rows: impl IntoIterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    family(encoder, (name, help, label), MetricType::Gauge, &mut rows.into_iter())
}

fn counter(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    label: &'static str,
    rows: impl IntoIterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    family(encoder, (name, help, label), MetricType::Counter, &mut rows.into_iter())
}

/// One family with one label, a row for each of its values.
fn family(
    encoder: &mut DescriptorEncoder,
    (name, help, label): (&str, &str, &'static str),
    kind: MetricType,
    rows: &mut Rows<'_>,
) -> fmt::Result {
    let mut described = encoder.encode_descriptor(name, help, None, kind)?;
    for (key, value) in rows {
        let labels = [(label, key)];
        let row = described.encode_family(&labels)?;
        match kind {
            MetricType::Counter => ConstCounter::new(value).encode(row)?,
            _ => ConstGauge::new(value).encode(row)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BoundedMap, Pool, Slots, limits::MIB};

    #[test]
    fn every_family_is_described_once_whoever_registers() {
        let mut registry = Registry::with_prefix("millpond");
        let budget = Budget::new(256 * MIB).unwrap();
        budget.register(&mut registry);
        let (one, two) =
            (Slots::new("ones", "ones_per_user", 1, 1), Slots::<u8>::new("twos", "twos_per_user", 1, 1));
        one.register(&mut registry);
        two.register(&mut registry);
        one.register(&mut registry);
        let map = BoundedMap::<u8, u8>::new("figures_test", 7, std::time::Duration::from_secs(1));
        map.register(&mut registry);
        let _held = (one.take(1).unwrap(), budget.take(Pool::Streams, 77).unwrap());
        assert!(one.take(1).is_err() && one.take(2).is_err() && budget.take(Pool::Scans, u64::MAX).is_err());
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        for line in [
            "millpond_budget_limit_bytes 268435456",
            "millpond_budget_used_bytes{pool=\"streams\"} 77",
            "millpond_budget_waiting{pool=\"streams\"} 0",
            "millpond_budget_refused_total{pool=\"scans\"} 1",
            "millpond_slots_used{what=\"ones\"} 1",
            "millpond_slots_peak{what=\"twos\"} 0",
            "millpond_slots_refused_total{what=\"ones\"} 1",
            "millpond_slots_refused_total{what=\"ones_per_user\"} 1",
            "millpond_map_entries_max{map=\"figures_test\"} 7",
            "millpond_map_evictions_total{map=\"figures_test\"} 0",
            "# TYPE millpond_slots_used gauge",
        ] {
            assert_eq!(text.lines().filter(|&found| found == line).count(), 1, "{line} in\n{text}");
        }
    }
}
