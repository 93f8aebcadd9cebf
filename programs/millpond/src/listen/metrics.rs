//! What the accept loop counts.

use std::fmt::{self, Write};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ended {
    /// As the protocol has it: by either side, between requests.
    Properly,
    /// The peer broke it off, or spoke no HTTP.
    Broken,
    /// It said nothing at first.
    Silent,
    /// Its TLS handshake failed or took too long.
    Handshake,
    /// A request head took too long.
    SlowHead,
    /// No request came for too long.
    Idle,
    /// The client took nothing for too long.
    Stalled,
    /// Somebody inside asked for its end.
    Cut,
    /// The server stopped.
    Stopped,
    /// It spoke when there was no memory for that.
    Refused,
}

impl Ended {
    /// Its name in metrics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Ended::Properly => "properly",
            Ended::Broken => "broken",
            Ended::Silent => "silent",
            Ended::Handshake => "handshake",
            Ended::SlowHead => "slow_head",
            Ended::Idle => "idle",
            Ended::Stalled => "stalled",
            Ended::Cut => "cut",
            Ended::Stopped => "stopped",
            Ended::Refused => "refused",
        }
    }
}

impl EncodeLabelValue for Ended {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(self.name())
    }
}

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Why {
    /// `limits.connections`, or memory.
    Server,
    /// `limits.connections_per_address`.
    Address,
}

impl EncodeLabelValue for Why {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        encoder.write_str(match self {
            Why::Server => "server",
            Why::Address => "address",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct EndedLabel {
    how: Ended,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct WhyLabel {
    ceiling: Why,
}

/// Counters and gauges of connections.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    open: Gauge,
    parked: Gauge,
    accepted: Counter,
    accept_errors: Counter,
    refused: Family<WhyLabel, Counter>,
    ended: Family<EndedLabel, Counter>,
}

impl Metrics {
    /// Adds everything to a registry.
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("connections_open", "Connections open now", self.open.clone());
        registry.register(
            "connections_parked",
            "Open connections that wait for their next request with a silent one's memory",
            self.parked.clone(),
        );
        registry.register("connections_accepted", "Connections accepted", self.accepted.clone());
        registry.register("accept_errors", "Failures to accept a connection", self.accept_errors.clone());
        registry.register("connections_refused", "Connections over a ceiling", self.refused.clone());
        registry.register("connections_ended", "How connections ended", self.ended.clone());
    }

    pub(crate) fn accepted(&self) {
        self.accepted.inc();
    }

    pub(crate) fn accept_failed(&self) {
        self.accept_errors.inc();
    }

    pub(crate) fn refused(&self, ceiling: Why) {
        self.refused.get_or_create(&WhyLabel { ceiling }).inc();
    }

    pub(crate) fn opened(&self) -> Open {
        self.open.inc();
        Open { metrics: self.clone(), how: Ended::Stopped }
    }

    /// Counts a connection as parked until this is dropped.
    pub(crate) fn parked(&self) -> Parked {
        self.parked.inc();
        Parked(self.parked.clone())
    }

    #[cfg(test)]
    pub(crate) fn parked_now(&self) -> i64 {
        self.parked.get()
    }

    #[cfg(test)]
    pub(crate) fn ended(&self, how: Ended) -> u64 {
        self.ended.get_or_create(&EndedLabel { how }).get()
    }
}

/// A connection that counts as open until it is dropped; one whose task is cancelled counts as stopped.
pub(crate) struct Open {
    metrics: Metrics,
    how: Ended,
}

impl Open {
    /// How it ends.
    pub(crate) fn end(mut self, how: Ended) {
        self.how = how;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.open.dec();
        self.metrics.ended.get_or_create(&EndedLabel { how: self.how }).inc();
    }
}

/// A connection that counts as parked until it is dropped.
pub(crate) struct Parked(Gauge);

impl Drop for Parked {
    fn drop(&mut self) {
        self.0.dec();
    }
}
