//! The life of the cache of renditions, from outside: its bound on the disk, bytes that rot, kills, purges, jobs, signed
//! addresses, and what is given while something newer is made.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod api;
mod bound;
mod conditions;
mod fresh;
mod ground;
mod jobs;
mod kills;
mod rot;
mod sent;
mod signed;
mod told;
