//! Services that are told what a user plays.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use super::{BadId, UnixMs, UserId};

/// A service that is told. The numbers are in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// ListenBrainz, or what speaks as it does.
    ListenBrainz = 1,
    /// Last.fm.
    LastFm = 2,
}

impl Service {
    /// All of them.
    pub const ALL: [Service; 2] = [Service::ListenBrainz, Service::LastFm];

    /// Its name in addresses and settings.
    pub fn name(self) -> &'static str {
        match self {
            Service::ListenBrainz => "listenbrainz",
            Service::LastFm => "lastfm",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Service {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Service::ALL.into_iter().find(|service| service.name() == text).ok_or(BadId)
    }
}

/// How far a user has come with his account at a service. The numbers are in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// The service has not been asked yet.
    New = 1,
    /// The user must approve at the service.
    Asked = 2,
    /// The service is told.
    Connected = 3,
    /// The service refuses the account; nothing is sent until its user connects it anew.
    Refused = 4,
}

/// An account of a user at a service, as he sees it: without what proves who he is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Which service.
    pub service: Service,
    /// Where it is, if somebody runs it himself.
    pub url: Option<String>,
    /// How far he has come.
    pub state: AccountState,
    /// What the service calls him.
    pub account: Option<String>,
    /// Where he approves, while he must.
    pub approval: Option<String>,
    /// What went wrong last, in words for him.
    pub trouble: Option<String>,
    /// Since when.
    pub created: UnixMs,
    /// Plays that are still to be told.
    pub waiting: u64,
    /// Plays that were told.
    pub told: u64,
    /// Plays that the service did not want.
    pub unwanted: u64,
    /// Plays that gave way to later ones, because too many waited.
    pub dropped: u64,
    /// When a play was told last.
    pub told_at: Option<UnixMs>,
}

/// The id of a [`ServiceAccount`], which nobody is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceAccountId(pub i64);

/// The same account, for whoever speaks with the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountKey {
    /// Which.
    pub id: ServiceAccountId,
    /// Whose.
    pub user: UserId,
    /// At which service.
    pub service: Service,
    /// Where that is, if somebody runs it himself.
    pub url: Option<String>,
    /// How far its user has come.
    pub state: AccountState,
    /// What proves who he is, sealed; none before there is something.
    pub sealed: Option<Vec<u8>>,
    /// Since when.
    pub created: UnixMs,
    /// Failures in a row.
    pub failures: u32,
}

/// What became of speaking with a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// The user must approve there; this is kept until then.
    Asked {
        /// What proves that it is he, once he has approved.
        sealed: Vec<u8>,
        /// Where he does that.
        approval: String,
        /// When the service is asked whether he did.
        next_try: UnixMs,
    },
    /// It knows who he is.
    Connected {
        /// What it calls him.
        account: String,
        /// What proves it from now on.
        sealed: Vec<u8>,
    },
    /// It was told of these plays, or does not want them: they need not be told again.
    Told {
        /// Those that it has now.
        told: Vec<ScrobbleId>,
        /// Those that it does not want.
        unwanted: Vec<ScrobbleId>,
        /// When.
        at: UnixMs,
    },
    /// It could not be asked, or has no time.
    Later {
        /// When it is tried again.
        next_try: UnixMs,
        /// Whether that is one more failure, after which the next wait is longer: not where it said itself when to come back.
        is_failure: bool,
        /// Why, in words for the user.
        trouble: String,
    },
    /// It refuses the account.
    Refused {
        /// Why, in words for the user.
        trouble: String,
    },
}

/// The id of a play that is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScrobbleId(pub i64);

/// A play that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scrobble {
    /// Which.
    pub id: ScrobbleId,
    /// When it was played.
    pub played: UnixMs,
    /// What.
    pub heard: Heard,
}

/// A track as services know it: by its names, and by its ids in MusicBrainz where they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Heard {
    /// The title.
    pub title: String,
    /// The artist as the tag has him; none when nobody knows.
    pub artist: Option<String>,
    /// The album; none when nobody knows.
    pub album: Option<String>,
    /// The artist of the album; none when nobody knows.
    pub album_artist: Option<String>,
    /// Number on the disc.
    pub track: Option<u32>,
    /// Length in time; 0 is not known.
    pub duration_ms: u64,
    /// The recording in MusicBrainz.
    pub recording: Option<String>,
    /// The release in MusicBrainz.
    pub release: Option<String>,
    /// The artists in MusicBrainz, if all of them are known.
    pub artists: Option<Vec<String>>,
    /// Codes of ISO 3901.
    pub isrcs: Option<Vec<String>>,
}
