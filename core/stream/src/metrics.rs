//! The figures of streams.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use budget::limits::{RANGE_LOG_EVERY, STREAM_CHUNK_BUCKETS_BYTES, STREAM_DURATION_BUCKETS_SECONDS};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::range::Selection;

/// All counters of one [`crate::Streams`].
pub(crate) struct Metrics {
    in_flight: Gauge,
    bytes: Counter,
    duration: Histogram,
    chunks: Histogram,
    ended: Family<OutcomeLabel, Counter>,
    stalls: Counter,
    ranges: Family<KindLabel, Counter>,
    /// What most answers count is at hand: to look it up by its label costs a lock and a hash.
    ranges_single: Counter,
    range_decisions: AtomicU64,
    orphans: Counter,
    wire_bytes: Family<HowLabel, Counter>,
    sendfile_bytes: Counter,
    misses: Counter,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// Its last byte was handed to the connection, which may still have had to send it.
    Complete,
    /// The client went away before.
    Cancelled,
    /// Its source could not be read, or changed.
    Failed,
    /// It made no progress for too long.
    Stalled,
    /// It was among the slowest while nearly all slots were taken.
    Crowded,
    /// Somebody asked for its end.
    Ended,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 6] = [
        Outcome::Complete,
        Outcome::Cancelled,
        Outcome::Failed,
        Outcome::Stalled,
        Outcome::Crowded,
        Outcome::Ended,
    ];

    const fn name(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Cancelled => "cancelled",
            Outcome::Failed => "failed",
            Outcome::Stalled => "stalled",
            Outcome::Crowded => "crowded",
            Outcome::Ended => "ended",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// How the wire sends bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// By `sendfile(2)`.
    Sendfile,
    /// Through one buffer, read when the connection has room.
    Copy,
}

impl How {
    const fn name(self) -> &'static str {
        match self {
            How::Sendfile => "sendfile",
            How::Copy => "copy",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct HowLabel {
    how: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        let (ended, ranges, wire_bytes) = (Family::default(), Family::default(), Family::default());
        for how in [How::Sendfile, How::Copy] {
            drop(wire_bytes.get_or_create(&HowLabel { how: how.name() }));
        }
        // A counter that is there from the start can be seen to grow.
        for outcome in Outcome::ALL {
            drop(ended.get_or_create(&OutcomeLabel { outcome: outcome.name() }));
        }
        for selection in Selection::EACH_KIND {
            drop(ranges.get_or_create(&KindLabel { kind: selection.kind() }));
        }
        let single = Selection::Single { offset: 0, count: 1 };
        let ranges_single = ranges.get_or_create_owned(&KindLabel { kind: single.kind() });
        let sendfile_bytes = wire_bytes.get_or_create_owned(&HowLabel { how: How::Sendfile.name() });
        Metrics {
            in_flight: Gauge::default(),
            bytes: Counter::default(),
            duration: Histogram::new(STREAM_DURATION_BUCKETS_SECONDS),
            chunks: Histogram::new(STREAM_CHUNK_BUCKETS_BYTES),
            ended,
            stalls: Counter::default(),
            ranges,
            ranges_single,
            range_decisions: AtomicU64::new(0),
            orphans: Counter::default(),
            wire_bytes,
            sendfile_bytes,
            misses: Counter::default(),
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("streams_in_flight", "Streams whose body is alive", self.in_flight.clone());
        // The encoder adds `_total` to every counter.
        registry.register("stream_bytes", "Bytes of bodies handed to connections", self.bytes.clone());
        registry.register("stream_duration_seconds", "How long streams lived", self.duration.clone());
        registry.register(
            "stream_chunk_bytes",
            "Sizes of the pieces that bodies were read or sent in",
            self.chunks.clone(),
        );
        registry.register("streams_ended",
            "Streams that ended, by how they ended; complete means that the last byte was handed to the connection, not that the client has it", self.ended.clone());
        registry.register(
            "stream_stalls",
            "Streams ended because they made no progress",
            self.stalls.clone(),
        );
        registry.register("range_decisions", "What was decided about Range fields", self.ranges.clone());
        registry.register(
            "orphans",
            "Registry entries without a body, found by the sweep",
            self.orphans.clone(),
        );
        registry.register("wire_bytes", "Bytes that the wire sent, by how", self.wire_bytes.clone());
        registry.register("wire_misses", "Windows that a disk had to bring first", self.misses.clone());
    }

    pub(crate) fn began(&self) {
        self.in_flight.inc();
    }

    pub(crate) fn ended(&self, outcome: Outcome, lived: Duration) {
        self.in_flight.dec();
        self.duration.observe(lived.as_secs_f64());
        self.ended.get_or_create(&OutcomeLabel { outcome: outcome.name() }).inc();
        if outcome == Outcome::Stalled {
            self.stalls.inc();
        }
    }

    pub(crate) fn chunk(&self, bytes: usize) {
        self.bytes.inc_by(bytes as u64);
        self.chunks.observe(bytes as f64);
    }

    /// The wire sent bytes.
    pub(crate) fn wire(&self, how: How, bytes: usize) {
        let bytes = bytes as u64;
        match how {
            How::Sendfile => self.sendfile_bytes.inc_by(bytes),
            How::Copy => self.wire_bytes.get_or_create(&HowLabel { how: how.name() }).inc_by(bytes),
        };
    }

    pub(crate) fn wired_bytes(&self) -> u64 {
        let by = |how: How| self.wire_bytes.get_or_create(&HowLabel { how: how.name() }).get();
        by(How::Sendfile) + by(How::Copy)
    }

    /// A window was not in the page cache.
    pub(crate) fn miss(&self) {
        self.misses.inc();
    }

    /// A body that was sent from memory.
    pub(crate) fn small(&self, bytes: usize) {
        self.chunk(bytes);
    }

    /// An entry whose body is gone without having said so.
    pub(crate) fn orphan(&self) {
        self.orphans.inc();
        self.in_flight.dec();
    }

    /// Counts every decision and logs one in [`RANGE_LOG_EVERY`].
    pub(crate) fn range(&self, selection: Selection, length: u64) {
        let kind = selection.kind();
        match selection {
            Selection::Single { .. } => self.ranges_single.inc(),
            _ => self.ranges.get_or_create(&KindLabel { kind }).inc(),
        };
        if self.range_decisions.fetch_add(1, Ordering::Relaxed).is_multiple_of(RANGE_LOG_EVERY) {
            tracing::debug!(kind, ?selection, length, sampled = RANGE_LOG_EVERY, "range decision");
        }
    }

    #[cfg(test)]
    pub(crate) fn count_ended(&self, outcome: Outcome) -> u64 {
        self.ended.get_or_create(&OutcomeLabel { outcome: outcome.name() }).get()
    }

    #[cfg(test)]
    pub(crate) fn count_wire(&self, how: How) -> u64 {
        self.wire_bytes.get_or_create(&HowLabel { how: how.name() }).get()
    }

    #[cfg(test)]
    pub(crate) fn count_misses(&self) -> u64 {
        self.misses.get()
    }

    #[cfg(test)]
    pub(crate) fn count_orphans(&self) -> u64 {
        self.orphans.get()
    }

    #[cfg(test)]
    pub(crate) fn count_in_flight(&self) -> i64 {
        self.in_flight.get()
    }
}
