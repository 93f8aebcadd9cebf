//! The limits of what is fetched from other people's servers.

use super::{KIB, MIB};

/// The head of an answer, which is also what is asked of a connection at once; less than twice as much may come.
pub const REMOTE_HEAD_BYTES_MAX: usize = 16 * 1024;
/// Fields in the head of an answer.
pub const REMOTE_FIELDS_MAX: usize = 100;
/// Redirects that one request follows.
pub const REMOTE_REDIRECTS_MAX: usize = 3;
/// The longest address, and the longest `Location`, in bytes.
pub const REMOTE_ADDRESS_BYTES_MAX: usize = 4 * 1024;
/// The longest query that a request for a file may have, in bytes.
pub const REMOTE_QUERY_BYTES_MAX: usize = 2 * 1024;
/// The longest entity tag, date or media type of an answer that is kept, in bytes.
pub const REMOTE_FIELD_BYTES_MAX: usize = 256;
/// Connections of one origin with a request on them, unless it says otherwise; as many may be open without one.
pub const REMOTE_CONNECTIONS_MAX: usize = 8;
/// A connection without a request is closed after this time.
pub const REMOTE_IDLE_MS: u64 = 15_000;
/// A connection must be open within this time, the look-up of its name and TLS included.
pub const REMOTE_CONNECT_MS: u64 = 5_000;
/// The head of an answer must be there within this time of the request.
pub const REMOTE_HEAD_MS: u64 = 15_000;
/// An answer of which nothing comes for so long has failed.
pub const REMOTE_STALL_MS: u64 = 15_000;
/// One request, for a head or for a block, is over after this time, however it trickles; redirects and the wait for a
/// connection count.
pub const REMOTE_TOTAL_MS: u64 = 60_000;
/// The same of a file that is fetched whole, because it cannot be read by blocks.
pub const REMOTE_WHOLE_MS: u64 = 30 * 60_000;
/// Blocks of one origin on their way to readers at the same time.
pub const REMOTE_FETCHES_MAX: usize = 8;
/// Blocks of one origin that are fetched ahead of readers at the same time.
pub const REMOTE_FETCHES_AHEAD_MAX: usize = 2;
/// Threads on which readers wait for one origin.
pub const REMOTE_READERS_MAX: usize = 16;
/// Threads on which names of servers are looked up.
pub const NAME_THREADS_MAX: usize = 4;
/// Addresses of one name that are tried.
pub const NAME_ADDRESSES_MAX: usize = 8;
/// Files of one origin that are known, those that are known not to be there included.
pub const REMOTE_KNOWN_MAX: usize = 512;
/// The largest file that is read from elsewhere: what is known of its blocks is one bit of memory for each.
pub const REMOTE_BYTES_MAX: u64 = 64 * 1024 * MIB;
/// What the permit of a reader stands for: what one connection reads ahead, in the clear and under TLS, and the piece
/// that is on its way to the disk.
pub const REMOTE_READER_BYTES: u64 = 128 * KIB;
/// How long is believed what an origin said of a file: its length and its validator…
pub const REMOTE_OK_MS: u64 = 60_000;
/// …that it is not there, or may not be had…
pub const REMOTE_CLIENT_ERROR_MS: u64 = 60_000;
/// …and that the origin failed.
pub const REMOTE_SERVER_ERROR_MS: u64 = 10_000;
/// A `Last-Modified` that is older than this when it is sent names one run of bytes (RFC 9110 section 8.8.2.2).
pub const REMOTE_SETTLED_MS: u64 = 60_000;
/// Connections with a single request on them to servers that somebody named, unless their user says otherwise: feeds have
/// theirs, and so have the services that are told what was played.
pub const OUTGOING_CONNECTIONS_MAX: usize = 4;
/// What one answer to such a request may have, in bytes, unless its user says otherwise.
pub const OUTGOING_BYTES_MAX: u64 = 4 * MIB;
