//! The law: whoever wants to hold bytes, start a child or open a stream asks here first.
//!
//! **Promise.** The bytes that permits stand for never exceed the memory limit; nobody waits without a bound
//! in number and time; a refusal is a normal answer that says when to come back.
//!
//! **Flow.** [`Budget`] divides the limit into pools with floors and ceilings and hands out [`Permit`]s;
//! [`Slots`] count things (streams, connections) overall and per key; [`Chunks`] lends fixed buffers;
//! [`Account`] adds up what one request held at its peak; [`BoundedMap`] is the only kind of map that grows
//! with use. `Budget::watch` compares all this with what the kernel counts: when memory is scarce, background work slows
//! down ([`Budget::background`]), then pools refuse what is new, and what it saw in the last ten minutes is remembered
//! ([`Budget::moments`]). Every number behind them stands in [`limits`].
//!
//! **Not here.** What the bytes are for. This crate knows no file, no user and no protocol.

#[cfg(not(loom))]
mod account;
mod chunk;
#[cfg(not(loom))]
mod figures;
#[cfg(not(loom))]
mod history;
mod ledger;
mod level;
pub mod limits;
#[cfg(not(loom))]
mod map;
pub mod memory;
mod network;
mod pool;
#[cfg(not(loom))]
mod pressure;
mod slots;
mod sync;
#[cfg(not(loom))]
mod turns;
mod wait;

#[cfg(not(loom))]
pub use account::{Account, Peaks};
pub use chunk::{Chunk, Chunks};
#[cfg(not(loom))]
pub use history::{Moment, Resident};
pub use level::Level;
#[cfg(not(loom))]
pub use map::{BoundedMap, MapFigures};
pub use network::network_of;
pub use pool::{Budget, Permit, Pool, PoolFigures, TooSmall};
pub use slots::{Slot, SlotFigures, Slots};
#[cfg(not(loom))]
pub use turns::{Turn, TurnFigures, Turns};

use std::time::Duration;

/// The answer to a request that the law cannot grant now, or ever.
///
/// Faces turn it into a status once: [`Fault::Caller`] is 429, [`Fault::Server`] is 503, both with `Retry-After`;
/// [`Fault::Never`] is 507 without one, because waiting will not help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was asked for, by name: `"streams"`, `"streams_per_user"`, `"listings"`.
    pub what: &'static str,
    /// Whose limit it was.
    pub fault: Fault,
    /// When asking again makes sense.
    pub retry_after: Duration,
}

/// Whose limit a refusal speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller's own share is used up.
    Caller,
    /// The server has none left at the moment.
    Server,
    /// The request is larger than the limit allows at any time.
    Never,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.fault {
            Fault::Caller => write!(
                f,
                "your limit of {} is reached; try again in {} s",
                self.what,
                self.retry_after.as_secs()
            ),
            Fault::Server => write!(
                f,
                "the server has no {} left; try again in {} s",
                self.what,
                self.retry_after.as_secs()
            ),
            Fault::Never => write!(f, "this needs more {} than memory.limit allows", self.what),
        }
    }
}

impl std::error::Error for Refused {}
