//! Libraries and the clock, and the trait whose parts lie in the files of their nouns.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use store::FolderId;

use super::readers::Query;
use super::rows::{self, CoverRow, LibraryTableRow};
use super::sql::{has_cover, private_seen, seen, track_seen};
use super::{Result, Scope, Sqlite, now};
use crate::access::Viewer;
use crate::database::{Library, Page};
use crate::error::Error;
use crate::model::instrumentals::{INSTRUMENTALS, is_twin};
use crate::model::{
    Album, AlbumId, AlbumOrder, Artist, ArtistId, Cover, DiscTitle, Genre, Item, Lettered, LibraryRow,
    RandomFilter, Track, TrackChange, TrackId, UnixMs, Video,
};

pub(super) const LIBRARIES: &str = concat!(
    "WITH ",
    seen!(),
    ", sizes (library_id, tracks) AS (
        SELECT library_id, sum(tracks) FROM album_totals GROUP BY library_id),
    privates (library_id, tracks) AS (
        SELECT t.library_id, count(*) FROM tracks t INDEXED BY tracks_private WHERE ",
    private_seen!(),
    " GROUP BY t.library_id)
    SELECT l.id, l.name, l.root,
        iif(l.id IN (SELECT id FROM seen), ifnull(s.tracks, 0), 0) + ifnull(p.tracks, 0) AS tracks
    FROM libraries l
    LEFT JOIN sizes s ON s.library_id = l.id
    LEFT JOIN privates p ON p.library_id = l.id
    WHERE l.id IN (SELECT id FROM seen) OR (p.tracks > 0 AND l.id IN (SELECT id FROM seen_own))
    ORDER BY l.position, l.id"
);
const HIDE_LIBRARIES: &str = "UPDATE libraries SET hidden = 1
    WHERE hidden = 0 AND id > 0 AND root NOT IN (SELECT value FROM json_each(?1))";
const SHOW_LIBRARY: &str = "INSERT INTO libraries (root, name, position) VALUES (?1, ?2, ?3)
    ON CONFLICT (root) DO UPDATE SET position = excluded.position, hidden = 0";
const ALL_FOLDERS: &str = "SELECT l.id, l.name, l.root,
        (SELECT ifnull(sum(n.tracks), 0) FROM album_totals n WHERE n.library_id = l.id) AS tracks
    FROM libraries l WHERE l.hidden = 0 AND l.id > 0 ORDER BY l.position, l.id";

macro_rules! cover_rows {
    ($from:literal, $($condition:tt)*) => {
        concat!(
            "WITH ", seen!(), " SELECT t.library_id, t.cover_path, t.cover_offset, t.cover_count, t.cover_type,
                (SELECT b.key FROM blobs b WHERE b.id = ifnull(t.blob, (SELECT s.blob
                    FROM instrumentals i CROSS JOIN tracks s ON s.id = i.song WHERE i.track = t.id))) AS blob_key,
                c.key AS image_key,
                c.content_type AS image_type
            FROM ", $from, " LEFT JOIN blobs c ON c.id = t.cover_blob
            WHERE ", has_cover!(), " AND ", track_seen!(), " AND ", $($condition)*, " LIMIT 1"
        )
    };
}

const COVER_OF_TRACK: &str = cover_rows!("tracks t", "t.id = ?4");
/// What a track shows that has no picture of its own.
pub(super) const COVER_OF_ITS_ALBUM: &str = cover_rows!(
    "tracks t INDEXED BY tracks_with_cover",
    "t.missing = 0 AND t.album_id = (SELECT t.album_id FROM tracks t WHERE t.id = ?4 AND ",
    track_seen!(),
    ") ORDER BY t.id"
);
pub(super) const COVER_OF_ALBUM: &str =
    cover_rows!("tracks t INDEXED BY tracks_with_cover", "t.missing = 0 AND t.album_id = ?4 ORDER BY t.id");
pub(super) const COVER_OF_ARTIST: &str = cover_rows!(
    "albums al CROSS JOIN tracks t INDEXED BY tracks_with_cover ON t.album_id = al.id",
    "t.missing = 0 AND al.artist_id = ?4 ORDER BY al.artist_id, al.year DESC, al.sort_name DESC, al.id DESC"
);
pub(super) const COVER_OF_PERFORMER: &str =
    cover_rows!("tracks t INDEXED BY tracks_by_artist", "t.artist_id = ?4 ORDER BY t.album_id, t.id");
pub(super) const COVER_OF_CONTRIBUTOR: &str = cover_rows!(
    "track_credits d CROSS JOIN tracks t ON t.id = d.track_id",
    "d.artist_id = ?4 ORDER BY d.role, d.track_id"
);

pub(super) const CHANGED: &str = "SELECT changed FROM library_clock";
/// Moves the clock on, also when two changes fall into one millisecond.
pub(super) const TICK: &str = "UPDATE library_clock SET changed = max(changed + 1, ?1)";

/// What people call a folder until they say otherwise: its last name.
fn library_name(root: &str) -> String {
    let last = Path::new(root).file_name().and_then(|name| name.to_str());
    last.unwrap_or(root).to_owned()
}

/// The libraries with all instrumentals that somebody sees as one, if he sees any.
fn instrumentals_as_one(rows: Vec<LibraryRow>) -> Vec<LibraryRow> {
    let (twins, mut rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| is_twin(row.id));
    let tracks = twins.iter().map(|row| row.tracks).sum();
    if tracks > 0 {
        let name = "Instrumentals".to_owned();
        rows.push(LibraryRow { id: INSTRUMENTALS, name, root: String::new(), tracks });
    }
    rows
}

impl Sqlite {
    async fn cover_by(&self, sql: &'static str, viewer: &Viewer, id: i64) -> Result<Option<Cover>> {
        let scope = Scope::of(viewer);
        let found: Option<CoverRow> = self.readers.optional(scope.query(sql).bind(id)).await?;
        found.map(Cover::try_from).transpose()
    }

    /// The first cover that one of these statements gives.
    async fn first_cover(&self, statements: &[&'static str], viewer: &Viewer, id: i64) -> Result<Cover> {
        for sql in statements {
            if let Some(cover) = self.cover_by(sql, viewer, id).await? {
                return Ok(cover);
            }
        }
        Err(Error::not_found("cover"))
    }
}

#[async_trait]
impl Library for Sqlite {
    async fn libraries(&self, viewer: &Viewer) -> Result<Vec<LibraryRow>> {
        let scope = Scope::of(viewer);
        let found: Vec<LibraryTableRow> = self.readers.all(scope.query(LIBRARIES)).await?;
        rows::all(found).map(instrumentals_as_one)
    }

    async fn set_libraries(&self, roots: &[String]) -> Result<Vec<LibraryRow>> {
        if roots.iter().any(String::is_empty) {
            return Err(Error::invalid("a library's folder has a name"));
        }
        let names =
            serde_json::to_string(roots).map_err(|e| Error::invalid("a root is no text").because(e))?;
        let mut tx = self.write().await?;
        sqlx::query(HIDE_LIBRARIES).bind(names).execute(&mut *tx).await?;
        for (root, position) in roots.iter().zip(0_i64..) {
            let name = library_name(root);
            sqlx::query(SHOW_LIBRARY).bind(root).bind(name).bind(position).execute(&mut *tx).await?;
        }
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        let found: Vec<LibraryTableRow> = sqlx::query_as(ALL_FOLDERS).fetch_all(&mut *tx).await?;
        tx.commit().await?;
        rows::all(found)
    }

    async fn tracks(
        &self,
        viewer: &Viewer,
        after: Option<TrackId>,
        rows_max: usize,
    ) -> Result<Page<Track, TrackId>> {
        self.tracks_after(&Scope::of(viewer), after, rows_max).await
    }

    async fn videos(
        &self,
        viewer: &Viewer,
        after: Option<TrackId>,
        rows_max: usize,
    ) -> Result<Page<Video, TrackId>> {
        self.videos_after(&Scope::of(viewer), after, rows_max).await
    }

    async fn video(&self, viewer: &Viewer, id: TrackId) -> Result<Video> {
        self.one_video(&Scope::of(viewer), id).await
    }

    async fn track(&self, viewer: &Viewer, id: TrackId) -> Result<Track> {
        self.one_track(&Scope::of(viewer), id).await
    }

    async fn playing(&self, viewer: &Viewer, id: TrackId) -> Result<Arc<Track>> {
        self.playing_track(viewer, id).await
    }

    async fn change_track(&self, viewer: &Viewer, id: TrackId, change: &TrackChange) -> Result<Track> {
        self.change_one_track(&Scope::of(viewer), id, change).await
    }

    async fn album_tracks(
        &self,
        viewer: &Viewer,
        id: AlbumId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        self.tracks_of_album(&Scope::of(viewer), id, offset, rows_max).await
    }

    async fn guess_tracks(&self, ids_max: usize) -> Result<Vec<TrackId>> {
        self.tracks_by_guess(ids_max).await
    }

    async fn random_tracks(
        &self,
        viewer: &Viewer,
        filter: &RandomFilter,
        ids_max: usize,
    ) -> Result<Vec<TrackId>> {
        self.tracks_at_random(&Scope::within(viewer, filter.folder), filter, ids_max).await
    }

    async fn these_tracks(&self, viewer: &Viewer, ids: &[TrackId]) -> Result<Vec<Track>> {
        self.tracks_in_hand(&Scope::of(viewer), ids).await
    }

    async fn starred_tracks(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        self.tracks_with_star(&Scope::within(viewer, folder), offset, rows_max).await
    }

    async fn disc_titles(&self, viewer: &Viewer, id: AlbumId) -> Result<Vec<DiscTitle>> {
        self.titles_of_discs(&Scope::of(viewer), id).await
    }

    async fn album(&self, viewer: &Viewer, id: AlbumId) -> Result<Album> {
        self.one_album(&Scope::of(viewer), id).await
    }

    async fn guess_albums(&self, ids_max: usize) -> Result<Vec<AlbumId>> {
        self.albums_by_guess(ids_max).await
    }

    async fn random_albums(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        ids_max: usize,
    ) -> Result<Vec<AlbumId>> {
        self.albums_at_random(&Scope::within(viewer, folder), ids_max).await
    }

    async fn these_albums(&self, viewer: &Viewer, ids: &[AlbumId]) -> Result<Vec<Album>> {
        self.albums_in_hand(&Scope::of(viewer), ids).await
    }

    async fn albums(
        &self,
        viewer: &Viewer,
        order: &AlbumOrder,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        self.albums_in_order(&Scope::within(viewer, folder), order, offset, rows_max).await
    }

    async fn artist_albums(
        &self,
        viewer: &Viewer,
        id: ArtistId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        self.albums_of_artist(&Scope::of(viewer), id, offset, rows_max).await
    }

    async fn artist(&self, viewer: &Viewer, id: ArtistId) -> Result<Artist> {
        self.one_artist(&Scope::of(viewer), id).await
    }

    async fn artists(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        after: Option<(String, ArtistId)>,
        rows_max: usize,
    ) -> Result<Page<Artist, (String, ArtistId)>> {
        self.artists_after(&Scope::within(viewer, folder), after, rows_max).await
    }

    async fn letters(&self, viewer: &Viewer, list: Lettered, rows_max: usize) -> Result<Vec<(String, u64)>> {
        self.letters_of(&Scope::of(viewer), list, rows_max).await
    }

    async fn starred_artists(
        &self,
        viewer: &Viewer,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>> {
        self.artists_with_star(&Scope::within(viewer, folder), offset, rows_max).await
    }

    async fn genres(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Genre>> {
        self.genres_by_name(&Scope::of(viewer), offset, rows_max).await
    }

    async fn search_tracks(
        &self,
        viewer: &Viewer,
        query: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        self.tracks_by_words(&Scope::within(viewer, folder), query, offset, rows_max).await
    }

    async fn search_albums(
        &self,
        viewer: &Viewer,
        query: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        self.albums_by_words(&Scope::within(viewer, folder), query, offset, rows_max).await
    }

    async fn search_artists(
        &self,
        viewer: &Viewer,
        query: &str,
        folder: Option<FolderId>,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>> {
        self.artists_by_words(&Scope::within(viewer, folder), query, offset, rows_max).await
    }

    async fn cover(&self, viewer: &Viewer, item: Item) -> Result<Cover> {
        match item {
            Item::Track(id) => self.first_cover(&[COVER_OF_TRACK, COVER_OF_ITS_ALBUM], viewer, id.0).await,
            Item::Album(id) => self.first_cover(&[COVER_OF_ALBUM], viewer, id.0).await,
            Item::Artist(id) => {
                let statements = [COVER_OF_ARTIST, COVER_OF_PERFORMER, COVER_OF_CONTRIBUTOR];
                self.first_cover(&statements, viewer, id.0).await
            }
        }
    }

    async fn changed(&self) -> Result<UnixMs> {
        self.readers.one(Query::new(CHANGED)).await
    }

    fn news(&self) -> u64 {
        self.written_news()
    }
}
