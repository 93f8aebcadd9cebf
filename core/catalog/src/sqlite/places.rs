//! Long lists by offset, at the same cost wherever the page begins, and in one piece though rows come and go meanwhile.
//!
//! A *place* is the key of a row in the order of its list; what stands behind a place is found through the index of that
//! order, without a look at what stands before. Two things lead from an offset to a place:
//!
//! - **Pages that were just read.** Whoever asks for what follows one of them goes on behind its last row, whatever was
//!   added or removed in front of it: no row comes twice, and none is passed over, unless it itself moved.
//! - **Steps.** Of a list that somebody read deeply, the place of every thousandth row is kept, for as long as the clock of
//!   the library stands still. They are found as they are needed, each from the one before.
//!
//! Both are kept per list and viewer, in bounded memory; pages also per app, because two apps of one user that go through one
//! list have each a place in it. Without either a page costs a walk from the list's beginning.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{
    LIST_APPS_MAX, LIST_PAGES_MAX, LIST_PLACE_TEXT_BYTES_MAX, LIST_PLACES_MAX, LIST_REMEMBERED_MS,
    LIST_STEP_ROWS, LISTS_REMEMBERED_MAX,
};
use prometheus_client::registry::Registry;
use sha2::{Digest, Sha256};

use super::columns::{Part, row};
use super::library::CHANGED;
use super::readers::{Query, Reader};
use super::{Result, Scope, Sqlite, limit, offset};
use crate::access::App;
use crate::error::Error;
use crate::weight::Weight;

row! {
    /// The key of a row in the order of its list. Each order sorts by some of these.
    #[derive(Clone, Debug, Default)]
    pub(super) struct Place {
        /// A moment, a year, a grade.
        pub(super) number: i64,
        /// The artist's name as it is sorted, and his number.
        pub(super) artist: String,
        pub(super) artist_id: i64,
        /// The row's own name as it is sorted, and its number.
        pub(super) name: String,
        pub(super) id: i64,
    }
}

/// The statements of one list. Their parameters are `?4` how many rows, `?5` how many to pass over, `?6` and `?7` what the
/// list is about, and from `?8` on the place to begin behind.
#[derive(Debug)]
pub(super) struct Statements {
    /// The rows of a page.
    pub(super) rows: &'static str,
    /// The place of one row, so many behind a place.
    pub(super) step: &'static str,
    /// The place of the row with the number `?8`.
    pub(super) place: &'static str,
}

/// A list of one kind, as somebody asks for it.
pub(super) struct List {
    pub(super) statements: &'static Statements,
    /// What it is about: a genre, words, years.
    pub(super) about: [Option<String>; 2],
    /// What stands before its first row.
    pub(super) first: Place,
}

type Name = [u8; 32];

/// A page that was read: by which app, where it began, which rows it had, and the place of the last of them.
#[derive(Debug)]
struct Read {
    app: App,
    start: u64,
    ids: Box<[i64]>,
    last: Place,
}

/// The places of every [`LIST_STEP_ROWS`]th row, as the library was at a moment of its clock.
#[derive(Clone, Debug, Default)]
struct Steps {
    clock: i64,
    places: Vec<Place>,
}

/// What is remembered of lists. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Places {
    read: BoundedMap<Name, Arc<[Arc<Read>]>>,
    steps: BoundedMap<Name, Arc<Steps>>,
}

impl Places {
    pub(super) fn new() -> Self {
        let lifetime = Duration::from_millis(LIST_REMEMBERED_MS);
        Places {
            read: BoundedMap::new("list_pages", LISTS_REMEMBERED_MAX, lifetime),
            steps: BoundedMap::new("list_steps", LISTS_REMEMBERED_MAX, lifetime),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.read.register(registry);
        self.steps.register(registry);
    }

    /// Remembers a page that was read, and forgets one of the same app that began at the same row, the oldest of too many, and
    /// those of the app that has read nothing for the longest time where there are too many apps.
    fn keep(&self, name: Name, page: Read) {
        let before = self.read.get(&name).unwrap_or_else(|| Arc::new([]));
        let is_replaced = |other: &&Arc<Read>| (other.app, other.start) == (page.app, page.start);
        let others: Vec<_> = before.iter().rev().filter(|other| !is_replaced(other)).cloned().collect();
        let mut pages = vec![Arc::new(page)];
        // From the one that was read last to the first.
        for other in others {
            let of_app = pages.iter().filter(|page| page.app == other.app).count();
            let apps: HashSet<App> = pages.iter().map(|page| page.app).collect();
            let has_room = if of_app > 0 { of_app < LIST_PAGES_MAX } else { apps.len() < LIST_APPS_MAX };
            if has_room {
                pages.push(other);
            }
        }
        pages.reverse();
        self.read.insert(name, pages.into());
    }
}

impl List {
    /// What it is remembered by: two that show the same to the same eyes have the same name.
    fn name(&self, scope: &Scope) -> Name {
        let whole = (self.statements.rows, &self.about, scope.user, &scope.libraries, scope.manages);
        Sha256::digest(format!("{whole:?}")).into()
    }

    fn query(&self, sql: &'static str, scope: &Scope, [rows, skip]: [i64; 2], place: &Place) -> Query {
        let [one, other] = self.about.clone();
        let query = scope.query(sql).bind(rows).bind(skip).bind(one).bind(other).bind(place.number);
        query.bind(place.artist.clone()).bind(place.artist_id).bind(place.name.clone()).bind(place.id)
    }
}

/// One reading of a list.
struct Reading<'r> {
    reader: &'r Reader,
    places: &'r Places,
    list: &'r List,
    scope: &'r Scope,
    /// The list's.
    name: Name,
}

impl Sqlite {
    /// The rows of a page that begins after so many rows.
    pub(super) async fn page_of<Row, Noun>(
        &self,
        list: List,
        scope: &Scope,
        skip: u64,
        rows_max: usize,
        id_of: fn(&Noun) -> i64,
    ) -> Result<Vec<Noun>>
    where
        Row: Part,
        Noun: TryFrom<Row, Error = Error> + Weight + Send + 'static,
    {
        let (places, scope) = (self.places.clone(), scope.clone());
        let read = move |reader: &Reader| {
            let name = list.name(&scope);
            let reading = Reading { reader, places: &places, list: &list, scope: &scope, name };
            reading.page::<Row, Noun>(skip, rows_max, id_of)
        };
        self.readers.read(read).await
    }
}

impl Reading<'_> {
    fn page<Row, Noun>(&self, skip: u64, rows_max: usize, id_of: fn(&Noun) -> i64) -> Result<Vec<Noun>>
    where
        Row: Part,
        Noun: TryFrom<Row, Error = Error> + Weight,
    {
        let (place, rest) = match self.place_behind_a_page(skip)? {
            Some(place) => (place, 0),
            None => self.place_by_steps(skip)?,
        };
        let ask = [limit(rows_max), offset(rest)];
        let query = self.list.query(self.list.statements.rows, self.scope, ask, &place);
        let rows = self.reader.page::<Row, Noun>(query)?;
        if let Some(last) = rows.last()
            && let Some(last) = self.place_of(id_of(last))?
            && last.is_short()
        {
            let ids = rows.iter().map(id_of).collect();
            self.places.keep(self.name, Read { app: self.scope.app, start: skip, ids, last });
        }
        Ok(rows)
    }

    /// Where a list goes on behind a page that was just read, if one ends there or goes beyond.
    fn place_behind_a_page(&self, skip: u64) -> Result<Option<Place>> {
        let Some(pages) = self.places.read.get(&self.name).filter(|_| skip > 0) else { return Ok(None) };
        for page in pages.iter().rev().filter(|page| page.app == self.scope.app) {
            let passed = skip.checked_sub(page.start).and_then(|rows| usize::try_from(rows).ok());
            match passed {
                Some(passed) if passed == page.ids.len() => return Ok(Some(page.last.clone())),
                Some(passed) if (1..page.ids.len()).contains(&passed) => {
                    // Nobody took the page to its end, mostly because the text of an answer had no room for all of it.
                    if let Some(place) = self.place_of(page.ids[passed - 1])? {
                        return Ok(Some(place));
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The nearest step before a row, and how many rows there are from it.
    fn place_by_steps(&self, skip: u64) -> Result<(Place, u64)> {
        let first = &self.list.first;
        let wanted = usize::try_from(skip / LIST_STEP_ROWS).unwrap_or(usize::MAX).min(LIST_PLACES_MAX);
        if wanted == 0 {
            return Ok((first.clone(), skip));
        }
        // The clock is read before the places: those of a later moment pass for older, and are found anew.
        let clock: i64 = self.reader.one(Query::new(CHANGED))?;
        let known = self.places.steps.get(&self.name).filter(|steps| steps.clock == clock);
        let mut steps = known.map_or_else(|| Steps { clock, places: Vec::new() }, |steps| (*steps).clone());
        let known = steps.places.len();
        while steps.places.len() < wanted {
            let from = steps.places.last().unwrap_or(first);
            let ask = [1, offset(LIST_STEP_ROWS - 1)];
            match self.reader.optional(self.list.query(self.list.statements.step, self.scope, ask, from))? {
                Some::<Place>(place) if place.is_short() => steps.places.push(place),
                // The list ends before it, or the place is too long to be kept: the rest is walked.
                _ => break,
            }
        }
        let found = steps.places.len().min(wanted);
        let place = found.checked_sub(1).map_or(first, |last| &steps.places[last]).clone();
        let passed = found as u64 * LIST_STEP_ROWS;
        if steps.places.len() > known {
            self.places.steps.insert(self.name, Arc::new(steps));
        }
        Ok((place, skip - passed))
    }

    /// The place of a row; none when it is gone.
    fn place_of(&self, id: i64) -> Result<Option<Place>> {
        let row = Place { number: id, ..Place::default() };
        self.reader.optional(self.list.query(self.list.statements.place, self.scope, [1, 0], &row))
    }
}

impl Place {
    /// Whether it is short enough to be kept. Names are longer in hostile tags alone.
    fn is_short(&self) -> bool {
        self.artist.len() + self.name.len() <= LIST_PLACE_TEXT_BYTES_MAX
    }
}
