//! The limits of what is passed on to origins, and of what is kept of their answers.

use super::MIB;

/// Connections of one origin whose every request is passed on, unless it says otherwise.
pub const PROXY_CONNECTIONS_MAX: usize = 64;
/// How much of an answer may be missing that is still fetched to its end when nobody reads it any more, in bytes.
pub const PROXY_UNREAD_BYTES_MAX: u64 = MIB;
/// What of interim answers may wait to be written to one client, in bytes; more is left out.
pub const INTERIM_BYTES_MAX: usize = 16 * 1024;
/// How often a request may have come by a server of ours before: beyond that it goes in a circle.
pub const PROXY_HOPS_MAX: usize = 4;
/// How long a request waits for another one of the same address to be answered, so that the origin is asked once.
pub const PROXY_COLLAPSE_MS: u64 = 10_000;
/// Addresses whose answers were for one request alone, and for which nobody waits in line…
pub const PROXY_APART_MAX: usize = 10_000;
/// …for so long.
pub const PROXY_APART_MS: u64 = 120_000;
/// Answers that are asked for anew while stale ones are given, at the same time.
pub const PROXY_REFRESHES_MAX: usize = 16;
/// Kept answers at most, with all their variants.
pub const ANSWERS_KEPT_MAX: u64 = 100_000;
/// What the heads of all kept answers may have, in bytes; a sixteenth of `cache.bytes` where that is less.
pub const ANSWERS_BYTES_MAX: u64 = 64 * MIB;
/// What a row of a kept answer takes beside its head, in bytes.
pub const ANSWER_ROW_BYTES: u64 = 384;
/// Variants of one address.
pub const ANSWER_VARIANTS_MAX: usize = 64;
/// Fields that an answer may name in `Vary` and be kept.
pub const ANSWER_VARY_FIELDS_MAX: usize = 16;
/// The bytes of a kept answer go after this time, however often it was found to be right: 30 days.
pub const ANSWER_BYTES_KEPT_MS: u64 = 30 * 24 * 3_600_000;
/// The longest answer that is kept though nobody said how long it is, in bytes.
pub const ANSWER_UNTOLD_BYTES_MAX: u64 = 64 * MIB;
/// From this length on, in bytes, media is fetched and kept by blocks, and not whole.
pub const BLOCK_MEDIA_BYTES_MIN: u64 = 8 * MIB;
/// How long after its end an answer is given while the origin cannot be reached (RFC 9111 section 4.2.4).
pub const DISCONNECTED_MS: u64 = 24 * 3_600_000;
