//! Renditions under every fault, from outside: lines that are full, children that hang, clients that vanish, memory that
//! gets scarce, sources and origins that attack, and no ffmpeg at all.

#![allow(clippy::expect_used, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod attacks;
mod canary;
mod cuts;
mod house;
mod line;
mod missing;
mod origin;
mod pressure;
