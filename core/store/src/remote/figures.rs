//! What is counted of requests to origins.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::blocks::BlockFigures;
use super::trouble::{Trouble, TroubleKind};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Outcome {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OfOrigin {
    pub(super) origin: String,
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
        let outcome = match asked {
            Ok(_) => "ok",
            Err(trouble) => match trouble.kind {
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
        self.requests.get_or_create(&Outcome { outcome }).inc();
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
