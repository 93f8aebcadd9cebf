//! What users keep: changes of playlists, queues, bookmarks, radio stations.

use super::{Rules, StationId, Track, TrackId, UnixMs};

/// What is to become of the songs of a playlist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SongsChange {
    /// They stay.
    #[default]
    Keep,
    /// These come in their place, also of those that the viewer does not see.
    Replace(Vec<TrackId>),
    /// Some go and some come.
    Edit {
        /// Places in the list as the viewer saw it before the change, from 0.
        remove: Vec<u64>,
        /// What is put behind the rest.
        add: Vec<TrackId>,
    },
    /// Some come before the one in this place, or behind the last one.
    Insert {
        /// A place in the list as the viewer sees it, from 0; the one behind the last is the end.
        at: u64,
        /// What is put there.
        tracks: Vec<TrackId>,
    },
    /// One goes elsewhere, and those between move up.
    Move {
        /// Its place as the viewer sees it, from 0.
        from: u64,
        /// Its place afterwards.
        to: u64,
    },
}

/// What is to become of a playlist; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaylistChange {
    /// What it is called.
    pub name: Option<String>,
    /// What its owner says about it.
    pub comment: Option<String>,
    /// Whether everyone sees it.
    pub public: Option<bool>,
    /// Its songs, if it has songs of its own.
    pub songs: SongsChange,
    /// Its rules, if it has rules in their place.
    pub rules: Option<Rules>,
    /// When it was changed last, as far as the viewer knows: places mean what he saw. It is changed only if that is so.
    pub known: Option<UnixMs>,
}

/// A queue to be kept in the place of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueToKeep<'a> {
    /// Its songs in order, some of them perhaps more than once.
    pub tracks: &'a [TrackId],
    /// Which of them is playing, by its place from 0. An empty queue has none.
    pub current: usize,
    /// Where in that song the listener is.
    pub position_ms: u64,
    /// The client that says so.
    pub changed_by: &'a str,
}

/// A queue as it was kept, without its songs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayQueue {
    /// The song to go on with: its place among those that the viewer sees, from 0, and which it is. None when he sees none
    /// of them.
    pub current: Option<(u64, TrackId)>,
    /// Where in that song he was.
    pub position_ms: u64,
    /// When it was kept.
    pub changed: UnixMs,
    /// The client that asked for it.
    pub changed_by: String,
}

/// A place in a song that a user wants to come back to.
#[derive(Clone, Debug, PartialEq)]
pub struct Bookmark {
    /// The song.
    pub track: Track,
    /// The place in it.
    pub position_ms: u64,
    /// What the user says about it.
    pub comment: String,
    /// Made.
    pub created: UnixMs,
    /// Moved, or made.
    pub changed: UnixMs,
}

/// A radio station: addresses that clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    /// Which.
    pub id: StationId,
    /// What it says about itself.
    pub about: StationText,
}

/// What is said of a radio station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationText {
    /// Its name.
    pub name: String,
    /// Where it plays: an `http` or `https` address.
    pub stream_url: String,
    /// Where one can read about it, likewise.
    pub home_url: Option<String>,
}
