//! What a database keeps for users: playlists, queues, bookmarks, radio stations.

use async_trait::async_trait;

use super::Result;
use crate::access::Viewer;
use crate::model::{
    Bookmark, PlayQueue, Playlist, PlaylistChange, PlaylistId, QueueToKeep, Rules, Station, StationId,
    StationText, Track, TrackId, UserId, Wanted,
};

/// Playlists. Whoever changes one has a listener's eyes for its songs, also when he manages.
#[async_trait]
pub trait Playlists: Send + Sync + 'static {
    /// Own and public playlists by name.
    async fn playlists(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Playlist>>;
    /// One of them.
    async fn playlist(&self, viewer: &Viewer, id: PlaylistId) -> Result<Playlist>;
    /// Its tracks in order, those that the viewer sees.
    async fn playlist_tracks(
        &self,
        viewer: &Viewer,
        id: PlaylistId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;
    /// Makes a playlist of the viewer's, for his eyes alone.
    ///
    /// # Errors
    /// `NotFound` when he does not see one of the tracks; `Invalid` when the name is none or there are too many tracks;
    /// `NotAllowed` when he has as many playlists as he may.
    async fn add_playlist(&self, viewer: &Viewer, name: &str, tracks: &[TrackId]) -> Result<PlaylistId>;
    /// Makes a playlist of the viewer's, for his eyes alone, whose tracks are found by rules whenever somebody reads it: those
    /// that he sees, by what he starred, rated and played.
    ///
    /// # Errors
    /// `Invalid` when the name is none or the rules are; `NotAllowed` when he has as many playlists as he may.
    async fn add_smart_playlist(&self, viewer: &Viewer, name: &str, rules: &Rules) -> Result<PlaylistId>;
    /// The rules of a playlist; none when it has tracks of its own. `NotFound` when the viewer does not see it.
    async fn playlist_rules(&self, viewer: &Viewer, id: PlaylistId) -> Result<Option<Rules>>;
    /// Which tracks a list from elsewhere means, of those that the viewer sees: the one whose path beneath its library is
    /// the end of the path that was written down; else one that is called so and played by them, and of several the one with
    /// the same file name. As many answers as there are questions, of which there are at most 100.
    async fn wanted_tracks(&self, viewer: &Viewer, wanted: &[Wanted]) -> Result<Vec<Option<TrackId>>>;
    /// Changes a playlist, at once or not at all.
    ///
    /// # Errors
    /// `Changed` when it is not as the viewer knows it;
    /// `NotFound` when the viewer does not see the playlist, one of the tracks that come, or one in a place that is named;
    /// `NotAllowed` when the list is somebody else's and the viewer does not manage, when tracks are to come or go although
    /// they are found by rules, or rules are given to a list with tracks of its own; `Invalid` when a text is none, rules
    /// are, or there are too many tracks.
    async fn change_playlist(&self, viewer: &Viewer, id: PlaylistId, change: &PlaylistChange) -> Result<()>;
    /// Removes a playlist; errors as with a change.
    async fn remove_playlist(&self, viewer: &Viewer, id: PlaylistId) -> Result<()>;
    /// A number that is another one after each change by this process of playlists that this user sees; it may be after one of
    /// somebody else's too. It costs no statement.
    fn playlist_news(&self, user: UserId) -> u64;
}

/// Where a user left off: the one queue that he kept, and bookmarks.
#[async_trait]
pub trait LeftOff: Send + Sync + 'static {
    /// The queue, if he ever kept one.
    async fn queue(&self, viewer: &Viewer) -> Result<Option<PlayQueue>>;
    /// Its tracks in order, those that he sees.
    async fn queue_tracks(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Track>>;
    /// Keeps a queue instead of the one before. `NotFound` when he does not see one of the tracks; `Invalid` when there are
    /// too many, or none is at the current place.
    async fn keep_queue(&self, viewer: &Viewer, queue: &QueueToKeep<'_>) -> Result<()>;
    /// Bookmarks in tracks that he sees, those moved last first.
    async fn bookmarks(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Bookmark>>;
    /// Puts the bookmark of a track there, or moves it. `NotFound` when he does not see the track; `Invalid` when the comment
    /// is too long; `NotAllowed` when he has as many bookmarks as he may.
    async fn put_bookmark(
        &self,
        viewer: &Viewer,
        track: TrackId,
        position_ms: u64,
        comment: &str,
    ) -> Result<()>;
    /// Takes it away; `NotFound` when there is none.
    async fn remove_bookmark(&self, viewer: &Viewer, track: TrackId) -> Result<()>;
}

/// Radio stations, the same for everybody.
#[async_trait]
pub trait Stations: Send + Sync + 'static {
    /// By name.
    async fn stations(&self, offset: u64, rows_max: usize) -> Result<Vec<Station>>;
    /// Adds one. `Invalid` when a text is none or an address is no `http` or `https` one; `NotAllowed` when there are as
    /// many as there may be.
    async fn add_station(&self, about: &StationText) -> Result<StationId>;
    /// Replaces what is said of one; `NotFound` when there is none, `Invalid` as above.
    async fn change_station(&self, id: StationId, about: &StationText) -> Result<()>;
    /// Removes one; `NotFound` when there is none.
    async fn remove_station(&self, id: StationId) -> Result<()>;
}
