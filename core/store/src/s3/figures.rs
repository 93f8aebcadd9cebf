//! What is counted of the traffic with a bucket.

use budget::limits::DISK_BUCKETS_SECONDS;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::remote::blocks::BlockFigures;

/// The counters of one bucket. A clone counts in the same ones.
#[derive(Clone)]
pub(super) struct Figures {
    pub(super) sent_bytes: Counter,
    pub(super) blocks: BlockFigures,
    pub(super) retries: Counter,
    pub(super) publish_seconds: Histogram,
}

impl Figures {
    pub(super) fn new() -> Self {
        Figures {
            sent_bytes: Counter::default(),
            blocks: BlockFigures::default(),
            retries: Counter::default(),
            publish_seconds: Histogram::new(DISK_BUCKETS_SECONDS),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let bytes = || Unit::Bytes;
        registry.register_with_unit(
            "s3_sent",
            "Bytes of uploads that the bucket took",
            bytes(),
            self.sent_bytes.clone(),
        );
        let help = "Bytes of blocks that came from the bucket";
        registry.register_with_unit("s3_fetched", help, bytes(), self.blocks.fetched_bytes.clone());
        let help = "Blocks that readers found on the local disk";
        registry.register("s3_cache_hits", help, self.blocks.hits.clone());
        let help = "Blocks that had to come from the bucket";
        registry.register("s3_cache_misses", help, self.blocks.misses.clone());
        let help = "Pauses of uploads because the bucket could not be reached";
        registry.register("s3_retries", help, self.retries.clone());
        let help = "How long it took until a whole upload was durable as a blob";
        registry.register("blob_publish_seconds", help, self.publish_seconds.clone());
    }
}
