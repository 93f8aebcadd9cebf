//! What is counted of requests to other servers.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::blocks::BlockFigures;
use super::outgoing::OutgoingAnswer;
use super::trouble::{Trouble, TroubleKind};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfOrigin {
    pub(super) origin: String,
}

impl Outcome {
    fn of(trouble: Option<&Trouble>) -> Self {
        let outcome = match trouble.map(|trouble| trouble.kind) {
            None => "ok",
            Some(kind) => match kind {
                TroubleKind::Address | TroubleKind::Redirect => "refused",
                TroubleKind::Name | TroubleKind::Connect => "unreachable",
                TroubleKind::Closed | TroubleKind::Garbled | TroubleKind::Broken => "broken",
                TroubleKind::Time => "late",
                TroubleKind::Status(500..) => "server_error",
                TroubleKind::Status(_) => "client_error",
                TroubleKind::Lie | TroubleKind::NoRanges | TroubleKind::TooLarge => "unfit",
                TroubleKind::Changed => "changed",
                TroubleKind::Busy => "busy",
            },
        };
        Outcome { outcome }
    }
}

/// The counters of all origins. A clone counts in the same ones.
#[derive(Clone, Default)]
pub(super) struct Figures {
    requests: Family<Outcome, Counter>,
    pub(super) connections: Family<OfOrigin, Gauge>,
    pub(super) blocks: BlockFigures,
}

impl Figures {
    /// Counts what became of a request for a file or a block.
    pub(super) fn count<T>(&self, asked: &Result<T, Trouble>) {
        self.requests.get_or_create(&Outcome::of(asked.as_ref().err())).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests to origins, by what became of them";
        registry.register("remote_requests", help, self.requests.clone());
        registry.register("remote_connections", "Open connections to origins", self.connections.clone());
        let (help, bytes) = ("Bytes of blocks that came from origins", Unit::Bytes);
        registry.register_with_unit("remote_fetched", help, bytes, self.blocks.fetched_bytes.clone());
        let help = "Blocks of origins that readers found on the local disk";
        registry.register("remote_cache_hits", help, self.blocks.hits.clone());
        let help = "Blocks that had to come from origins";
        registry.register("remote_cache_misses", help, self.blocks.misses.clone());
    }
}

/// The counters of single requests to servers that somebody named.
#[derive(Default)]
pub(super) struct OutgoingFigures {
    requests: Family<Outcome, Counter>,
}

impl OutgoingFigures {
    /// Counts what became of a request.
    pub(super) fn count(&self, asked: &Result<OutgoingAnswer, Trouble>) {
        let outcome = match asked {
            Ok(answer) if answer.status.is_server_error() => Outcome { outcome: "server_error" },
            Ok(answer) if answer.status.is_client_error() => Outcome { outcome: "client_error" },
            asked => Outcome::of(asked.as_ref().err()),
        };
        self.requests.get_or_create(&outcome).inc();
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests to servers that somebody named, by what became of them";
        registry.register("outgoing_requests", help, self.requests.clone());
    }
}
