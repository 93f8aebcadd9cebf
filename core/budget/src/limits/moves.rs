//! Limits of recognising files that were moved.

/// Two lengths of one song, in two formats or as two programs measure them, differ by at most so much.
pub const MOVED_DURATION_MS_MAX: u64 = 2_000;
/// A file that was copied is taken for moved when its original goes within this time.
pub const MOVED_COPY_MS_MAX: u64 = 24 * 3_600 * 1_000;
/// Missing tracks that are compared with one new track by one kind of evidence. Where there are as many, nobody can tell.
pub const MOVED_ALIKE_MAX: usize = 32;
/// Of the tracks that came last, so many are looked at again when another goes that one of them may be.
pub const MOVED_RECENT_MAX: usize = 10_000;
