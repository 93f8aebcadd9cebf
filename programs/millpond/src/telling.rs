//! What is asked of servers that users and the operator name, and who tells services what users play.

use std::sync::Arc;

use catalog::Seal;
use prometheus_client::registry::Registry;
use scrobble::{Begun, Figures, LastFmSettings, Scrobbler};
use store::{Outgoing, OutgoingBounds, Private};

use crate::error::{Error, Result};
use crate::home::Home;
use crate::settings::{self, Settings};

/// The way to servers that somebody names, which only those have who must.
///
/// # Errors
/// When the system gives no threads.
pub(crate) fn outgoing(home: &Home, settings: &Settings) -> Result<Outgoing> {
    let networks = settings.outgoing.private.iter().map(|settings::Network(network)| *network).collect();
    let outgoing = Outgoing::new(home.budget.clone(), Private::Listed(networks));
    outgoing.map_err(|e| Error::failed(e.to_string()))
}

/// Who tells services what users play, and whom faces tell that a song has begun.
pub(crate) fn scrobbler(
    home: &Home,
    settings: &Settings,
    outgoing: &Outgoing,
    registry: &mut Registry,
) -> (Begun, Scrobbler) {
    let figures = Figures::default();
    figures.register(registry);
    let settings = &settings.scrobble;
    let lastfm = settings.lastfm_key.clone().zip(settings.lastfm_secret.clone());
    let lastfm = lastfm.map(|(key, secret)| LastFmSettings { url: settings.lastfm_url.clone(), key, secret });
    Scrobbler::new(scrobble::Parts {
        catalog: Arc::clone(&home.catalog),
        seal: Seal::of_services(&home.data.secret()),
        outgoing: outgoing.bounded(OutgoingBounds::default()),
        outgoing_begun: outgoing.bounded(OutgoingBounds::default()),
        settings: scrobble::Settings { listenbrainz_url: settings.listenbrainz_url.clone(), lastfm },
        figures,
    })
}
