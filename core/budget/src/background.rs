//! Turns for work that nobody waits for: scans now, everything that is made in advance later.
//!
//! How many turns there are at once follows the pressure as the windows of TCP follow the network: half as many at each
//! look that finds memory scarce, one more each time that it was calm for [`PRESSURE_QUIET_MS`]. There is always one, so
//! that background work slows down and never stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::limits::{
    BACKGROUND_TURN_BYTES, BACKGROUND_TURNS_MAX, BACKGROUND_TURNS_MIN, MEMORY_BASE_BYTES, PRESSURE_QUIET_MS,
};
use crate::sync::{Mutex, lock};
use crate::{Budget, Level};

/// Hands out turns, in the order in which they were asked for.
pub(crate) struct Background {
    turns: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
    most: usize,
}

struct State {
    /// How many turns there may be at once.
    allowed: usize,
    /// How many of those that run are not to come back, because fewer are allowed by now.
    surplus: usize,
    running: usize,
    waiting: usize,
    /// Since when memory is calm, or was when the last turn was added.
    calm_since: Instant,
}

/// The figures of background work at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackgroundFigures {
    /// Turns at once that the pressure allows.
    pub allowed: usize,
    /// Turns that are taken; more than allowed only while those of earlier end.
    pub running: usize,
    /// Those who wait for a turn.
    pub waiting: usize,
}

impl Background {
    /// As many turns as a limit of so many bytes holds.
    pub(crate) fn new(limit_bytes: u64) -> Background {
        let held = limit_bytes.saturating_sub(MEMORY_BASE_BYTES) / BACKGROUND_TURN_BYTES;
        let most = usize::try_from(held)
            .unwrap_or(BACKGROUND_TURNS_MAX)
            .clamp(BACKGROUND_TURNS_MIN, BACKGROUND_TURNS_MAX);
        let state = State { allowed: most, surplus: 0, running: 0, waiting: 0, calm_since: Instant::now() };
        Background { turns: Arc::new(Semaphore::new(most)), state: Arc::new(Mutex::new(state)), most }
    }

    /// Follows one look at the pressure.
    pub(crate) fn follow(&self, level: Level) {
        let mut state = lock(&self.state);
        let wanted = if level == Level::Calm {
            let quiet = Duration::from_millis(PRESSURE_QUIET_MS);
            if state.calm_since.elapsed() < quiet {
                return;
            }
            (state.allowed + 1).min(self.most)
        } else {
            let least = if level == Level::Raised { BACKGROUND_TURNS_MIN } else { 1 };
            (state.allowed / 2).max(least)
        };
        state.calm_since = Instant::now();
        self.allow(&mut state, wanted);
    }

    fn allow(&self, state: &mut State, wanted: usize) {
        while state.allowed < wanted {
            state.allowed += 1;
            match state.surplus.checked_sub(1) {
                Some(rest) => state.surplus = rest,
                None => self.turns.add_permits(1),
            }
        }
        let fewer = state.allowed - wanted;
        state.surplus += fewer - self.turns.forget_permits(fewer);
        state.allowed = wanted;
    }

    pub(crate) fn figures(&self) -> BackgroundFigures {
        let state = lock(&self.state);
        BackgroundFigures { allowed: state.allowed, running: state.running, waiting: state.waiting }
    }

    async fn turn(&self) -> Turn {
        let waiting = Waiting::new(&self.state);
        // Nobody closes these turns; if somebody did, background work would go on without them.
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        drop(waiting);
        lock(&self.state).running += 1;
        Turn { permit, state: Arc::clone(&self.state) }
    }
}

/// Counts somebody who waits, for as long as they do.
struct Waiting<'a>(&'a Mutex<State>);

impl<'a> Waiting<'a> {
    fn new(state: &'a Mutex<State>) -> Self {
        lock(state).waiting += 1;
        Waiting(state)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        lock(self.0).waiting -= 1;
    }
}

impl Budget {
    /// Waits for a turn of background work, which is one piece of it that ends soon: a few files, never a whole scan.
    ///
    /// There are between 1 and [`BACKGROUND_TURNS_MAX`] at once, fewer where the limit or the pressure wants it so.
    /// Dropping the future leaves the line.
    pub async fn background(&self) -> Turn {
        self.gate().turn().await
    }

    /// How much background work may run, and does.
    pub fn background_figures(&self) -> BackgroundFigures {
        self.gate().figures()
    }
}

/// A turn of background work; dropping it lets the next one begin.
#[must_use = "dropping a turn ends it"]
#[derive(Debug)]
pub struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("allowed", &self.allowed).field("running", &self.running).finish()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.running -= 1;
        if let Some(rest) = state.surplus.checked_sub(1) {
            state.surplus = rest;
            if let Some(permit) = self.permit.take() {
                permit.forget();
            }
        }
    }
}

#[cfg(test)]
mod tests;
