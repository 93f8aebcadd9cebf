//! Children that have nothing to do at the moment, and have their model for the next song.
//!
//! Each keeps the permit of its memory, because it has that memory. They give way, the one that was used the longest ago
//! first, to whoever needs it. What works just now is known here too, for lists.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use budget::Permit;
use budget::limits::STEMS_CHILD_JOBS_MAX;
use transform::Worker;
use web::LoadedModel;

use super::plan::Way;

/// What a job is done with: memory, and a child that has it, once one was started.
pub(super) struct Seat {
    pub(super) worker: Option<Worker>,
    pub(super) way: Way,
    /// Behind the child, because it goes after it.
    pub(super) permit: Permit,
    jobs: u32,
    age: u64,
    /// While it is at work.
    at_work: Option<AtWork>,
}

/// All that are at work, by a number of their own.
type Busy = Arc<Mutex<HashMap<u64, LoadedModel>>>;

/// A row of that list, which goes with it.
struct AtWork {
    busy: Busy,
    number: u64,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

/// All of them.
pub(super) struct Warm {
    idle: Duration,
    pinned: Vec<String>,
    seats: Mutex<Vec<(Seat, Instant)>>,
    /// Counts how often all were ended: what was busy then is not kept afterwards.
    age: AtomicU64,
    busy: Busy,
    /// The number of the last one that began to work.
    last: AtomicU64,
}

impl Seat {
    /// What it holds, since then.
    fn loaded(&self, is_busy: bool, since: Instant) -> LoadedModel {
        let (engine, model) = (self.way.engine.name(), self.way.model);
        LoadedModel { engine, model, bytes: self.permit.bytes(), is_busy, since }
    }

    /// Ends its child, and gives the memory back when that is gone.
    pub(super) async fn end(self) -> u64 {
        let Seat { worker, permit, .. } = self;
        if let Some(worker) = worker {
            worker.end().await;
        }
        permit.bytes()
    }
}

impl Warm {
    pub(super) fn new(idle: Duration, pinned: Vec<String>) -> Warm {
        Warm {
            idle,
            pinned,
            seats: Mutex::default(),
            age: AtomicU64::new(0),
            busy: Busy::default(),
            last: AtomicU64::new(0),
        }
    }

    fn seats(&self) -> MutexGuard<'_, Vec<(Seat, Instant)>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for which memory was found.
    pub(super) fn seat(&self, way: Way, permit: Permit) -> Seat {
        let age = self.age.load(Ordering::SeqCst);
        self.at_work(Seat { worker: None, way, permit, jobs: 0, age, at_work: None })
    }

    fn at_work(&self, mut seat: Seat) -> Seat {
        let number = self.last.fetch_add(1, Ordering::Relaxed);
        let row = seat.loaded(true, Instant::now());
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).insert(number, row);
        seat.at_work = Some(AtWork { busy: Arc::clone(&self.busy), number });
        seat
    }

    /// All children, those that work first.
    pub(super) fn list(&self) -> Vec<LoadedModel> {
        let mut all: Vec<_> =
            self.busy.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect();
        all.sort_by_key(|loaded| loaded.since);
        all.extend(self.seats().iter().map(|(seat, since)| seat.loaded(false, *since)));
        all
    }

    /// A child that works in this way, if one has nothing to do.
    pub(super) fn take(&self, way: &Way) -> Option<Seat> {
        let mut seats = self.seats();
        let at = seats.iter().position(|(seat, _)| seat.way == *way)?;
        let mut seat = self.at_work(seats.swap_remove(at).0);
        // One that somebody killed meanwhile leaves its memory to the next.
        if seat.worker.as_ref().is_some_and(|worker| worker.child().id() == 0) {
            seat.worker = None;
        }
        Some(seat)
    }

    /// Keeps a child whose job is over, or gives it back when it is to end.
    pub(super) fn keep(&self, mut seat: Seat) -> Option<Seat> {
        seat.jobs += 1;
        seat.at_work = None;
        let is_old = seat.age != self.age.load(Ordering::SeqCst);
        if seat.worker.is_none() || is_old || seat.jobs >= STEMS_CHILD_JOBS_MAX || self.idle.is_zero() {
            return Some(seat);
        }
        self.seats().push((seat, Instant::now()));
        None
    }

    /// The one that was used the longest ago, to make room.
    pub(super) fn oldest(&self) -> Option<Seat> {
        let mut seats = self.seats();
        let oldest = seats.iter().enumerate().min_by_key(|(_, (_, since))| *since).map(|(at, _)| at)?;
        Some(seats.swap_remove(oldest).0)
    }

    /// Those that had nothing to do for too long.
    pub(super) fn expired(&self) -> Vec<Seat> {
        let is_pinned =
            |seat: &Seat| seat.way.model.is_some_and(|name| self.pinned.iter().any(|one| one == name));
        let mut seats = self.seats();
        let is_over = |(seat, since): &mut (Seat, Instant)| !is_pinned(seat) && since.elapsed() >= self.idle;
        seats.extract_if(.., is_over).map(|(seat, _)| seat).collect()
    }

    /// When the next look at them is due.
    pub(super) fn next_look(&self) -> Duration {
        self.idle.clamp(Duration::from_millis(budget::limits::STEMS_PROGRESS_MS), Duration::from_secs(10))
    }

    /// All of them; those that are busy end after their job.
    pub(super) fn clear(&self) -> Vec<Seat> {
        self.age.fetch_add(1, Ordering::SeqCst);
        self.seats().drain(..).map(|(seat, _)| seat).collect()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.seats().len()
    }
}
