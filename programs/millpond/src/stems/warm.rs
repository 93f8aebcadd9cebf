//! The children that take songs apart: those that are at work, and those that have nothing to do and have their model for
//! the next song.
//!
//! All are rows of one table. Each keeps the permit of its memory, because it has that memory: the bytes of all models together
//! are bounded by the law, and a model is let go of by the end of its child, so that the memory is really back. Those without
//! work give way to whoever needs theirs, the one that was used the longest ago first, and those with a pinned model last;
//! without need they end when they had no work for a while, unless their model is pinned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use budget::Permit;
use budget::limits::STEMS_CHILD_JOBS_MAX;
use transform::Worker;
use web::LoadedModel;

use super::plan::Way;

/// What a job is done with: memory, and a child that has it, once one was started.
pub(super) struct Seat {
    pub(super) worker: Option<Worker>,
    /// Behind the child, because it goes after it.
    pub(super) permit: Permit,
    jobs: u32,
    place: Place,
}

/// All rows, by numbers of their own.
type Table = Mutex<BTreeMap<u64, Row>>;

/// What is known of a seat as long as there is one.
struct Row {
    way: Way,
    bytes: u64,
    /// Since when it is in its state.
    since: Instant,
    state: State,
}

enum State {
    /// Somebody has it, and works.
    Busy,
    /// Nobody has it.
    Idle(Box<Seat>),
    /// Somebody has it, and is to end it when he has done his work.
    Ending,
}

/// Where a seat's row is, which goes with it.
struct Place {
    table: Weak<Table>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(table) = self.table.upgrade() {
            locked(&table).remove(&self.number);
        }
    }
}

fn locked(table: &Table) -> MutexGuard<'_, BTreeMap<u64, Row>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_there(worker: &Worker) -> bool {
    worker.child().id() != 0
}

impl Row {
    fn enter(&mut self, state: State) -> State {
        self.since = Instant::now();
        std::mem::replace(&mut self.state, state)
    }

    /// It is to end: at once where it is idle, and then by whoever gets it here.
    fn end(&mut self) -> Option<Seat> {
        match std::mem::replace(&mut self.state, State::Ending) {
            State::Idle(seat) => Some(*seat),
            State::Busy | State::Ending => None,
        }
    }

    fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle(_))
    }

    /// Whether somebody killed its child while nobody had it.
    fn is_killed(&self) -> bool {
        matches!(&self.state, State::Idle(seat) if !seat.worker.as_ref().is_some_and(is_there))
    }
}

impl Seat {
    /// Ends its child, and gives the memory back when that is gone.
    pub(super) async fn end(self) -> u64 {
        let Seat { worker, permit, place, .. } = self;
        if let Some(worker) = worker {
            worker.end().await;
        }
        drop(place);
        permit.bytes()
    }
}

/// All of them.
pub(super) struct Warm {
    idle: Duration,
    pinned: Vec<String>,
    table: Arc<Table>,
}

impl Warm {
    pub(super) fn new(idle: Duration, pinned: Vec<String>) -> Warm {
        Warm { idle, pinned, table: Arc::default() }
    }

    fn rows(&self) -> MutexGuard<'_, BTreeMap<u64, Row>> {
        locked(&self.table)
    }

    /// A seat for which memory was found.
    pub(super) fn seat(&self, way: Way, permit: Permit) -> Seat {
        let mut rows = self.rows();
        let number = rows.last_key_value().map_or(0, |(last, _)| last + 1);
        rows.insert(number, Row { way, bytes: permit.bytes(), since: Instant::now(), state: State::Busy });
        let place = Place { table: Arc::downgrade(&self.table), number };
        Seat { worker: None, permit, jobs: 0, place }
    }

    /// A child that works in this way, if one has nothing to do.
    pub(super) fn take(&self, way: &Way) -> Option<Seat> {
        let mut rows = self.rows();
        let row = rows.values_mut().find(|row| row.is_idle() && row.way == *way)?;
        let State::Idle(mut seat) = row.enter(State::Busy) else { return None };
        // One that somebody killed meanwhile leaves its memory to the next.
        seat.worker = seat.worker.filter(is_there);
        Some(*seat)
    }

    /// Keeps a child whose job is over, or gives it back when it is to end.
    pub(super) fn keep(&self, mut seat: Seat) -> Option<Seat> {
        seat.jobs += 1;
        let is_done = seat.worker.is_none() || seat.jobs >= STEMS_CHILD_JOBS_MAX || self.idle.is_zero();
        let mut rows = self.rows();
        let row = rows.get_mut(&seat.place.number);
        match row.filter(|row| !is_done && matches!(row.state, State::Busy)) {
            Some(row) => {
                row.enter(State::Idle(Box::new(seat)));
                None
            }
            None => Some(seat),
        }
    }

    /// The one that was used the longest ago, to make room; a pinned one when there is no other.
    pub(super) fn oldest(&self) -> Option<Seat> {
        let mut rows = self.rows();
        let idle = rows.values_mut().filter(|row| row.is_idle());
        idle.min_by_key(|row| (self.is_pinned(row), row.since))?.end()
    }

    fn is_pinned(&self, row: &Row) -> bool {
        row.way.model.is_some_and(|name| self.pinned.iter().any(|one| one == name))
    }

    /// Those that had nothing to do for too long, and those whose child somebody killed meanwhile.
    pub(super) fn expired(&self) -> Vec<Seat> {
        let is_late = |row: &Row| row.is_idle() && !self.is_pinned(row) && row.since.elapsed() >= self.idle;
        let is_over = |row: &&mut Row| row.is_killed() || is_late(row);
        self.rows().values_mut().filter(is_over).filter_map(Row::end).collect()
    }

    /// When the next look at them is due.
    pub(super) fn next_look(&self) -> Duration {
        self.idle.clamp(Duration::from_millis(budget::limits::STEMS_PROGRESS_MS), Duration::from_secs(10))
    }

    /// All of them; those that are busy end after their job.
    pub(super) fn clear(&self) -> Vec<Seat> {
        self.rows().values_mut().filter_map(Row::end).collect()
    }

    /// All that are there, for lists: those that work first.
    pub(super) fn list(&self) -> Vec<LoadedModel> {
        let loaded = |row: &Row| LoadedModel {
            engine: row.way.engine.name(),
            model: row.way.model,
            bytes: row.bytes,
            is_busy: !row.is_idle(),
            since: row.since,
        };
        let mut all: Vec<_> = self.rows().values().filter(|row| !row.is_killed()).map(loaded).collect();
        all.sort_by_key(|loaded| (!loaded.is_busy, loaded.since));
        all
    }

    /// How many have nothing to do.
    pub(super) fn count(&self) -> usize {
        self.rows().values().filter(|row| row.is_idle() && !row.is_killed()).count()
    }
}
