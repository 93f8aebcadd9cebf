//! Who follows podcasts, and how he is told that somebody wants something.

use std::sync::Arc;

use podcasts::Podcasts;
use prometheus_client::registry::Registry;
use store::Outgoing;
use tokio::sync::Notify;

use crate::home::Home;
use crate::keeping::Keeping;
use crate::settings::Settings;

/// Who follows the feeds, and what faces ring when somebody wants something of one.
pub(crate) fn podcasts(
    home: &Home,
    settings: &Settings,
    keeping: &Keeping,
    outgoing: &Outgoing,
    registry: &mut Registry,
) -> (Arc<Notify>, Podcasts) {
    let (wake, every) = (Arc::<Notify>::default(), settings.podcasts.refresh);
    let podcasts = Podcasts::new(podcasts::Parts {
        catalog: Arc::clone(&home.catalog),
        ingest: keeping.ingest.clone(),
        outgoing: outgoing.clone(),
        budget: home.budget.clone(),
        wake: Arc::clone(&wake),
        settings: podcasts::Settings {
            refresh: (!every.is_zero()).then_some(every),
            episode_bytes_max: settings.limits.upload_bytes_max,
            newest: settings.podcasts.newest,
        },
    });
    podcasts.register(registry);
    (wake, podcasts)
}
