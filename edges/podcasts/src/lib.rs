//! Podcasts: feeds that the server follows, and the episodes that it fetches from them.
//!
//! **Promise.** No request goes to an address that the guard of [`store::Outgoing`] does not let through, whatever a feed
//! or a redirect names. A feed of any size needs the memory of a piece of it and of a few episodes; an episode comes in
//! the way an upload does, through one buffer, and counts like one against the space of the user who wants it. What
//! breaks off goes on where it was, after a crash too, if its server can do that and the file is still the same.
//!
//! **Flow.** Faces write wishes into the catalog and ring [`Parts::wake`]. [`Podcasts::run`] claims what is due:
//! `refresh` reads a feed by `feed` and writes its episodes down; `fetch` has [`ingest`] take an episode in, which makes it
//! a track like any other. What came of it is written where everybody reads it.
//!
//! **Not here.** Routes and their answers, which are `subsonic`'s; SQL; connections, which are `store`'s.
//!
//! It stands among the faces because it speaks to others: feeds are their language. It is asked nothing by anybody, and
//! no face knows it.

mod error;
mod feed;
mod fetch;
mod follow;
mod metrics;
mod refresh;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::Budget;
use budget::limits::{
    PODCAST_DOWNLOADS_MAX, PODCAST_EXCESS_BYTES_MAX, PODCAST_FEED_BYTES_MAX, PODCAST_FEEDS_MAX,
    PODCAST_REDIRECTS_MAX, REMOTE_TOTAL_MS, REMOTE_WHOLE_MS,
};
use catalog::{Catalog, UnixMs};
use ingest::Ingest;
use prometheus_client::registry::Registry;
use store::{Outgoing, OutgoingBounds};
use tokio::sync::Notify;

pub use error::{Error, ErrorKind};
use metrics::Metrics;

/// What it is made of.
pub struct Parts {
    /// Where wishes are, and where what came of them is told.
    pub catalog: Arc<dyn Catalog>,
    /// What takes episodes in.
    pub ingest: Ingest,
    /// What sends requests.
    pub outgoing: Outgoing,
    /// Grants memory for feeds.
    pub budget: Budget,
    /// Rung by who wrote a wish.
    pub wake: Arc<Notify>,
    /// What the operator decides.
    pub settings: Settings,
}

/// What the operator decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A feed is read again after this time; with none, only when somebody asks.
    pub refresh: Option<Duration>,
    /// The largest episode, in bytes.
    pub episode_bytes_max: u64,
    /// So many of the newest episodes of each channel are fetched without anybody asking.
    pub newest: usize,
}

/// What follows the feeds. A clone is the same.
#[derive(Clone)]
pub struct Podcasts(Arc<Follower>);

struct Follower {
    catalog: Arc<dyn Catalog>,
    ingest: Ingest,
    feeds: Outgoing,
    episodes: Outgoing,
    budget: Budget,
    wake: Arc<Notify>,
    settings: Settings,
    metrics: Metrics,
}

impl Podcasts {
    /// Made of these parts; nothing happens before [`Podcasts::run`].
    pub fn new(parts: Parts) -> Self {
        let Parts { catalog, ingest, outgoing, budget, wake, settings } = parts;
        let feeds = outgoing.bounded(OutgoingBounds {
            connections_max: PODCAST_FEEDS_MAX,
            total: Duration::from_millis(REMOTE_TOTAL_MS),
            bytes_max: PODCAST_FEED_BYTES_MAX,
            redirects_max: PODCAST_REDIRECTS_MAX,
        });
        let episodes = outgoing.bounded(OutgoingBounds {
            connections_max: PODCAST_DOWNLOADS_MAX,
            total: Duration::from_millis(REMOTE_WHOLE_MS),
            // A little more than is taken in, so that it is the intake that says what is too large, and says it for good.
            bytes_max: settings.episode_bytes_max.saturating_add(PODCAST_EXCESS_BYTES_MAX),
            redirects_max: PODCAST_REDIRECTS_MAX,
        });
        let metrics = Metrics::default();
        Podcasts(Arc::new(Follower { catalog, ingest, feeds, episodes, budget, wake, settings, metrics }))
    }

    /// Adds its figures to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry);
    }
}

/// The present moment.
fn now_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

/// A moment so much later.
fn after(wait: Duration) -> UnixMs {
    now_ms().saturating_add(UnixMs::try_from(wait.as_millis()).unwrap_or(UnixMs::MAX))
}

/// A time that doubles with each failure, up to a bound.
fn backoff(first_ms: u64, failures: u32, max_ms: u64) -> Duration {
    Duration::from_millis(
        first_ms.saturating_mul(1_u64.checked_shl(failures).unwrap_or(u64::MAX)).min(max_ms),
    )
}
