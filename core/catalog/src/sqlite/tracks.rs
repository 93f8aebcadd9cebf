//! Lists of tracks.

use budget::limits::PAGE_ROWS_MAX;

use super::columns::Part;
use super::ranks::{Choice, Of};
use super::readers::Query;
use super::rows::TrackRow;
use super::sql::{has_cover, not_episode, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, json_ids, limit, offset};
use crate::database::Page;
use crate::error::Error;
use crate::fold;
use crate::model::{AlbumId, RandomFilter, Track, TrackId};
use crate::weight::{Weight, is_cut};

pub(super) const BY_ID: &str = track_rows!(
    "SELECT t.id FROM tracks t INDEXED BY tracks_seen WHERE t.id > ?4 AND ",
    track_seen!(),
    " ORDER BY t.id LIMIT ?5"
);
const ONE: &str = track_rows!("SELECT t.id FROM tracks t WHERE t.id = ?4 AND ", track_seen!());
pub(super) const OF_ALBUM: &str = track_rows!(
    "SELECT t.id FROM tracks t INDEXED BY tracks_by_album WHERE t.album_id = ?4 AND ",
    track_seen!(),
    "
     ORDER BY ifnull(t.disc, 1), ifnull(t.track, 1000000), t.id LIMIT ?5 OFFSET ?6"
);
pub(super) const WITH_STAR: &str = track_rows!(
    "SELECT t.id FROM annotations s INDEXED BY annotations_starred
     CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = s.item_id
     WHERE s.user_id = ?1 AND s.kind = 1 AND s.starred IS NOT NULL AND ",
    track_seen!(),
    "
     ORDER BY s.starred DESC, s.item_id DESC LIMIT ?4 OFFSET ?5"
);

const LAST_ID: &str = "SELECT ifnull(max(id), 0) FROM tracks";
// The index says who sees a track, in a fifth of the pages that the tracks themselves take: of a large library they are
// seldom in memory.
pub(super) const DRAWN: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT t.id FROM json_each(?4) j CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = j.value
    WHERE ",
    track_seen!(),
    " AND ",
    not_episode!(),
    " LIMIT ?5"
);
const NO_EPISODES: &str = "SELECT j.value FROM json_each(?1) j WHERE NOT EXISTS (
        SELECT 1 FROM podcast_episodes e INDEXED BY podcast_episodes_by_track WHERE e.track = j.value)";
const THESE: &str = track_rows!(
    "SELECT t.id FROM json_each(?4) j CROSS JOIN tracks t ON t.id = j.value WHERE ",
    track_seen!()
);

impl Sqlite {
    pub(super) async fn tracks_after(
        &self,
        scope: &Scope,
        after: Option<TrackId>,
        rows_max: usize,
    ) -> Result<Page<Track, TrackId>> {
        self.page_after::<TrackRow, _>(BY_ID, scope, after, rows_max, |track: &Track| track.id).await
    }

    /// A page of what has the ids of tracks, in their order.
    pub(super) async fn page_after<Row, Noun>(
        &self,
        sql: &'static str,
        scope: &Scope,
        after: Option<TrackId>,
        rows_max: usize,
        id: impl Fn(&Noun) -> TrackId,
    ) -> Result<Page<Noun, TrackId>>
    where
        Row: Part,
        Noun: TryFrom<Row, Error = Error> + Weight + Send + 'static,
    {
        let rows_max = limit(rows_max);
        let query = scope.query(sql).bind(after.map_or(0, |id| id.0)).bind(rows_max);
        let rows = self.readers.page::<Row, Noun>(query).await?;
        let full = i64::try_from(rows.len()) == Ok(rows_max) || is_cut(&rows);
        let next = rows.last().map(id).filter(|_| full);
        Ok(Page { rows, next })
    }

    pub(super) async fn one_track(&self, scope: &Scope, id: TrackId) -> Result<Track> {
        self.readers.noun::<TrackRow, _>(scope.query(ONE).bind(id.0), "track").await
    }

    pub(super) async fn tracks_of_album(
        &self,
        scope: &Scope,
        id: AlbumId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let query = scope.query(OF_ALBUM).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<TrackRow, _>(query).await
    }

    pub(super) async fn tracks_with_star(
        &self,
        scope: &Scope,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let query = scope.query(WITH_STAR).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<TrackRow, _>(query).await
    }

    pub(super) async fn tracks_by_guess(&self, ids_max: usize) -> Result<Vec<TrackId>> {
        let guesses = json_ids(&self.guessed(LAST_ID, ids_max).await?);
        let found: Vec<i64> = self.readers.all(Query::new(NO_EPISODES).bind(guesses)).await?;
        Ok(found.into_iter().map(TrackId).collect())
    }

    pub(super) async fn tracks_at_random(
        &self,
        scope: &Scope,
        filter: &RandomFilter,
        ids_max: usize,
    ) -> Result<Vec<TrackId>> {
        let wanted = ids_max.min(PAGE_ROWS_MAX);
        let RandomFilter { genre, from_year, to_year, folder: _ } = filter;
        // Whoever sees most of the library is served by chance, which needs no look at all of it.
        let is_all = (genre, from_year, to_year) == (&None, &None, &None);
        let drawn = |ids| self.readers.all(scope.query(DRAWN).bind(ids).bind(limit(wanted)));
        let mut found = if is_all { self.drawn(LAST_ID, wanted, drawn).await? } else { Vec::new() };
        if found.len() < wanted {
            let of = Of::Tracks { genre: genre.as_deref().map(fold::key), years: [*from_year, *to_year] };
            let (ranks, choice) = (self.ranks.clone(), Choice::new(scope, of));
            found = self.readers.read(move |reader| ranks.draw(reader, &choice, wanted)).await?;
        }
        Ok(found.into_iter().map(TrackId).collect())
    }

    pub(super) async fn tracks_in_hand(&self, scope: &Scope, ids: &[TrackId]) -> Result<Vec<Track>> {
        let ids: Vec<i64> = ids.iter().take(PAGE_ROWS_MAX).map(|id| id.0).collect();
        self.readers.page::<TrackRow, _>(scope.query(THESE).bind(json_ids(&ids))).await
    }
}
