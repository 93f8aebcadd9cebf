//! Playlists, for reading.

use async_trait::async_trait;

use super::rows::{self, PlaylistRow, TrackRow};
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, limit, offset};
use crate::access::Viewer;
use crate::database::Playlists;
use crate::model::{Playlist, PlaylistId, Track};

macro_rules! playlist_rows {
    ($($page:tt)*) => {
        concat!(
            "WITH ", seen!(), ", page (id) AS MATERIALIZED (", $($page)*, ")
            SELECT p.id, p.name, p.owner, u.name AS owner_name, p.public, p.comment, p.created, p.changed,
                (SELECT count(*) FROM playlist_tracks i CROSS JOIN tracks t ON t.id = i.track_id
                    WHERE i.playlist_id = p.id AND ", track_seen!(), ") AS tracks,
                (SELECT ifnull(sum(t.duration_ms), 0) FROM playlist_tracks i CROSS JOIN tracks t ON t.id = i.track_id
                    WHERE i.playlist_id = p.id AND ", track_seen!(), ") AS duration_ms
            FROM page CROSS JOIN playlists p ON p.id = page.id CROSS JOIN users u ON u.id = p.owner"
        )
    };
}

/// Whether the viewer sees playlist `p`.
macro_rules! playlist_seen {
    () => {
        "(p.owner = ?1 OR p.public)"
    };
}

pub(super) const BY_NAME: &str = playlist_rows!(
    "SELECT p.id FROM playlists p INDEXED BY playlists_by_name WHERE ",
    playlist_seen!(),
    "
     ORDER BY p.name, p.id LIMIT ?4 OFFSET ?5"
);
const ONE: &str = playlist_rows!("SELECT p.id FROM playlists p WHERE p.id = ?4 AND ", playlist_seen!());
pub(super) const TRACKS: &str = track_rows!(
    "SELECT t.id FROM playlists p CROSS JOIN playlist_tracks i ON i.playlist_id = p.id
     CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = i.track_id
     WHERE p.id = ?4 AND ",
    playlist_seen!(),
    " AND ",
    track_seen!(),
    "
     ORDER BY i.position LIMIT ?5 OFFSET ?6"
);

#[async_trait]
impl Playlists for Sqlite {
    async fn playlists(&self, viewer: &Viewer, skip: u64, rows_max: usize) -> Result<Vec<Playlist>> {
        let scope = Scope::of(viewer);
        let query = scope.rows(BY_NAME).bind(limit(rows_max)).bind(offset(skip));
        rows::page::<PlaylistRow, _>(query, &self.readers).await
    }

    async fn playlist(&self, viewer: &Viewer, id: PlaylistId) -> Result<Playlist> {
        let scope = Scope::of(viewer);
        let found: Vec<PlaylistRow> = scope.rows(ONE).bind(id.0).fetch_all(&self.readers).await?;
        rows::one(found, "playlist")
    }

    async fn playlist_tracks(
        &self,
        viewer: &Viewer,
        id: PlaylistId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let scope = Scope::of(viewer);
        let query = scope.rows(TRACKS).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        rows::page::<TrackRow, _>(query, &self.readers).await
    }
}
