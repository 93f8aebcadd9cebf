//! Limits of songs that are taken apart.

use super::{KIB, MIB};

/// Channels of a song that can be taken apart: 7.1.
pub const STEMS_CHANNELS_MAX: usize = 8;
/// The lowest rate of samples that is converted: a telephone's.
pub const STEMS_RATE_HZ_MIN: u32 = 8_000;
/// The highest rate of samples that is converted.
pub const STEMS_RATE_HZ_MAX: u32 = 192_000;
/// Samples of one channel that go through the pipeline at a time; a cancel is noticed between two such pieces.
pub const STEMS_PIECE_SAMPLES: usize = 8 * 1024;
/// Bytes that are looked through for the beginning of a sound before a file is called something else.
pub const STEMS_PROBE_BYTES: u32 = 256 * 1024;
/// The longest text of a file's tags that a decoder keeps, and its largest picture: neither is looked at.
pub const STEMS_TAG_BYTES_MAX: usize = (64 * KIB) as usize;
/// Pieces of a lossy song that are broken and left out, of each hundred, before the song is called broken.
pub const STEMS_BROKEN_PERCENT_MAX: u64 = 10;
/// Broken pieces that every lossy song may have, however short it is.
pub const STEMS_BROKEN_FREE: u64 = 8;
/// A song may have so many milliseconds less than its head promises: encoders round.
pub const STEMS_SHORT_MS_MAX: u64 = 1_000;
/// Frames of the spectral engine's block: a second and a half of sound.
pub const STEMS_SPECTRAL_BLOCK_FRAMES: usize = 64;
/// The index of a checkpoint with a model's weights: five networks have 11 KB.
pub const STEMS_INDEX_BYTES_MAX: u64 = MIB;
/// The weights of one model: five networks of Spleeter have 197 MB, and the largest others known 350 MB.
pub const STEMS_MODEL_BYTES_MAX: u64 = 1024 * MIB;
/// Threads of one song that is taken apart by hand.
pub const STEMS_THREADS_MAX: usize = 16;
/// Bytes of a file that a decoder may read before it gives the next samples: a file that calls half a gigabyte one packet
/// is lying. The tables of a ten-hour song in MP4 are 14 MB.
pub const STEMS_READ_BYTES_MAX: u64 = 64 * MIB;
/// Boxes of an MP4 that are looked at beside each other for its edits: more than any file has before its tracks.
pub const STEMS_BOXES_MAX: usize = 256;
/// Samples of each channel in one packet; the longest that coders make are a few thousand.
pub const STEMS_PACKET_SAMPLES_MAX: u64 = 65_536;
/// What a process that takes songs apart holds beside its engine: the program, a decoder, and the encoders of
/// six files: five stems, and the accompaniment beside them.
pub const STEMS_PROGRAM_BYTES: u64 = 24 * MIB;
/// What the spectral engine holds at most for one song.
pub const STEMS_SPECTRAL_BYTES: u64 = 24 * MIB;
/// What Spleeter's networks need for one song beside their weights, on one thread.
pub const STEMS_SPLEETER_BYTES: u64 = 80 * MIB;
/// What the network of Demucs needs for one song beside its weights, on one thread.
pub const STEMS_HTDEMUCS_BYTES: u64 = 800 * MIB;
/// A network's graph without its numbers: that of Demucs has 1.5 MB.
pub const STEMS_GRAPH_BYTES_MAX: u64 = 16 * MIB;
/// The longest segment that a network of Demucs may hear: a minute. Its makers' hears 7.8 seconds.
pub const STEMS_SEGMENT_SAMPLES_MAX: usize = 60 * 44_100;
/// Numbers that a layer of Spleeter's looks at before it adds them up, as many as stay in a processor's caches; all that the widest
/// layer sees would be 52 MB.
pub const STEMS_COLUMNS_MAX: usize = 1 << 19;
