//! Bytes in: uploads that can be broken off anywhere and go on there, are hashed on the way, and become tracks.
//!
//! **Promise.** An offset is told only when the bytes before it are on disk, and it never falls. An upload has one owner
//! at a time: a new request ends the one that has it within a second. What does not match a promised checksum is never
//! acknowledged, what is not media is refused by its first bytes, and nothing is visible before it is whole. A request
//! holds one buffer under a permit; behind it waits the socket.
//!
//! **Flow.** [`Ingest::create`] checks limits, reserves room on the disk and begins a spool file. [`Ingest::take`] gives
//! a [`Receiving`], whose `append` moves a request's body through the buffer to a disk thread, which writes and hashes it;
//! of a body that comes fast the whole connection is there already, and nothing is handed over. `end` hands the whole over
//! to be checked, published as a blob and committed as a track. [`Ingest::run`] looks after
//! everything that nobody waits for: what dropped requests left, publications, expired uploads, orphans, the scrub.
//! [`tus`] and [`draft`] speak the two protocols of resumable uploads over all this.
//!
//! **Not here.** Routes, sign-in, forms; where files lie (`store`); SQL (`catalog`).

mod abandon;
mod answer;
mod arrive;
mod asked;
mod complete;
mod create;
mod digest;
pub mod draft;
mod engine;
mod error;
mod fields;
mod join;
mod lifetime;
mod metrics;
mod model;
pub mod name;
mod pace;
pub mod plain;
mod reap;
mod receive;
mod recover;
mod removed;
mod scrub;
mod size;
pub mod sniff;
mod table;
pub mod tus;
mod upkeep;
mod write;

pub use answer::{Answer, Content, PROBLEM, Refusal};
pub use arrive::Fleeting;
pub use asked::put as ask_for;
pub use digest::Checksum;
pub use engine::{Ingest, Parts};
pub use error::{Error, ErrorKind};
pub use model::{Ask, Created, Far, Limits, Progress, Status};
pub use receive::Receiving;

#[cfg(test)]
mod tests;
