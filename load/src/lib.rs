//! Clients in crowds, and what the system says of a server under them.
//!
//! **Promise.** The harness never flatters what it measures: a listener's stall is counted from the moment it wanted
//! bytes, the wait for the first byte from the first packet of its connection, and a crowd that is late itself says so
//! ([`Crowd::latest`]). Where a memory group cannot be made there is an error, never a proof without its walls. Nothing
//! panics: a load gives [`Findings`], so that a control can ask for what must be broken.
//!
//! **Flow.** A [`Script`] says what one kind of client does (listeners, slow speakers, one-byte readers, those who
//! break off); a [`Crowd`] runs thousands of them in one thread by epoll, each from an address of its own
//! ([`loopback`]); a [`Group`] is the walls around the server, which starts inside while the clients stay outside;
//! [`Process`] is what the kernel says of the server itself; [`Findings`] is the table with the verdict.
//!
//! **Not here.** Millpond: what its server must answer is the whole-server tests' business. Throughput without a pace
//! is measured beside a peer by `cargo x bench wire`, whose client is [`flood`].

mod client;
mod crowd;
mod error;
mod findings;
pub mod flood;
mod group;
mod head;
mod kernel;
mod process;
mod script;
mod spread;
mod trend;

pub use client::{End, Visit};
pub use crowd::{Crowd, loopback};
pub use error::Error;
pub use findings::Findings;
pub use group::{Charged, Group, Peaks, Room};
pub use process::{Process, open_names, raise_descriptors};
pub use script::{Pace, Script};
pub use spread::Spread;
pub use trend::slope_per_hour;

/// What the harness returns where it can fail itself.
pub type Result<T> = std::result::Result<T, Error>;
