//! Songs of a genre, of an artist, and like another.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use async_trait::async_trait;
use budget::limits::{PAGE_ROWS_MAX, SIMILAR_GENRES_MAX, SIMILAR_POOL_ROWS};
use store::FolderId;

use super::places::{List, Place, Statements};
use super::readers::Query;
use super::rows::TrackRow;
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, limit, offset};
use crate::access::Viewer;
use crate::database::Discovery;
use crate::fold;
use crate::model::{Artist, ArtistId, Item, Track, TrackId};

/// What makes the tracks of a genre a list by their ids.
macro_rules! of_genre {
    () => {
        concat!(
            " FROM track_genres g INDEXED BY track_genres_by_genre
             CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = g.track_id
             WHERE g.genre_id = (SELECT id FROM genres WHERE key = ?6) AND g.track_id > ?12 AND ",
            track_seen!(),
            " ORDER BY g.track_id LIMIT ?4 OFFSET ?5"
        )
    };
}
pub(super) static OF_GENRE: Statements = Statements {
    rows: track_rows!("SELECT t.id", of_genre!()),
    step: concat!(
        "WITH ",
        seen!(),
        " SELECT 0 AS number, '' AS artist, 0 AS artist_id, '' AS name, t.id AS id",
        of_genre!()
    ),
    place: "SELECT 0 AS number, '' AS artist, 0 AS artist_id, '' AS name, ?8 AS id",
};
const NAMED: &str = "SELECT id FROM artists WHERE key = ?1";
// The sorter keeps no more rows than the page and what is before it: an artist has so many tracks and no more.
const TOP: &str = track_rows!(
    "SELECT t.id FROM tracks t
     WHERE t.id IN (SELECT id FROM tracks INDEXED BY tracks_by_artist WHERE artist_id = ?4
            UNION SELECT track_id FROM track_credits WHERE artist_id = ?4 AND role = 1)
        AND ",
    track_seen!(),
    "
     ORDER BY (SELECT ifnull(sum(n.plays), 0) FROM annotations n INDEXED BY annotations_of_item
            WHERE n.kind = 1 AND n.item_id = t.id AND n.plays > 0) DESC,
        t.album_id, ifnull(t.disc, 1), ifnull(t.track, 1000000), t.id LIMIT ?5 OFFSET ?6"
);

/// The genres of one thing's tracks, those of most of them first.
macro_rules! genres_of {
    ($($condition:tt)*) => {
        concat!(
            "WITH ", seen!(), " SELECT g.genre_id FROM tracks t CROSS JOIN track_genres g ON g.track_id = t.id
            WHERE ", $($condition)*, " AND ", track_seen!(), " GROUP BY g.genre_id ORDER BY count(*) DESC, g.genre_id LIMIT ?5"
        )
    };
}
const GENRES_OF_TRACK: &str = genres_of!("t.id = ?4");
const GENRES_OF_ALBUM: &str = genres_of!("t.album_id = ?4");
const GENRES_OF_ARTIST: &str = genres_of!("t.artist_id = ?4");

/// Both begin at an id and are asked again from the first one, so that they give a stretch of the circle of ids.
pub(super) const STRETCH_OF_GENRE: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT t.id FROM track_genres g INDEXED BY track_genres_by_genre
     CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = g.track_id
     WHERE g.genre_id = ?4 AND g.track_id >= ?5 AND ",
    track_seen!(),
    " ORDER BY g.track_id LIMIT ?6"
);
const STRETCH_OF_ARTIST: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT t.id FROM tracks t INDEXED BY tracks_by_artist
     WHERE t.artist_id = ?4 AND t.id >= ?5 AND ",
    track_seen!(),
    " LIMIT ?6"
);
const LAST_ID: &str = "SELECT ifnull(max(id), 0) FROM tracks";

/// A number that looks like chance and is the same each time.
fn mixed(draw: u64, number: i64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (draw, number).hash(&mut hasher);
    hasher.finish()
}

impl Sqlite {
    /// At most [`SIMILAR_POOL_ROWS`] ids from `start` on, and then from the first one.
    async fn stretch(&self, sql: &'static str, scope: &Scope, of: i64, start: i64) -> Result<Vec<i64>> {
        let mut ids = Vec::new();
        for from in [start, 1] {
            let room = SIMILAR_POOL_ROWS.saturating_sub(ids.len());
            let query = scope.query(sql).bind(of).bind(from).bind(limit(room));
            ids.extend(self.readers.all::<i64>(query).await?);
        }
        Ok(ids)
    }

    /// The artist of a thing that is seen, and the genres of its tracks.
    async fn likeness(&self, scope: &Scope, item: Item) -> Result<(ArtistId, Vec<i64>)> {
        let (artist, sql, id) = match item {
            Item::Track(id) => (self.one_track(scope, id).await?.artist_id, GENRES_OF_TRACK, id.0),
            Item::Album(id) => (self.one_album(scope, id).await?.artist_id, GENRES_OF_ALBUM, id.0),
            Item::Artist(id) => (self.one_artist(scope, id).await?.id, GENRES_OF_ARTIST, id.0),
        };
        let query = scope.query(sql).bind(id).bind(limit(SIMILAR_GENRES_MAX));
        Ok((artist, self.readers.all(query).await?))
    }
}

#[async_trait]
impl Discovery for Sqlite {
    async fn genre_tracks(
        &self,
        viewer: &Viewer,
        genre: &str,
        folder: Option<FolderId>,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let about = [Some(fold::key(genre)), None];
        let list = List { statements: &OF_GENRE, about, first: Place::default() };
        let scope = Scope::within(viewer, folder);
        self.page_of::<TrackRow, Track>(list, &scope, skip, rows_max, |track| track.id.0).await
    }

    async fn artist_named(&self, viewer: &Viewer, name: &str) -> Result<Option<Artist>> {
        let query = Query::new(NAMED).bind(fold::key(name));
        let Some(id) = self.readers.optional(query).await? else { return Ok(None) };
        match self.one_artist(&Scope::of(viewer), ArtistId(id)).await {
            Err(error) if error.kind() == crate::ErrorKind::NotFound => Ok(None),
            found => found.map(Some),
        }
    }

    async fn top_tracks(
        &self,
        viewer: &Viewer,
        artist: ArtistId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let scope = Scope::of(viewer);
        let query = scope.query(TOP).bind(artist.0).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<TrackRow, _>(query).await
    }

    async fn similar_tracks(
        &self,
        viewer: &Viewer,
        item: Item,
        draw: u64,
        ids_max: usize,
    ) -> Result<Vec<TrackId>> {
        let scope = Scope::of(viewer);
        let (artist, genres) = self.likeness(&scope, item).await?;
        let last: i64 = self.readers.one(Query::new(LAST_ID)).await?;
        let start = 1 + i64::try_from(mixed(draw, 0) % u64::try_from(last.max(1)).unwrap_or(1)).unwrap_or(0);
        let mut found: HashSet<i64> =
            self.stretch(STRETCH_OF_ARTIST, &scope, artist.0, start).await?.into_iter().collect();
        for genre in genres {
            found.extend(self.stretch(STRETCH_OF_GENRE, &scope, genre, start).await?);
        }
        if let Item::Track(id) = item {
            found.remove(&id.0);
        }
        let mut chosen: Vec<i64> = found.into_iter().collect();
        chosen.sort_unstable_by_key(|id| mixed(draw, *id));
        chosen.truncate(ids_max.min(PAGE_ROWS_MAX));
        Ok(chosen.into_iter().map(TrackId).collect())
    }
}
