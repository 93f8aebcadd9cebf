//! Where the letters of long lists begin.
//!
//! They are counted over the whole list, so what was counted is kept per list and viewer, in bounded memory, for as long as
//! the clock of the library stands still.

use std::sync::Arc;
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{LIST_REMEMBERED_MS, LISTS_REMEMBERED_MAX};
use prometheus_client::registry::Registry;

use super::library::CHANGED;
use super::readers::{Query, Reader};
use super::rows::unsigned;
use super::sql::{album_artist_seen, album_listed, part_seen, private_seen, seen};
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
const ARTISTS: &str =
    letters!("ar.sort_name", "artists ar INDEXED BY artists_by_name WHERE ", album_artist_seen!());
const ALBUMS_BY_NAME: &str =
    letters!("al.sort_name", "albums al INDEXED BY albums_by_name WHERE ", album_listed!());
const ALBUMS_BY_ARTIST: &str = letters!(
    "ar.sort_name",
    "artists ar INDEXED BY artists_by_name
     CROSS JOIN albums al INDEXED BY albums_by_artist ON al.artist_id = ar.id WHERE ",
    album_listed!()
);

/// Which list, through whose eyes, and how many letters at most.
type Name = (Lettered, Scope, i64);

/// The letters of a list, as the library was at a moment of its clock.
#[derive(Debug)]
struct Counted {
    clock: i64,
    letters: Vec<(String, u64)>,
}

/// What is remembered of the letters of lists. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Letters {
    counted: BoundedMap<Name, Arc<Counted>>,
}

impl Letters {
    pub(super) fn new() -> Self {
        let lifetime = Duration::from_millis(LIST_REMEMBERED_MS);
        Letters { counted: BoundedMap::new("list_letters", LISTS_REMEMBERED_MAX, lifetime) }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.counted.register(registry);
    }

    fn of(&self, reader: &Reader, name: Name) -> Result<Vec<(String, u64)>> {
        // The clock is read before the list: letters of a later moment pass for older, and are counted anew.
        let clock: i64 = reader.one(Query::new(CHANGED))?;
        if let Some(known) = self.counted.get(&name).filter(|known| known.clock == clock) {
            return Ok(known.letters.clone());
        }
        let (list, scope, rows_max) = &name;
        let sql = match list {
            Lettered::Artists => ARTISTS,
            Lettered::AlbumsByName => ALBUMS_BY_NAME,
            Lettered::AlbumsByArtist => ALBUMS_BY_ARTIST,
        };
        let found: Vec<(String, i64)> = reader.all(scope.query(sql).bind(*rows_max))?;
        let letters: Vec<_> = found.into_iter().map(|(letter, rows)| (letter, unsigned(rows))).collect();
        self.counted.insert(name, Arc::new(Counted { clock, letters: letters.clone() }));
        Ok(letters)
    }
}

impl Sqlite {
    pub(super) async fn letters_of(
        &self,
        scope: &Scope,
        list: Lettered,
        rows_max: usize,
    ) -> Result<Vec<(String, u64)>> {
        let (letters, name) = (self.letters.clone(), (list, scope.clone(), limit(rows_max)));
        self.readers.read(move |reader| letters.of(reader, name)).await
    }
}
