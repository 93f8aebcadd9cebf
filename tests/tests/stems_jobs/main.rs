//! Songs taken apart by the server, from outside: jobs that last, children that are bounded by memory, and nothing that is
//! left of those that were cancelled or killed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod ends;
mod house;
mod memory;
mod sent;
mod songs;
