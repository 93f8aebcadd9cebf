//! Services are told what users play: ListenBrainz and Last.fm.
//!
//! **Promise.** A play that was counted is told once the service can be reached, also after a restart, in the order of the
//! plays; never to an account that its user has not connected himself. Nobody who plays waits for a service. A service that
//! refuses an account is not asked again until its user connects it anew, and he can read why.
//!
//! **Flow.** The catalog puts a play in line with the transaction that counts it. [`Scrobbler::run`] looks for accounts with
//! which there is something to do → `turn` reads the beginning of the line and speaks to the service (`listenbrainz`,
//! `lastfm`) through the guarded [`store::Outgoing`] (`ask`) → what became of it goes back to the catalog as a
//! [`catalog::Spoken`]. That a song has begun comes by [`Begun`], is told if there is time, and is kept nowhere.
//!
//! **Not here.** When a play counts: that is the player's word. The routes by which a user connects an account: `web`.

mod ask;
mod lastfm;
mod listenbrainz;
mod scrobbler;
mod service;
mod turn;

pub use scrobbler::{Begun, Figures, Parts, Scrobbler};

/// What the operator says of services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The address of ListenBrainz, for users who name none of their own.
    pub listenbrainz_url: String,
    /// What this server is to Last.fm; none when it has no key there.
    pub lastfm: Option<LastFmSettings>,
}

/// What this server is to Last.fm.
#[derive(Clone, PartialEq, Eq)]
pub struct LastFmSettings {
    /// Where the API is.
    pub url: String,
    /// The operator's API key.
    pub key: String,
    /// Its secret, by which requests are signed.
    pub secret: String,
}

impl std::fmt::Debug for LastFmSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LastFmSettings").field("url", &self.url).finish_non_exhaustive()
    }
}
