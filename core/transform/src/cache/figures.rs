//! The figures of the cache.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Cache;
use crate::error::Error;

#[derive(Default)]
pub(super) struct Figures {
    kept: Counter,
    not_kept: Counter,
    refused: Counter,
    evicted: Counter,
    bytes: Gauge,
    bytes_max: Gauge,
    entries: Gauge,
    open: Gauge,
}

impl Figures {
    pub(super) fn kept(&self, is_kept: bool) {
        let counter = if is_kept { &self.kept } else { &self.not_kept };
        counter.inc();
    }

    pub(super) fn roomed<T>(&self, made: &Result<T, Error>) {
        if made.is_err() {
            self.refused.inc();
        }
    }

    /// Brings the figures that are states to this moment.
    pub(super) fn show(&self, cache: &Cache) {
        let as_figure = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let (taken, limit, entries, evicted) = {
            let books = cache.books();
            (books.taken_bytes(), books.limit_bytes(), books.entries(), books.evicted_total())
        };
        self.bytes.set(as_figure(taken));
        self.bytes_max.set(as_figure(limit));
        self.entries.set(as_figure(entries as u64));
        self.evicted.inc_by(evicted.saturating_sub(self.evicted.get()));
        self.open.set(as_figure(cache.standing().len() as u64));
    }

    fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("renditions_kept", "Renditions that were put into the cache", &self.kept),
            ("renditions_not_kept", "Renditions that were made and not put into the cache", &self.not_kept),
            ("rendition_room_refused", "Times that there was no room on the disk", &self.refused),
            ("renditions_evicted", "Renditions that went to make room", &self.evicted),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, gauge) in [
            ("rendition_cache_bytes", "Disk that renditions take, those in the making included", &self.bytes),
            ("rendition_cache_bytes_max", "Disk that renditions may take", &self.bytes_max),
            ("rendition_cache_entries", "Renditions that are kept", &self.entries),
            ("rendition_cache_open", "Renditions that stay open between requests", &self.open),
        ] {
            registry.register(name, help, gauge.clone());
        }
    }
}

impl Cache {
    /// Adds the figures to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.figures.show(self);
        self.0.figures.register(registry);
        self.0.failures.register(registry);
        self.0.renditions.register(registry);
    }
}
