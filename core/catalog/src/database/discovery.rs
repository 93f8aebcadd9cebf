//! Songs that somebody might want to hear next.

use async_trait::async_trait;
use store::FolderId;

use super::Result;
use crate::access::Viewer;
use crate::model::{Artist, ArtistId, Item, Track, TrackId};

/// Songs of a genre, of an artist, and like another.
#[async_trait]
pub trait Discovery: Send + Sync + 'static {
    /// The tracks of a genre in the order of their ids, of one library or all that the viewer sees.
    async fn genre_tracks(
        &self,
        viewer: &Viewer,
        genre: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;
    /// The artist of that name, without regard to case, if the viewer sees something of his.
    async fn artist_named(&self, viewer: &Viewer, name: &str) -> Result<Option<Artist>>;
    /// An artist's tracks: those that all users together played most come first, then each album in its order.
    async fn top_tracks(
        &self,
        viewer: &Viewer,
        artist: ArtistId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>>;
    /// Tracks of the same artist and the same genres as a track, an album or an artist, without the track itself, by their
    /// ids in no order. The same `draw` gives the same ones while the library stays as it is. `NotFound` when the viewer does not
    /// see the item.
    async fn similar_tracks(
        &self,
        viewer: &Viewer,
        item: Item,
        draw: u64,
        ids_max: usize,
    ) -> Result<Vec<TrackId>>;
}
