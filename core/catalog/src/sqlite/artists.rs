//! Lists of artists and of genres.

use super::rows::{ArtistRow, GenreRow};
use super::sql::{album_artist_seen, artist_rows, artist_seen, part_seen, play_state, private_seen, seen};
use super::{Result, Scope, Sqlite, limit, offset};
use crate::database::Page;
use crate::model::{Artist, ArtistId, Genre};
use crate::weight::is_cut;

const ONE: &str = artist_rows!("SELECT ar.id FROM artists ar WHERE ar.id = ?4 AND ", artist_seen!());
pub(super) const BY_NAME: &str = artist_rows!(
    "SELECT ar.id FROM artists ar INDEXED BY artists_by_name
     WHERE (ar.sort_name, ar.id) > (?4, ?5) AND ",
    album_artist_seen!(),
    "
     ORDER BY ar.sort_name, ar.id LIMIT ?6"
);
pub(super) const WITH_STAR: &str = artist_rows!(
    "SELECT ar.id FROM annotations s INDEXED BY annotations_starred
     CROSS JOIN artists ar ON ar.id = s.item_id
     WHERE s.user_id = ?1 AND s.kind = 3 AND s.starred IS NOT NULL AND ",
    artist_seen!(),
    "
     ORDER BY s.starred DESC, s.item_id DESC LIMIT ?4 OFFSET ?5"
);
// Totals over all albums of each genre; the few hundred genres that come out of them are sorted, not the albums.
const GENRES: &str = concat!(
    "WITH ",
    seen!(),
    ", parts (genre_id, album_id, tracks) AS (
        SELECT genre_id, album_id, tracks FROM genre_totals WHERE tracks > 0 AND library_id IN (SELECT id FROM seen)
        UNION ALL
        SELECT tg.genre_id, t.album_id, 1 FROM tracks t INDEXED BY tracks_private
        CROSS JOIN track_genres tg ON tg.track_id = t.id WHERE ",
    private_seen!(),
    "),
    sums (genre_id, tracks, albums) AS (
        SELECT genre_id, sum(tracks), count(DISTINCT album_id) FROM parts GROUP BY genre_id)
    SELECT g.name, s.tracks, s.albums FROM sums s JOIN genres g ON g.id = s.genre_id
    ORDER BY g.key LIMIT ?4 OFFSET ?5"
);

impl Sqlite {
    pub(super) async fn one_artist(&self, scope: &Scope, id: ArtistId) -> Result<Artist> {
        self.readers.noun::<ArtistRow, _>(scope.query(ONE).bind(id.0), "artist").await
    }

    pub(super) async fn artists_after(
        &self,
        scope: &Scope,
        after: Option<(String, ArtistId)>,
        rows_max: usize,
    ) -> Result<Page<Artist, (String, ArtistId)>> {
        let rows_max = limit(rows_max);
        let (name, id) = after.unwrap_or((String::new(), ArtistId(0)));
        let query = scope.query(BY_NAME).bind(name).bind(id.0).bind(rows_max);
        let rows: Vec<Artist> = self.readers.page::<ArtistRow, _>(query).await?;
        let full = i64::try_from(rows.len()) == Ok(rows_max) || is_cut(&rows);
        let next = if full { rows.last().map(|artist| (artist.sort_name.clone(), artist.id)) } else { None };
        Ok(Page { rows, next })
    }

    pub(super) async fn artists_with_star(
        &self,
        scope: &Scope,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>> {
        let query = scope.query(WITH_STAR).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<ArtistRow, _>(query).await
    }

    pub(super) async fn genres_by_name(
        &self,
        scope: &Scope,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Genre>> {
        let query = scope.query(GENRES).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<GenreRow, _>(query).await
    }
}
