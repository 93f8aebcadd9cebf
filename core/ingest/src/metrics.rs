//! The figures of uploads.

use std::time::Duration;

use budget::limits::{
    UPLOAD_DURATION_BUCKETS_SECONDS, UPLOAD_SIZE_BUCKETS_BYTES, UPLOAD_STEP_BUCKETS_SECONDS,
};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// How an upload ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is a track, or a picture that is kept.
    Ready,
    /// Its sender named bytes that were there already.
    Known,
    /// It was a part, and is in another one now.
    Joined,
    /// It could not become one, for this reason.
    Failed(&'static str),
    /// Its sender gave it up.
    Cancelled,
    /// Nothing came for too long.
    Expired,
}

/// All counters of one engine.
pub(crate) struct Metrics {
    open: Gauge,
    receiving: Gauge,
    off: Gauge,
    bytes: Counter,
    sizes: Histogram,
    seconds: Histogram,
    ended: Family<EndedLabel, Counter>,
    requests: Family<OutcomeLabel, Counter>,
    resumes: Counter,
    take_overs: Counter,
    publish_seconds: Histogram,
    publish_failures: Counter,
    orphans: Family<WhatLabel, Counter>,
    scrubbed_bytes: Counter,
    scrubbed: Family<FoundLabel, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndedLabel {
    outcome: &'static str,
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhatLabel {
    what: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FoundLabel {
    found: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let metrics = Metrics {
            open: Gauge::default(),
            receiving: Gauge::default(),
            off: Gauge::default(),
            bytes: Counter::default(),
            sizes: Histogram::new(UPLOAD_SIZE_BUCKETS_BYTES),
            seconds: Histogram::new(UPLOAD_DURATION_BUCKETS_SECONDS),
            ended: Family::default(),
            requests: Family::default(),
            resumes: Counter::default(),
            take_overs: Counter::default(),
            publish_seconds: Histogram::new(UPLOAD_STEP_BUCKETS_SECONDS),
            publish_failures: Counter::default(),
            orphans: Family::default(),
            scrubbed_bytes: Counter::default(),
            scrubbed: Family::default(),
        };
        // A counter that is there from the start can be seen to grow.
        let failed =
            ["store", "catalog", "disk-full", "refused", "gone", "not-media", "checksum-mismatch", "quota"];
        let others = [Ended::Ready, Ended::Known, Ended::Joined, Ended::Cancelled, Ended::Expired];
        for how in failed.map(Ended::Failed).into_iter().chain(others) {
            drop(metrics.ended.get_or_create(&label(how)));
        }
        for outcome in ["complete", "broken-off", "taken-over"] {
            drop(metrics.requests.get_or_create(&OutcomeLabel { outcome }));
        }
        for found in ["sound", "bad", "missing"] {
            drop(metrics.scrubbed.get_or_create(&FoundLabel { found }));
        }
        metrics
    }

    pub(crate) fn open(&self, count: usize) {
        self.open.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(crate) fn off(&self) {
        self.off.set(1);
    }

    pub(crate) fn synced(&self, bytes: u64) {
        self.bytes.inc_by(bytes);
    }

    /// A request took an upload, from another one or after it had received something.
    pub(crate) fn taken(&self, over: bool, resumed: bool) {
        if over {
            self.take_overs.inc();
        }
        if resumed {
            self.resumes.inc();
        }
    }

    /// Counts a request that receives for as long as the guard lives.
    pub(crate) fn receives(&self) -> ReceivingGuard {
        self.receiving.inc();
        ReceivingGuard(self.receiving.clone())
    }

    pub(crate) fn request(&self, outcome: &'static str) {
        self.requests.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// An upload ended; sizes and times are of those that became something.
    pub(crate) fn ended(&self, how: Ended, length: Option<u64>, took: Option<Duration>) {
        self.ended.get_or_create(&label(how)).inc();
        if let (Ended::Ready, Some(length), Some(took)) = (how, length, took) {
            self.sizes.observe(length as f64);
            self.seconds.observe(took.as_secs_f64());
        }
    }

    pub(crate) fn published(&self, took: Duration, well: bool) {
        self.publish_seconds.observe(took.as_secs_f64());
        if !well {
            self.publish_failures.inc();
        }
    }

    pub(crate) fn orphans(&self, what: &'static str, count: u64) {
        self.orphans.get_or_create(&WhatLabel { what }).inc_by(count);
    }

    pub(crate) fn scrubbed(&self, found: &'static str, bytes: u64) {
        self.scrubbed.get_or_create(&FoundLabel { found }).inc();
        self.scrubbed_bytes.inc_by(bytes);
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        let Metrics { open, receiving, off, bytes, sizes, seconds, ended, requests, resumes, .. } = self;
        registry.register("uploads_open", "Uploads that are under way", open.clone());
        registry.register("uploads_receiving", "Requests that send bytes of uploads now", receiving.clone());
        registry.register("uploads_off", "1 after a disk failed to sync", off.clone());
        registry.register(
            "upload_received_bytes",
            "Bytes of uploads that were synced to disk",
            bytes.clone(),
        );
        registry.register("upload_size_bytes", "Sizes of uploads that became something", sizes.clone());
        let help = "Time from creation to ready of uploads that became something";
        registry.register("upload_seconds", help, seconds.clone());
        let help = "Uploads that ended, by outcome and reason; aborted ones are the clients' own doing";
        registry.register("uploads_ended", help, ended.clone());
        registry.register("upload_requests", "Requests that sent bytes, by how they ended", requests.clone());
        registry.register("upload_resumes", "Requests that went on where another ended", resumes.clone());
        let help = "Requests that ended an earlier one for the same upload";
        registry.register("upload_take_overs", help, self.take_overs.clone());
        let help = "How long it took until a whole file was a blob";
        registry.register("upload_publish_seconds", help, self.publish_seconds.clone());
        let help = "Publications that failed and are tried again";
        registry.register("upload_publish_failures", help, self.publish_failures.clone());
        let help = "Files that belonged to nothing and were put away, by what they were";
        registry.register("upload_orphans", help, self.orphans.clone());
        registry.register(
            "scrub_read_bytes",
            "Stored bytes that the scrub read",
            self.scrubbed_bytes.clone(),
        );
        registry.register(
            "scrub_blobs",
            "Blobs that the scrub looked at, by what it found",
            self.scrubbed.clone(),
        );
    }
}

/// Clients' own aborts are `aborted`, whatever the reason; what failed for ours is `failed`, for theirs `refused`.
fn label(how: Ended) -> EndedLabel {
    let (outcome, reason) = match how {
        Ended::Ready => ("ready", "received"),
        Ended::Known => ("ready", "known"),
        Ended::Joined => ("ready", "joined"),
        Ended::Failed(reason @ ("store" | "catalog" | "disk-full" | "refused" | "gone")) => {
            ("failed", reason)
        }
        Ended::Failed(reason) => ("refused", reason),
        Ended::Cancelled => ("aborted", "cancelled"),
        Ended::Expired => ("aborted", "expired"),
    };
    EndedLabel { outcome, reason }
}

/// Counts one request that receives.
pub(crate) struct ReceivingGuard(Gauge);

impl Drop for ReceivingGuard {
    fn drop(&mut self) {
        self.0.dec();
    }
}
