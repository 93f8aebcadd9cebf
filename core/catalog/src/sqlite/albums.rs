//! Lists of albums, each order with the index that serves it.

use budget::limits::{DISC_TITLES_MAX, PAGE_ROWS_MAX};

use super::places::{List, Place, Statements};
use super::ranks::{Choice, Of};
use super::rows::{self, AlbumRow};
use super::sql::{
    album_listed, album_rows, album_seen, has_cover, part_seen, play_state, private_seen, seen, track_seen,
};
use super::{Result, Scope, Sqlite, json_ids, limit, offset};
use crate::fold;
use crate::model::{Album, AlbumId, AlbumOrder, ArtistId, DiscTitle};

const ONE: &str = album_rows!("SELECT al.id FROM albums al WHERE al.id = ?4 AND ", album_seen!());
/// The statements of a list of albums in one order: what an album sorts by, which albums, and how they follow.
macro_rules! in_order {
    ([$number:literal, $artist:literal, $artist_id:literal, $name:literal] $($from:tt)*) => {
        Statements {
            rows: album_rows!("SELECT al.id FROM ", $($from)*, " LIMIT ?4 OFFSET ?5"),
            step: concat!(
                "WITH ", seen!(), " SELECT ", $number, " AS number, ", $artist, " AS artist, ", $artist_id, " AS artist_id, ",
                $name, " AS name, al.id AS id FROM ", $($from)*, " LIMIT ?4 OFFSET ?5"
            ),
            place: concat!(
                "SELECT ", $number, " AS number, ", $artist, " AS artist, ", $artist_id, " AS artist_id, ",
                $name, " AS name, al.id AS id FROM albums al CROSS JOIN artists ar ON ar.id = al.artist_id WHERE al.id = ?8"
            ),
        }
    };
}

pub(super) static NEWEST: Statements = in_order!(
    ["al.created", "''", "0", "''"]
    "albums al INDEXED BY albums_by_age WHERE (al.created, al.id) < (?8, ?12) AND ", album_listed!(), "
     ORDER BY al.created DESC, al.id DESC"
);
pub(super) static BY_NAME: Statements = in_order!(
    ["0", "''", "0", "al.sort_name"]
    "albums al INDEXED BY albums_by_name WHERE (al.sort_name, al.id) > (?11, ?12) AND ", album_listed!(), "
     ORDER BY al.sort_name, al.id"
);
// An album without a year sorts before the others of its artist, as one of the year -1.
pub(super) static BY_ARTIST: Statements = in_order!(
    ["ifnull(al.year, -1)", "ar.sort_name", "ar.id", "al.sort_name"]
    "artists ar INDEXED BY artists_by_name
     CROSS JOIN albums al INDEXED BY albums_by_artist ON al.artist_id = ar.id
     WHERE (ar.sort_name, ar.id) >= (?9, ?10)
        AND (ar.id <> ?10 OR (ifnull(al.year, -1), al.sort_name, al.id) > (?8, ?11, ?12)) AND ", album_listed!(), "
     ORDER BY ar.sort_name, ar.id, al.year, al.sort_name, al.id"
);
pub(super) static BY_YEAR: Statements = in_order!(
    ["al.year", "''", "0", "al.sort_name"]
    "albums al INDEXED BY albums_by_year
     WHERE (al.year, al.sort_name, al.id) > (?8, ?11, ?12) AND al.year <= ?7 AND ", album_listed!(), "
     ORDER BY al.year, al.sort_name, al.id"
);
pub(super) static BY_YEAR_BACKWARDS: Statements = in_order!(
    ["al.year", "''", "0", "al.sort_name"]
    "albums al INDEXED BY albums_by_year
     WHERE (al.year, al.sort_name, al.id) < (?8, ?11, ?12) AND al.year >= ?6 AND ", album_listed!(), "
     ORDER BY al.year DESC, al.sort_name DESC, al.id DESC"
);
// An album is there once for each library that has songs of it.
pub(super) static BY_GENRE: Statements = in_order!(
    ["0", "''", "0", "al.sort_name"]
    "genre_totals g CROSS JOIN albums al ON al.id = g.album_id
     WHERE g.genre_id = (SELECT id FROM genres WHERE key = ?6) AND (g.sort_name, g.album_id) > (?11, ?12) AND ", album_listed!(), "
        AND ((g.tracks > 0 AND g.library_id IN (SELECT id FROM seen))
            OR EXISTS (SELECT 1 FROM tracks t INDEXED BY tracks_private CROSS JOIN track_genres tg ON tg.track_id = t.id
                WHERE t.album_id = al.id AND tg.genre_id = g.genre_id AND ", private_seen!(), "))
     GROUP BY g.sort_name, g.album_id ORDER BY g.sort_name, g.album_id"
);

/// Albums that the viewer did something with, by what he did.
macro_rules! annotated {
    ($index:literal, $column:literal, $condition:literal, $which:ident) => {
        album_rows!(
            "SELECT al.id FROM annotations s INDEXED BY ",
            $index,
            "
             CROSS JOIN albums al ON al.id = s.item_id
             WHERE s.user_id = ?1 AND s.kind = 2 AND s.",
            $column,
            $condition,
            " AND ",
            $which!(),
            "
             ORDER BY s.",
            $column,
            " DESC, s.item_id DESC LIMIT ?4 OFFSET ?5"
        )
    };
}
pub(super) const STARRED: &str = annotated!("annotations_starred", "starred", " IS NOT NULL", album_seen);
pub(super) const HIGHEST: &str = annotated!("annotations_rated", "rating", " > 0", album_seen);
pub(super) const FREQUENT: &str = annotated!("annotations_counted", "plays", " > 0", album_listed);
pub(super) const RECENT: &str = annotated!("annotations_played", "played", " IS NOT NULL", album_listed);

pub(super) const OF_ARTIST: &str = album_rows!(
    "SELECT al.id FROM albums al
     WHERE al.id IN (SELECT n.album_id FROM artist_totals n WHERE n.artist_id = ?4 AND ",
    part_seen!(),
    ")
     ORDER BY al.year, al.sort_name, al.id LIMIT ?5 OFFSET ?6"
);

const DISC_TITLES: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT ifnull(t.disc, 1), min(t.disc_title) FROM tracks t INDEXED BY tracks_by_album
    WHERE t.album_id = ?4 AND t.disc_title IS NOT NULL AND ",
    track_seen!(),
    " GROUP BY ifnull(t.disc, 1) LIMIT ?5"
);

const LAST_ID: &str = "SELECT ifnull(max(id), 0) FROM albums";
pub(super) const DRAWN: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT al.id FROM json_each(?4) j CROSS JOIN albums al ON al.id = j.value
    WHERE ",
    album_listed!(),
    " LIMIT ?5"
);
const THESE: &str = album_rows!(
    "SELECT al.id FROM json_each(?4) j CROSS JOIN albums al ON al.id = j.value WHERE ",
    album_listed!()
);

/// A list that is as long as the library. What one user did something with is not, and has no place of its own.
fn long_list(order: &AlbumOrder) -> List {
    let before = |number: i64| Place { number, ..Place::default() };
    let (statements, about, first) = match order {
        AlbumOrder::Newest => (&NEWEST, [None, None], Place { id: i64::MAX, ..before(i64::MAX) }),
        AlbumOrder::ByArtist => (&BY_ARTIST, [None, None], before(i64::MIN)),
        AlbumOrder::ByYear(from, to) if from <= to => {
            (&BY_YEAR, [None, Some(to.to_string())], before(i64::from(*from)))
        }
        AlbumOrder::ByYear(from, to) => {
            (&BY_YEAR_BACKWARDS, [Some(to.to_string()), None], before(i64::from(*from) + 1))
        }
        AlbumOrder::ByGenre(genre) => (&BY_GENRE, [Some(fold::key(genre)), None], Place::default()),
        _ => (&BY_NAME, [None, None], Place::default()),
    };
    // Where a list begins is part of what it is about.
    let about = if matches!(order, AlbumOrder::ByYear(..)) {
        about.map(|year| year.or_else(|| Some(first.number.to_string())))
    } else {
        about
    };
    List { statements, about, first }
}

impl Sqlite {
    pub(super) async fn one_album(&self, scope: &Scope, id: AlbumId) -> Result<Album> {
        self.readers.noun::<AlbumRow, _>(scope.query(ONE).bind(id.0), "album").await
    }

    pub(super) async fn titles_of_discs(&self, scope: &Scope, id: AlbumId) -> Result<Vec<DiscTitle>> {
        let query = scope.query(DISC_TITLES).bind(id.0).bind(limit(DISC_TITLES_MAX));
        let found: Vec<(i64, String)> = self.readers.all(query).await?;
        Ok(found.into_iter().map(|(disc, title)| DiscTitle { disc: rows::small(disc), title }).collect())
    }

    pub(super) async fn albums_in_order(
        &self,
        scope: &Scope,
        order: &AlbumOrder,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        let few = |sql| scope.query(sql).bind(limit(rows_max)).bind(offset(skip));
        let query = match order {
            AlbumOrder::Highest => few(HIGHEST),
            AlbumOrder::Frequent => few(FREQUENT),
            AlbumOrder::Recent => few(RECENT),
            AlbumOrder::Starred => few(STARRED),
            order => {
                let list = long_list(order);
                return self
                    .page_of::<AlbumRow, Album>(list, scope, skip, rows_max, |album| album.id.0)
                    .await;
            }
        };
        self.readers.page::<AlbumRow, _>(query).await
    }

    pub(super) async fn albums_of_artist(
        &self,
        scope: &Scope,
        id: ArtistId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        let query = scope.query(OF_ARTIST).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<AlbumRow, _>(query).await
    }

    pub(super) async fn albums_by_guess(&self, ids_max: usize) -> Result<Vec<AlbumId>> {
        Ok(self.guessed(LAST_ID, ids_max).await?.into_iter().map(AlbumId).collect())
    }

    pub(super) async fn albums_at_random(&self, scope: &Scope, ids_max: usize) -> Result<Vec<AlbumId>> {
        let wanted = ids_max.min(PAGE_ROWS_MAX);
        let drawn = |ids| self.readers.all(scope.query(DRAWN).bind(ids).bind(limit(wanted)));
        let mut found = self.drawn(LAST_ID, wanted, drawn).await?;
        if found.len() < wanted {
            let (ranks, choice) = (self.ranks.clone(), Choice::new(scope, Of::Albums));
            found = self.readers.read(move |reader| ranks.draw(reader, &choice, wanted)).await?;
        }
        Ok(found.into_iter().map(AlbumId).collect())
    }

    pub(super) async fn albums_in_hand(&self, scope: &Scope, ids: &[AlbumId]) -> Result<Vec<Album>> {
        let ids: Vec<i64> = ids.iter().take(PAGE_ROWS_MAX).map(|id| id.0).collect();
        self.readers.page::<AlbumRow, _>(scope.query(THESE).bind(json_ids(&ids))).await
    }
}
