//! The limits of telling services what was played.

/// Plays that wait for one account at a service: four months of five hours a day. Later ones take the places of the oldest.
pub const SCROBBLES_WAITING_MAX: i64 = 10_000;
/// At the end of the server, what is on its way to a service may arrive within this time.
pub const SCROBBLE_END_MS: u64 = 2_000;
/// Plays that a service is told of at once (Last.fm takes no more).
pub const SCROBBLES_AT_ONCE_MAX: usize = 50;
/// How often is looked whether there is something to tell.
pub const SCROBBLE_LOOK_MS: u64 = 1_000;
/// Accounts that are told at the same time, each over a connection of its own.
pub const SCROBBLE_ACCOUNTS_AT_ONCE_MAX: usize = 4;
/// After a failure an account waits this long, and twice as long after each further one…
pub const SCROBBLE_RETRY_MS: u64 = 30_000;
/// …up to this. What a service itself says is not believed beyond it either.
pub const SCROBBLE_RETRY_MS_MAX: u64 = 4 * 3_600_000;
/// Whether a user has approved is asked this often…
pub const SCROBBLE_APPROVAL_MS: u64 = 5_000;
/// …and not any more after this time, after which Last.fm forgets that it was asked.
pub const SCROBBLE_APPROVAL_MS_MAX: u64 = 60 * 60_000;
/// What a service may answer, in bytes.
pub const SCROBBLE_ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Songs that have begun and of which the services are still to be told; further ones are not told.
pub const SCROBBLE_BEGUN_MAX: usize = 64;
/// The longest address of a service that somebody runs himself, in bytes.
pub const SERVICE_URL_BYTES_MAX: usize = 1024;
/// The longest token of a service, in characters.
pub const SERVICE_TOKEN_CHARS_MAX: usize = 256;
/// What a service says of an account is cut after so many characters.
pub const SERVICE_TEXT_CHARS_MAX: usize = 300;
