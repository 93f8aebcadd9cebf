//! Limits of the watch over library folders.

use super::KIB;

/// What changed is looked at when nothing more has happened for so long: a song that is being copied is taken whole.
pub const WATCH_SETTLE_MS: u64 = 2_000;
/// Where something happens all the time, it is looked at this long after the first change; files that were written to
/// within [`WATCH_SETTLE_MS`] are left for later.
pub const WATCH_SETTLE_MS_MAX: u64 = 30_000;
/// Places that changed and wait to be looked at. With more, a whole look costs no more and is taken instead.
pub const WATCH_PLACES_MAX: usize = 1_024;
/// What the names of these places may take, in bytes.
pub const WATCH_PLACES_BYTES_MAX: usize = 256 * 1024;
/// What the watch of one folder takes beyond the folder's name: our row. The kernel's part, its inode, is measured with
/// all memory of the kernel's.
pub const WATCH_FOLDER_BYTES: u64 = 96;
/// The watch asks for memory in pieces of this size.
pub const WATCH_PIECE_BYTES: u64 = 32 * KIB;
/// The watch takes at most one part in so many of what the pool of caches may hold.
pub const WATCH_CACHES_PART: u64 = 4;
/// News of the kernel that are read at once, in bytes.
pub const WATCH_NEWS_BYTES: usize = 8 * 1024;
/// `scan.rescan_ms`: how often libraries are looked through that cannot be watched.
pub const RESCAN_MS: u64 = 3_600_000;
