//! The figures of the cache. What is counted is counted as it happens; what is a state is looked at when it is asked for.

use std::fmt;
use std::sync::{Arc, Weak};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use super::{Cache, Shared};
use crate::error::Error;

#[derive(Default)]
pub(super) struct Figures {
    kept: Counter,
    not_kept: Counter,
    refused: Counter,
    rotten: Counter,
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

    pub(super) fn rotten(&self, count: usize) {
        self.rotten.inc_by(count as u64);
    }

    fn register(&self, registry: &mut Registry) {
        for (name, help, counter) in [
            ("renditions_kept", "Renditions that were put into the cache", &self.kept),
            ("renditions_not_kept", "Renditions that were made and not put into the cache", &self.not_kept),
            ("rendition_room_refused", "Times that there was no room on the disk", &self.refused),
            (
                "renditions_rotten",
                "Renditions that were removed because their bytes had changed",
                &self.rotten,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
    }
}

impl Cache {
    /// Adds the figures to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.figures.register(registry);
        self.0.failures.register(registry);
        self.0.renditions.register(registry);
        registry.register_collector(Box::new(Now(Arc::downgrade(&self.0))));
    }
}

/// What is so at the moment of the question. It holds nothing alive.
struct Now(Weak<Shared>);

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(shared) = self.0.upgrade() else { return Ok(()) };
        let cache = Cache(shared);
        let (taken, peak, limit, entries, evicted) = {
            let books = cache.books();
            let (taken, peak, limit) = (books.taken_bytes(), books.peak_bytes(), books.limit_bytes());
            (taken, peak, limit, books.entries() as u64, books.evicted_total())
        };
        let open = cache.standing().len() as u64;
        for (name, help, number) in [
            ("rendition_cache_bytes", "Disk that renditions take, those in the making included", taken),
            ("rendition_cache_peak_bytes", "The most disk that they ever took since the start", peak),
            ("rendition_cache_bytes_max", "Disk that renditions may take", limit),
            ("rendition_cache_entries", "Renditions that are kept", entries),
            ("rendition_cache_open", "Renditions that stay open between requests", open),
        ] {
            let gauge = ConstGauge::new(number as f64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        let evicted = ConstCounter::new(evicted);
        let help = "Renditions that went to make room";
        evicted.encode(encoder.encode_descriptor("renditions_evicted", help, None, evicted.metric_type())?)
    }
}
