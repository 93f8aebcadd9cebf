//! Lists of albums, each order with the index that serves it.

use budget::limits::{PAGE_ROWS_MAX, RANDOM_DRAWS_MAX};

use super::rows::{self, AlbumRow};
use super::sql::{album_rows, album_seen, has_cover, play_state, private_seen, seen, track_seen};
use super::{Result, Scope, Sqlite, json_ids, limit, offset, random_ids};
use crate::fold;
use crate::model::{Album, AlbumId, AlbumOrder, ArtistId};

const ONE: &str = album_rows!("SELECT al.id FROM albums al WHERE al.id = ?4 AND ", album_seen!());
pub(super) const NEWEST: &str = album_rows!(
    "SELECT al.id FROM albums al INDEXED BY albums_by_age WHERE ",
    album_seen!(),
    "
     ORDER BY al.created DESC, al.id DESC LIMIT ?4 OFFSET ?5"
);
pub(super) const BY_NAME: &str = album_rows!(
    "SELECT al.id FROM albums al INDEXED BY albums_by_name WHERE ",
    album_seen!(),
    "
     ORDER BY al.sort_name, al.id LIMIT ?4 OFFSET ?5"
);
pub(super) const BY_ARTIST: &str = album_rows!(
    "SELECT al.id FROM artists ar INDEXED BY artists_by_name
     CROSS JOIN albums al INDEXED BY albums_by_artist ON al.artist_id = ar.id WHERE ",
    album_seen!(),
    "
     ORDER BY ar.sort_name, ar.id, al.year, al.sort_name, al.id LIMIT ?4 OFFSET ?5"
);
pub(super) const BY_YEAR: &str = album_rows!(
    "SELECT al.id FROM albums al INDEXED BY albums_by_year WHERE al.year BETWEEN ?6 AND ?7 AND ",
    album_seen!(),
    "
     ORDER BY al.year, al.sort_name, al.id LIMIT ?4 OFFSET ?5"
);
pub(super) const BY_YEAR_BACKWARDS: &str = album_rows!(
    "SELECT al.id FROM albums al INDEXED BY albums_by_year WHERE al.year BETWEEN ?6 AND ?7 AND ",
    album_seen!(),
    "
     ORDER BY al.year DESC, al.sort_name DESC, al.id DESC LIMIT ?4 OFFSET ?5"
);
pub(super) const BY_GENRE: &str = album_rows!(
    "SELECT al.id FROM albums al INDEXED BY albums_by_name
     WHERE EXISTS (SELECT 1 FROM genre_totals g WHERE g.genre_id = (SELECT id FROM genres WHERE key = ?6)
            AND g.album_id = al.id AND g.library_id IN (SELECT id FROM seen))
        OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_private CROSS JOIN track_genres tg ON tg.track_id = t.id
            WHERE t.album_id = al.id AND tg.genre_id = (SELECT id FROM genres WHERE key = ?6) AND ", private_seen!(), ")
     ORDER BY al.sort_name, al.id LIMIT ?4 OFFSET ?5"
);

/// Albums that the viewer did something with, by what he did.
macro_rules! annotated {
    ($index:literal, $column:literal, $condition:literal) => {
        album_rows!(
            "SELECT al.id FROM annotations s INDEXED BY ",
            $index,
            "
             CROSS JOIN albums al ON al.id = s.item_id
             WHERE s.user_id = ?1 AND s.kind = 2 AND s.",
            $column,
            $condition,
            " AND ",
            album_seen!(),
            "
             ORDER BY s.",
            $column,
            " DESC, s.item_id DESC LIMIT ?4 OFFSET ?5"
        )
    };
}
pub(super) const STARRED: &str = annotated!("annotations_starred", "starred", " IS NOT NULL");
pub(super) const HIGHEST: &str = annotated!("annotations_rated", "rating", " > 0");
pub(super) const FREQUENT: &str = annotated!("annotations_counted", "plays", " > 0");
pub(super) const RECENT: &str = annotated!("annotations_played", "played", " IS NOT NULL");

pub(super) const OF_ARTIST: &str = album_rows!(
    "SELECT al.id FROM albums al
     WHERE al.id IN (SELECT id FROM albums WHERE artist_id = ?4 UNION SELECT album_id FROM tracks WHERE artist_id = ?4)
        AND ((al.artist_id = ?4 AND ", album_seen!(), ")
            OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_by_artist
                WHERE t.artist_id = ?4 AND t.album_id = al.id AND ", track_seen!(), "))
     ORDER BY al.year, al.sort_name, al.id LIMIT ?5 OFFSET ?6"
);

const LAST_ID: &str = "SELECT ifnull(max(id), 0) FROM albums";
pub(super) const DRAWN: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT al.id FROM json_each(?4) j CROSS JOIN albums al ON al.id = j.value
    WHERE ",
    album_seen!(),
    " LIMIT ?5"
);
// For viewers who see so few albums that drawing numbers finds too little; the sorter keeps no more rows than the limit.
const NARROW: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT al.id FROM albums al
    WHERE ?4 IS NULL AND ",
    album_seen!(),
    " ORDER BY random() LIMIT ?5"
);
const THESE: &str = album_rows!(
    "SELECT al.id FROM json_each(?4) j CROSS JOIN albums al ON al.id = j.value WHERE ",
    album_seen!()
);

impl Sqlite {
    pub(super) async fn one_album(&self, scope: &Scope, id: AlbumId) -> Result<Album> {
        let found: Vec<AlbumRow> = scope.rows(ONE).bind(id.0).fetch_all(&self.readers).await?;
        rows::one(found, "album")
    }

    pub(super) async fn albums_in_order(
        &self,
        scope: &Scope,
        order: &AlbumOrder,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        let page = |sql| scope.rows::<AlbumRow>(sql).bind(limit(rows_max)).bind(offset(skip));
        let query = match order {
            AlbumOrder::Random => return self.albums_at_random(scope, rows_max).await,
            AlbumOrder::Newest => page(NEWEST),
            AlbumOrder::Highest => page(HIGHEST),
            AlbumOrder::Frequent => page(FREQUENT),
            AlbumOrder::Recent => page(RECENT),
            AlbumOrder::ByName => page(BY_NAME),
            AlbumOrder::ByArtist => page(BY_ARTIST),
            AlbumOrder::Starred => page(STARRED),
            AlbumOrder::ByYear(from, to) if from <= to => page(BY_YEAR).bind(from).bind(to),
            AlbumOrder::ByYear(from, to) => page(BY_YEAR_BACKWARDS).bind(to).bind(from),
            AlbumOrder::ByGenre(genre) => page(BY_GENRE).bind(fold::key(genre)),
        };
        rows::page::<AlbumRow, _>(query, &self.readers).await
    }

    pub(super) async fn albums_of_artist(
        &self,
        scope: &Scope,
        id: ArtistId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        let query = scope.rows(OF_ARTIST).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        rows::page::<AlbumRow, _>(query, &self.readers).await
    }

    /// Draws numbers and takes the albums that have them; where that finds too little, looks at all that are seen.
    async fn albums_at_random(&self, scope: &Scope, rows_max: usize) -> Result<Vec<Album>> {
        let wanted = rows_max.min(PAGE_ROWS_MAX);
        let last: i64 = sqlx::query_scalar(LAST_ID).fetch_one(&self.readers).await?;
        let mut chosen: Vec<i64> = Vec::with_capacity(wanted);
        for _ in 0..RANDOM_DRAWS_MAX {
            if chosen.len() >= wanted {
                break;
            }
            let drawn = json_ids(&random_ids(last, 2 * wanted)?);
            for id in self.draw_albums(DRAWN, scope, Some(&drawn), wanted).await? {
                if !chosen.contains(&id) && chosen.len() < wanted {
                    chosen.push(id);
                }
            }
        }
        if chosen.len() < wanted {
            chosen = self.draw_albums(NARROW, scope, None, wanted).await?;
        }
        let chosen = json_ids(&chosen);
        rows::page::<AlbumRow, _>(scope.rows(THESE).bind(chosen), &self.readers).await
    }

    async fn draw_albums(
        &self,
        sql: &'static str,
        scope: &Scope,
        drawn: Option<&str>,
        wanted: usize,
    ) -> Result<Vec<i64>> {
        let query = scope.rows::<(i64,)>(sql).bind(drawn).bind(limit(wanted));
        Ok(query.fetch_all(&self.readers).await?.into_iter().map(|(id,)| id).collect())
    }
}
