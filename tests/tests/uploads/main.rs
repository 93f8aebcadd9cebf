//! Uploads: no acknowledged byte is lost by a kill or a power cut, wrong bytes are never sent, a full disk refuses and
//! goes on, bad input gets its own error and leaves nothing behind, other people's clients work, and many uploads at
//! once need one small buffer each.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it found by failing")]
#![allow(clippy::disallowed_methods, reason = "a test reads files of its own whole")]

mod bad;
mod bad_fields;
mod browser;
mod calls;
mod clients;
mod crash;
mod far;
mod far_memory;
mod full;
mod ground;
mod many;
mod oracle;
mod power;
mod rot;
mod sender;
mod twins;
mod words;

/// A number that a proof asks for, else what the suite has time for.
fn asked(variable: &str, otherwise: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")))
}

/// Whether a proof that needs something of this machine can be made. Where it is not there, somebody who tries the suite
/// is told so; on a machine that checks changes, all of it is there, and a proof that vanished would be missed by nobody.
fn can_be_checked(found: Result<(), String>) -> bool {
    let Err(why) = found else { return true };
    let is_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!must_be_checked(is_ci, rustix::process::geteuid().is_root()), "{MISSING} {why}");
    println!("NOT CHECKED: {why}");
    false
}

const MISSING: &str = "as root with CI=true this must be proved, and cannot be (`cargo x test` installs strace; /dev/fuse must \
    be there, with the right to mount); what is missing:";

fn must_be_checked(is_ci: bool, is_root: bool) -> bool {
    is_ci && is_root
}

/// Without this a proof could not tell a missing tool from a promise that is kept.
#[test]
fn a_proof_that_cannot_be_made_is_passed_over_only_where_nobody_relies_on_it() {
    assert!(can_be_checked(Ok(())));
    for (is_ci, is_root, must) in [(true, true, true), (true, false, false), (false, true, false)] {
        assert_eq!(must_be_checked(is_ci, is_root), must);
    }
}
