//! Uploads: no acknowledged byte is lost by a kill or a power cut, wrong bytes are never sent, a full disk refuses and
//! goes on, bad input gets its own error and leaves nothing behind, other people's clients work, and many uploads at
//! once need one small buffer each.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads files of its own whole")]

mod bad;
mod bad_fields;
mod calls;
mod clients;
mod crash;
mod far;
mod full;
mod ground;
mod many;
mod oracle;
mod power;
mod rot;
mod sender;
mod words;

/// A number that a proof asks for, else what the suite has time for.
fn asked(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}
