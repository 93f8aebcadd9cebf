//! What is wrong gets its own clear error, never wrong bytes, and the server goes on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads small files of its own whole")]

mod crafted;
mod ids;
mod media;
mod start;

use tests::Server;

/// After every bad thing: the server answers, and plays what is good.
fn probe(server: &Server, after: &str) {
    let health = server.get("/health", &[]);
    assert_eq!(health.status, 200, "after {after}: {}", health.text());
    let ping = server.subsonic("ping", "");
    assert_eq!(ping["status"], "ok", "after {after}");
}
