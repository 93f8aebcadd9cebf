//! Random tracks or albums of a choice, by their ranks in it: each is as likely as every other, however few of the library they
//! are.
//!
//! Of a choice that somebody drew from, the id of every so many-th one is kept, in bounded memory, for as long as the clock of
//! the library stands still. A rank is found behind the nearest of these, so that a draw looks at no more of a million than
//! of a thousand that are near the drawn ones.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::{CHOICE_STEPS_MAX, CHOICES_REMEMBERED_MAX, LIST_REMEMBERED_MS};
use prometheus_client::registry::Registry;

use super::library::CHANGED;
use super::readers::{Query, Reader, Seen};
use super::sql::{album_listed, not_episode, private_seen, seen, track_seen};
use super::{Result, Scope, random_ids};
use crate::access::App;

/// The tracks between pairs of ids, `?4`, that a choice has: `?5` is a genre's key, `?6` and `?7` the first and last year.
macro_rules! between {
    ($($from:tt)*) => {
        concat!(
            "WITH ", seen!(), " SELECT j.key, t.id FROM json_each(?4) j ", $($from)*,
            " WHERE (?6 IS NULL OR t.year >= ?6) AND (?7 IS NULL OR t.year <= ?7) AND ", not_episode!(), " AND ", track_seen!()
        )
    };
}
pub(super) const OF_ALL: &str = between!(
    "CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id >= (j.value ->> 0) AND t.id < (j.value ->> 1)"
);
pub(super) const OF_GENRE: &str = between!(
    "CROSS JOIN track_genres g INDEXED BY track_genres_by_genre ON g.genre_id = (SELECT id FROM genres WHERE key = ?5)
        AND g.track_id >= (j.value ->> 0) AND g.track_id < (j.value ->> 1)
     CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = g.track_id"
);

/// The albums between pairs of ids, `?4`.
pub(super) const ALBUMS: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT j.key, al.id FROM json_each(?4) j
     CROSS JOIN albums al ON al.id >= (j.value ->> 0) AND al.id < (j.value ->> 1) WHERE ",
    album_listed!()
);

/// What is drawn from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Choice {
    scope: Scope,
    of: Of,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    Albums,
    /// Those of a genre, by its key, and from the first year to the last.
    Tracks {
        genre: Option<String>,
        years: [Option<u32>; 2],
    },
}

/// The ids of every so many-th one of a choice, as the library was at a moment of its clock.
#[derive(Debug)]
struct Steps {
    clock: i64,
    /// There are no more of them than this, an even number.
    most: usize,
    every: usize,
    all: usize,
    ids: Vec<i64>,
}

impl Steps {
    fn at(clock: i64, most: usize) -> Self {
        Steps { clock, most, every: 1, all: 0, ids: Vec::new() }
    }

    /// Takes the next one. Where there are too many steps, every second one is given up.
    fn add(&mut self, id: i64) {
        if self.all.is_multiple_of(self.every) && self.ids.len() == self.most {
            let mut is_kept = false;
            self.ids.retain(|_| {
                is_kept = !is_kept;
                is_kept
            });
            self.every *= 2;
        }
        if self.all.is_multiple_of(self.every) {
            self.ids.push(id);
        }
        self.all += 1;
    }

    /// Different ranks, each as likely as every other.
    fn draw(&self, wanted: usize) -> Result<BTreeSet<usize>> {
        let mut ranks = BTreeSet::new();
        let last = i64::try_from(self.all).unwrap_or(i64::MAX);
        while ranks.len() < wanted.min(self.all) {
            let left = wanted.min(self.all) - ranks.len();
            ranks.extend(random_ids(last, left)?.into_iter().filter_map(|n| usize::try_from(n - 1).ok()));
        }
        Ok(ranks)
    }

    /// From this step on, up to the next one.
    fn stretch(&self, step: usize) -> (i64, i64) {
        (self.ids[step], self.ids.get(step + 1).copied().unwrap_or(i64::MAX))
    }
}

/// What is remembered of choices. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Ranks {
    steps: BoundedMap<Choice, Arc<Steps>>,
    most: usize,
}

impl Ranks {
    pub(super) fn new() -> Self {
        Self::of_steps(CHOICE_STEPS_MAX)
    }

    /// With so many steps of a choice at most, an even number.
    pub(super) fn of_steps(most: usize) -> Self {
        let lifetime = Duration::from_millis(LIST_REMEMBERED_MS);
        Ranks { steps: BoundedMap::new("list_choices", CHOICES_REMEMBERED_MAX, lifetime), most }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        self.steps.register(registry);
    }

    /// So many of a choice in no order, each once; all of them where there are fewer.
    pub(super) fn draw(&self, reader: &Reader, choice: &Choice, wanted: usize) -> Result<Vec<i64>> {
        let steps = self.steps_of(reader, choice)?;
        let ranks = steps.draw(wanted)?;
        if steps.every == 1 {
            // Every one is a step, and nothing has changed since.
            return shuffled(ranks.iter().map(|rank| steps.ids[*rank]).collect());
        }
        let mut wanted_steps: Vec<usize> = ranks.iter().map(|rank| rank / steps.every).collect();
        wanted_steps.dedup();
        let (mut drawn, mut stretch, mut passed) = (Vec::with_capacity(ranks.len()), 0, 0);
        let stretches = wanted_steps.iter().map(|step| steps.stretch(*step));
        reader.each(choice.query(stretches), |(number, id): (i64, i64)| {
            passed = if number == stretch { passed } else { 0 };
            stretch = number;
            let step = usize::try_from(number).ok().and_then(|number| wanted_steps.get(number));
            if step.is_some_and(|step| ranks.contains(&(step * steps.every + passed))) {
                drawn.push(id);
            }
            passed += 1;
            Ok(Seen::More)
        })?;
        shuffled(drawn)
    }

    fn steps_of(&self, reader: &Reader, choice: &Choice) -> Result<Arc<Steps>> {
        // The clock is read before the choice: those of a later moment pass for older, and are counted anew.
        let clock: i64 = reader.one(Query::new(CHANGED))?;
        if let Some(known) = self.steps.get(choice).filter(|steps| steps.clock == clock) {
            return Ok(known);
        }
        let mut steps = Steps::at(clock, self.most);
        reader.each(choice.query([(0, i64::MAX)].into_iter()), |(_, id): (i64, i64)| {
            steps.add(id);
            Ok(Seen::More)
        })?;
        steps.ids.shrink_to_fit();
        let steps = Arc::new(steps);
        self.steps.insert(choice.clone(), steps.clone());
        Ok(steps)
    }
}

impl Choice {
    /// All apps of a user draw from the same.
    pub(super) fn new(scope: &Scope, of: Of) -> Self {
        Choice { scope: Scope { app: App::default(), ..scope.clone() }, of }
    }

    /// What the choice has in these stretches, each from an id up to another.
    fn query(&self, stretches: impl Iterator<Item = (i64, i64)>) -> Query {
        let pairs: Vec<String> = stretches.map(|(from, to)| format!("[{from},{to}]")).collect();
        let within = |sql| self.scope.query(sql).bind(format!("[{}]", pairs.join(",")));
        match &self.of {
            Of::Albums => within(ALBUMS),
            Of::Tracks { genre, years: [first, last] } => {
                let sql = if genre.is_some() { OF_GENRE } else { OF_ALL };
                within(sql).bind(genre.clone()).bind(*first).bind(*last)
            }
        }
    }
}

/// In an order that is as likely as every other.
fn shuffled(ids: Vec<i64>) -> Result<Vec<i64>> {
    let keys = random_ids(i64::MAX, ids.len())?;
    let mut keyed: Vec<(i64, i64)> = keys.into_iter().zip(ids).collect();
    keyed.sort_unstable();
    Ok(keyed.into_iter().map(|(_, id)| id).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::tests::{found, fresh};
    use super::*;
    use crate::access::Viewer;
    use crate::database::{Library, Users};
    use crate::model::Role;
    use crate::scan::{Found, Inventory};

    #[test]
    fn steps_lead_to_every_rank_however_many_tracks_there_are() {
        for tracks in
            [0, 1, CHOICE_STEPS_MAX - 1, CHOICE_STEPS_MAX, CHOICE_STEPS_MAX + 1, 5 * CHOICE_STEPS_MAX]
        {
            let mut steps = Steps::at(0, CHOICE_STEPS_MAX);
            // Every third number is a track's.
            (0..tracks).for_each(|rank| steps.add(3 * rank as i64));
            assert!(steps.ids.len() <= CHOICE_STEPS_MAX, "{tracks} tracks have {} steps", steps.ids.len());
            assert_eq!(steps.ids.len(), tracks.div_ceil(steps.every), "{tracks}");
            for (step, id) in steps.ids.iter().enumerate() {
                assert_eq!(*id, 3 * (step * steps.every) as i64, "step {step} of {tracks}");
            }
            let ranks = steps.draw(500).unwrap();
            assert_eq!(ranks.len(), tracks.min(500));
            assert!(ranks.iter().all(|rank| *rank < tracks));
        }
    }

    #[tokio::test]
    async fn what_is_drawn_is_of_the_choice_where_not_every_one_is_a_step() {
        let (_folder, database) = fresh().await;
        let user = database.add_user("ann", Role::User, "hash").await.unwrap();
        let added = database.set_libraries(&["/music".to_owned()]).await.unwrap();
        let files: Vec<Found> = (1..=300)
            .map(|n| {
                let mut found = found(n);
                found.tags.year = Some(if n % 2 == 0 { 1990 } else { 2000 });
                found
            })
            .collect();
        database.record(added[0].id, &files).await.unwrap();
        let scope = Scope::of(&Viewer::of(&user));
        let tracks =
            |genre: Option<&str>, year| Of::Tracks { genre: genre.map(str::to_owned), years: [year, year] };
        for (of, all) in [
            (tracks(None, None), 300),
            (tracks(None, Some(1990)), 150),
            (tracks(Some("rock"), None), 300),
            (tracks(Some("rock"), Some(1990)), 150),
            (tracks(Some("jazz"), None), 0),
            (Of::Albums, 31),
        ] {
            let choice = Choice::new(&scope, of);
            let ranks = Ranks::of_steps(16);
            let mut drawn = HashSet::new();
            for wanted in [7, 500, 7] {
                let (ranks, choice) = (ranks.clone(), choice.clone());
                let ids =
                    database.readers.read(move |reader| ranks.draw(reader, &choice, wanted)).await.unwrap();
                assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "each once");
                assert_eq!(ids.len(), wanted.min(all));
                drawn.extend(ids);
            }
            assert_eq!(drawn.len(), all, "none that is not of the choice");
        }
    }
}
