//! What jobs did, as figures.

use std::time::Duration;

use catalog::JobState;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds of how long a song takes, in seconds.
const BUCKETS_SECONDS: [f64; 9] = [1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 3_600.0, 36_000.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    state: &'static str,
}

/// All of them.
#[derive(Clone)]
pub(super) struct Figures {
    ended: Family<Ended, Counter>,
    retried: Counter,
    started: Counter,
    seconds: Histogram,
    queued: Gauge,
    running: Gauge,
    warm: Gauge,
    peak_bytes: Gauge,
    songs_bytes: Gauge,
}

impl Default for Figures {
    fn default() -> Self {
        Figures {
            ended: Family::default(),
            retried: Counter::default(),
            started: Counter::default(),
            seconds: Histogram::new(BUCKETS_SECONDS),
            queued: Gauge::default(),
            running: Gauge::default(),
            warm: Gauge::default(),
            peak_bytes: Gauge::default(),
            songs_bytes: Gauge::default(),
        }
    }
}

impl Figures {
    /// Adds them to the metrics.
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("stems");
        registry.register("jobs_ended", "Jobs that ended, by how", self.ended.clone());
        registry.register(
            "jobs_retried",
            "Jobs that were put back after a try that failed",
            self.retried.clone(),
        );
        registry.register("workers_started", "Children that were started", self.started.clone());
        let help = "Time that a song took from its claim to its stems";
        registry.register_with_unit("job", help, Unit::Seconds, self.seconds.clone());
        registry.register("jobs_queued", "Jobs that wait", self.queued.clone());
        registry.register("jobs_running", "Jobs that somebody works for", self.running.clone());
        registry.register(
            "workers_warm",
            "Children that have nothing to do and keep their model",
            self.warm.clone(),
        );
        let help = "The most memory that a child had since the start";
        registry.register_with_unit("worker_peak", help, Unit::Bytes, self.peak_bytes.clone());
        let help = "What songs that were sent, and whose jobs have not ended, hold of the cache";
        registry.register_with_unit("songs_held", help, Unit::Bytes, self.songs_bytes.clone());
    }

    /// A job ended so.
    pub(super) fn ended(&self, state: JobState) {
        self.ended.get_or_create(&Ended { state: state.word() }).inc();
    }

    /// A job was put back.
    pub(super) fn retried(&self) {
        self.retried.inc();
    }

    /// A child was started.
    pub(super) fn started(&self) {
        self.started.inc();
    }

    /// A song was taken apart.
    pub(super) fn took(&self, time: Duration, peak_bytes: u64) {
        self.seconds.observe(time.as_secs_f64());
        let peak_bytes = i64::try_from(peak_bytes).unwrap_or(i64::MAX);
        if peak_bytes > self.peak_bytes.get() {
            self.peak_bytes.set(peak_bytes);
        }
    }

    /// How the line is.
    pub(super) fn line(&self, queued: u64, running: u64, warm: usize, songs_bytes: u64) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.queued.set(number(queued));
        self.running.set(number(running));
        self.warm.set(number(warm as u64));
        self.songs_bytes.set(number(songs_bytes));
    }
}
