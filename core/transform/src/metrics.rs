//! The figures of renditions.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use budget::limits::RENDITION_BUCKETS_SECONDS;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::cache::Made;
use crate::error::{Error, ErrorKind};
use crate::recipe::Recipe;
use crate::transforms::Inner;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    mode: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Mode {
    mode: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// What is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    hits: Counter,
    misses: Counter,
    joins: Counter,
    stale: Counter,
    refusals: Family<Reason, Counter>,
    ended: Family<Outcome, Counter>,
    wait_seconds: Histogram,
    making_seconds: Family<Mode, Histogram>,
    child_peak_bytes: Family<Mode, Histogram>,
    child_cpu_seconds: Family<Mode, Counter<f64, std::sync::atomic::AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            hits: Counter::default(),
            misses: Counter::default(),
            joins: Counter::default(),
            stale: Counter::default(),
            refusals: Family::default(),
            ended: Family::default(),
            wait_seconds: Histogram::new(RENDITION_BUCKETS_SECONDS),
            making_seconds: Family::new_with_constructor(|| Histogram::new(RENDITION_BUCKETS_SECONDS)),
            child_peak_bytes: Family::new_with_constructor(|| {
                Histogram::new(budget::limits::CHILD_BUCKETS_BYTES)
            }),
            child_cpu_seconds: Family::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn looked_up(&self, is_hit: bool) {
        if is_hit { &self.hits } else { &self.misses }.inc();
    }

    pub(crate) fn joined(&self) {
        self.joins.inc();
    }

    pub(crate) fn given_stale(&self, is_given: bool) {
        self.stale.inc_by(u64::from(is_given));
    }

    pub(crate) fn refused(&self, reason: &'static str) {
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    pub(crate) fn waited(&self, waited: Duration) {
        self.wait_seconds.observe(waited.as_secs_f64());
    }

    pub(crate) fn ended(&self, recipe: &Recipe, outcome: &Result<Made, Error>) {
        let outcome = match outcome {
            Ok(_) => "made",
            Err(e) => name(&e.kind),
        };
        self.ended.get_or_create(&Outcome { mode: recipe.mode(), outcome }).inc();
    }

    /// A child has ended that was at work for a recipe, after so long, with such a peak and so much work.
    pub(crate) fn child(&self, recipe: &Recipe, took: Duration, peak_bytes: u64, cpu: Duration) {
        let mode = Mode { mode: recipe.mode() };
        self.making_seconds.get_or_create(&mode).observe(took.as_secs_f64());
        self.child_peak_bytes.get_or_create(&mode).observe(peak_bytes as f64);
        self.child_cpu_seconds.get_or_create(&mode).inc_by(cpu.as_secs_f64());
    }

    /// Shows what can happen before it does, so that an alert sees the first time.
    fn begin(&self) {
        for reason in ["queue", "wait", "memory", "never", "address", "user"] {
            drop(self.refusals.get_or_create(&Reason { reason }));
        }
        for outcome in ["made", "failed", "stalled", "source", "io", "no_ffmpeg"] {
            drop(self.ended.get_or_create(&Outcome { mode: "video", outcome }));
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry, inner: &Arc<Inner>) {
        self.begin();
        let hits = "Renditions that were kept already";
        registry.register("rendition_hits", hits, self.hits.clone());
        let misses = "Renditions that were asked for and not kept";
        registry.register("rendition_misses", misses, self.misses.clone());
        let joins = "Requests that joined a rendition in the making";
        registry.register("rendition_joins", joins, self.joins.clone());
        let stale = "Renditions of a former version that were given while a new one was made";
        registry.register("rendition_stale", stale, self.stale.clone());
        let refusals = "Renditions that were refused before they began, by reason";
        registry.register("rendition_refusals", refusals, self.refusals.clone());
        let ended = "Renditions that were begun, by how they ended";
        registry.register("renditions_ended", ended, self.ended.clone());
        let waited = "How long renditions waited for their turn";
        registry.register("rendition_wait_seconds", waited, self.wait_seconds.clone());
        let took = "How long children worked";
        registry.register("rendition_making_seconds", took, self.making_seconds.clone());
        let peak = "Peak memory of children";
        registry.register("transform_child_peak_bytes", peak, self.child_peak_bytes.clone());
        let cpu = "Processor time of children";
        registry.register("transform_child_cpu_seconds", cpu, self.child_cpu_seconds.clone());
        registry.register_collector(Box::new(Now(Arc::downgrade(inner))));
    }
}

const fn name(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::NoPicture => "no_picture",
        ErrorKind::NoSound => "no_sound",
        ErrorKind::BehindTheEnd => "behind_the_end",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::Busy { .. } => "busy",
        ErrorKind::Stalled => "stalled",
        ErrorKind::Killed => "killed",
        ErrorKind::Failed => "failed",
        ErrorKind::NoFfmpeg => "no_ffmpeg",
        ErrorKind::Source => "source",
        ErrorKind::Lied => "lied",
        ErrorKind::Changed => "changed",
        ErrorKind::Gone => "gone",
        ErrorKind::Io => "io",
    }
}

/// What is so at the moment of the question. It holds nothing alive.
struct Now(Weak<Inner>);

impl fmt::Debug for Now {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Now")
    }
}

impl Collector for Now {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(inner) = self.0.upgrade() else { return Ok(()) };
        let turns = inner.turns.figures();
        let (flights, waiting) = {
            let flights = inner.flights();
            (flights.len(), flights.values().map(|running| running.waiting()).sum())
        };
        let figures = [
            ("renditions_in_flight", "Renditions that are being made or wait to be", flights),
            (
                "renditions_in_flight_max",
                "Renditions that may be, before more are refused",
                inner.flights_max,
            ),
            ("rendition_waiters", "Requests that wait for a rendition or read it as it grows", waiting),
            ("transform_jobs_allowed", "Children that may run at once", turns.allowed),
            ("transform_jobs_running", "Children that run", turns.running),
            ("transform_jobs_waiting", "Renditions that wait for their turn", turns.waiting),
            (
                "transform_copies",
                "Sources that are copied whole because no child can read them",
                inner.copies.count(),
            ),
        ];
        for (name, help, number) in figures {
            let gauge = ConstGauge::new(number as f64);
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}
