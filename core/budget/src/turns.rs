//! Turns for work whose number at once follows the pressure: scans and whatever nobody waits for ([`Budget::background`]),
//! and the children that change media, which have turns of their own.
//!
//! The number follows the pressure as the windows of TCP follow the network: half as many at each look that finds memory
//! scarce, one more each time that it was calm for [`PRESSURE_QUIET_MS`]. There is always one, so that such work slows
//! down and never stops.

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
pub struct Turns {
    free: Arc<Semaphore>,
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

/// The figures of turns at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TurnFigures {
    /// How many the pressure allows at once.
    pub allowed: usize,
    /// Turns that are taken; more than allowed only while those of earlier end.
    pub running: usize,
    /// Those who wait for a turn.
    pub waiting: usize,
}

impl Turns {
    /// At most so many at once.
    pub fn new(most: usize) -> Turns {
        let state = State { allowed: most, surplus: 0, running: 0, waiting: 0, calm_since: Instant::now() };
        Turns { free: Arc::new(Semaphore::new(most)), state: Arc::new(Mutex::new(state)), most }
    }

    /// As many turns of background work as a limit of so many bytes holds.
    pub(crate) fn of_background(limit_bytes: u64) -> Turns {
        let held = limit_bytes.saturating_sub(MEMORY_BASE_BYTES) / BACKGROUND_TURN_BYTES;
        let most = usize::try_from(held).unwrap_or(BACKGROUND_TURNS_MAX);
        Turns::new(most.clamp(BACKGROUND_TURNS_MIN, BACKGROUND_TURNS_MAX))
    }

    /// Follows one look at the pressure; to be called every [`PRESSURE_CHECK_MS`](crate::limits::PRESSURE_CHECK_MS).
    pub fn follow(&self, level: Level) {
        let mut state = lock(&self.state);
        let wanted = if level == Level::Calm {
            let quiet = Duration::from_millis(PRESSURE_QUIET_MS);
            if state.calm_since.elapsed() < quiet {
                return;
            }
            (state.allowed + 1).min(self.most)
        } else {
            let least = if level == Level::Raised { BACKGROUND_TURNS_MIN.min(self.most) } else { 1 };
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
                None => self.free.add_permits(1),
            }
        }
        let fewer = state.allowed - wanted;
        state.surplus += fewer - self.free.forget_permits(fewer);
        state.allowed = wanted;
    }

    /// How many there may be, and are.
    pub fn figures(&self) -> TurnFigures {
        let state = lock(&self.state);
        TurnFigures { allowed: state.allowed, running: state.running, waiting: state.waiting }
    }

    /// Waits for a turn. Dropping the future leaves the line.
    pub async fn turn(&self) -> Turn {
        let waiting = Waiting::new(&self.state);
        // Nobody closes these turns; if somebody did, background work would go on without them.
        let permit = Arc::clone(&self.free).acquire_owned().await.ok();
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
    pub fn background_figures(&self) -> TurnFigures {
        self.gate().figures()
    }
}

/// A turn; dropping it lets the next one begin.
#[must_use = "dropping a turn ends it"]
#[derive(Debug)]
pub struct Turn {
    permit: Option<OwnedSemaphorePermit>,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").field("figures", &self.figures()).finish()
    }
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
