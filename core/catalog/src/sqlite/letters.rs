//! Where the letters of long lists begin.

use super::sql::{album_seen, private_seen, seen, track_seen};
use super::{Result, Scope, Sqlite, limit};
use crate::model::Lettered;

/// How many rows of a list begin with each letter, in the order of the list.
macro_rules! letters {
    ($of:literal, $($from:tt)*) => {
        concat!(
            "WITH ", seen!(), " SELECT substr(", $of, ", 1, 1), count(*) FROM ", $($from)*,
            " GROUP BY 1 ORDER BY 1 LIMIT ?4"
        )
    };
}

// The conditions are those of the lists: a letter stands for rows that are there.
const ARTISTS: &str = letters!(
    "ar.sort_name",
    "artists ar INDEXED BY artists_by_name
     WHERE (EXISTS (SELECT 1 FROM albums al WHERE al.artist_id = ar.id AND ",
    album_seen!(),
    ") OR EXISTS (SELECT 1 FROM track_credits c CROSS JOIN tracks t ON t.id = c.track_id
            WHERE c.artist_id = ar.id AND c.role = 2 AND ",
    track_seen!(),
    "))"
);
const ALBUMS_BY_NAME: &str =
    letters!("al.sort_name", "albums al INDEXED BY albums_by_name WHERE ", album_seen!());
const ALBUMS_BY_ARTIST: &str = letters!(
    "ar.sort_name",
    "artists ar INDEXED BY artists_by_name
     CROSS JOIN albums al INDEXED BY albums_by_artist ON al.artist_id = ar.id WHERE ",
    album_seen!()
);

impl Sqlite {
    pub(super) async fn letters_of(
        &self,
        scope: &Scope,
        list: Lettered,
        rows_max: usize,
    ) -> Result<Vec<(String, u64)>> {
        let sql = match list {
            Lettered::Artists => ARTISTS,
            Lettered::AlbumsByName => ALBUMS_BY_NAME,
            Lettered::AlbumsByArtist => ALBUMS_BY_ARTIST,
        };
        let found: Vec<(String, i64)> = self.readers.all(scope.query(sql).bind(limit(rows_max))).await?;
        Ok(found.into_iter().map(|(letter, rows)| (letter, super::rows::unsigned(rows))).collect())
    }
}
