//! Limits of the database and its folder: memory, waits and lines.

use super::MIB;

/// Pages that one connection to the database keeps in memory.
pub const DATABASE_CACHE_BYTES: u64 = MIB;
/// Connections that read at the same time; one more writes.
pub const DATABASE_READERS_MAX: u32 = 4;
/// A reading connection that was not needed for so long, because there are others, is closed, and its memory goes with it.
pub const DATABASE_IDLE_MS: u64 = 60_000;
/// Statements that one connection to the database keeps made for the next time.
pub const DATABASE_STATEMENTS_MAX: usize = 64;
/// Steps of SQLite's machine after which a reading looks whether anybody still waits for it: less than a millisecond.
pub const DATABASE_STEPS: i32 = 10_000;
/// How long a statement waits for a connection or for another process's lock.
pub const DATABASE_WAIT_MS: u64 = 5_000;
/// How long a change waits in the line for the one connection that writes: each change before it waits for the disk, and
/// a disk that takes in uploads may be slow.
pub const DATABASE_LINE_MS: u64 = 30_000;
/// Changes that may stand in that line; a further one is refused at once.
pub const DATABASE_LINE_MAX: usize = 1_024;
/// Small changes that go into one transaction when they stand in line together.
pub const DATABASE_GROUP_MAX: usize = 64;
/// The write-ahead log is cut back to this size after a checkpoint.
pub const DATABASE_WAL_BYTES: u64 = 8 * MIB;
/// Words of a search that are looked at.
pub const SEARCH_WORDS_MAX: usize = 16;
/// Their bytes together: each is looked for in several ways.
pub const SEARCH_WORDS_BYTES_MAX: usize = 512;
/// Pages of an index of words that one step of merging its segments writes: some hundredths of a second.
pub const SEARCH_MERGE_PAGES: i64 = 500;
/// How long a server that starts waits for one that has just ended to let go of the data folder, in milliseconds.
pub const DATA_LOCK_WAIT_MS: u64 = 2_000;
