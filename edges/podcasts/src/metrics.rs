//! The figures of podcasts.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// All counters.
#[derive(Default)]
pub(crate) struct Metrics {
    feeds: Family<Outcome, Counter>,
    episodes: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Metrics {
    pub(crate) fn feed(&self, outcome: &'static str) {
        self.feeds.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn episode(&self, outcome: &'static str) {
        self.episodes.get_or_create(&Outcome { outcome }).inc();
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("podcast_feeds", "Feeds that were read, by what came of it", self.feeds.clone());
        let help = "Tries to fetch an episode, by what came of it";
        registry.register("podcast_episodes", help, self.episodes.clone());
    }
}
