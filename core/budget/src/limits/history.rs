//! Limits of what is remembered of the memory, for those who come to look at it later.

/// How long one moment of that picture is: short enough to show what a rendition took, and so long that few are kept…
pub const MEMORY_MOMENT_MS: u64 = 5_000;
/// …of which there are so many, which are the last ten minutes.
pub const MEMORY_MOMENTS_MAX: usize = 120;
