//! Limits of jobs that take songs apart, and of the children that do it.

use super::{KIB, MIB};

/// How often a job is begun with before it has failed for good; a try in the middle of which the server ended is none…
pub const JOB_ATTEMPTS_MAX: u32 = 3;
/// …but when it ended so often in the middle of the same job, that has failed too: it may be what ends the server.
pub const JOB_SERVER_ENDS_MAX: u32 = 10;
/// `stems.jobs_per_user`: jobs of one user that have not ended.
pub const JOBS_PER_USER_MAX: u64 = 20;
/// Jobs of everybody that have not ended.
pub const JOBS_OPEN_MAX: u64 = 500;
/// A job that ended is remembered for so long.
pub const JOB_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// A job is its worker's for so long after the last sign of life.
pub const JOB_CLAIM_MS: u64 = 30_000;
/// How often its worker gives one, and how late it may hear that a job was cancelled by another process.
pub const JOB_BEAT_MS: u64 = 1_000;
/// How long the line of jobs waits for the file of a track, to see whether stems that are there are of it.
pub const JOB_FILE_WAIT_MS: u64 = 2_000;
/// A job that failed through the server's fault is begun with again after this, and later each time.
pub const JOB_RETRY_MS: u64 = 2_000;
/// Whoever waits for jobs looks after this time at the latest, whether somebody calls or not.
pub const JOB_LOOK_MS: u64 = 10_000;
/// How long a job waits for memory before the line is looked at again.
pub const JOB_MEMORY_WAIT_MS: u64 = 30_000;
/// `stems.workers`: the most children at once that may be configured.
pub const STEMS_WORKERS_MAX: usize = 16;
/// `stems.idle_ms`: a child without work ends after this.
pub const STEMS_IDLE_MS: u64 = 60_000;
/// A child takes so many songs apart, and another one goes on: what it may have lost of its memory goes with it.
pub const STEMS_CHILD_JOBS_MAX: u32 = 64;
/// A child that does not come further in this time is ended.
pub const STEMS_STALL_MS: u64 = 120_000;
/// Processor seconds of one child; ten hours of sound by the slowest engine are nine hours.
pub const STEMS_CHILD_CPU_SECONDS_MAX: u64 = 7 * 24 * 60 * 60;
/// What a child may ask for that encodes one stem by hand: 20 MB, and in an MP4 an index of some dozen bytes for each 23 ms of it;
/// and one that decodes a song, which reads such an index.
pub const STEMS_ENCODER_BYTES: u64 = 512 * MIB;
/// How often a child says how far it is.
pub const STEMS_PROGRESS_MS: u64 = 200;
/// The longest message between the server and a child.
pub const STEMS_MESSAGE_BYTES_MAX: usize = 64 * KIB as usize;
/// Descriptors that come with a message: the song, its stems, all of them in one, and a model's files.
pub const STEMS_DESCRIPTORS_MAX: usize = 16;
/// Room on the disk is always so far ahead of what a child has written to one file.
pub const STEMS_ROOM_AHEAD_BYTES: u64 = 8 * MIB;
/// Who stops a song that is taken apart by hand waits so long for the end of the piece at hand; then what is written goes all
/// the same.
pub const SPLIT_STOP_MS: u64 = 500;
/// How long a job waits for room of the cache that others have, before the try has failed.
pub const STEMS_ROOM_WAIT_MS: u64 = 10 * 60 * 1_000;
/// Sets of stems that are looked at together, whether their files are still there…
pub const STEM_SETS_PAGE_ROWS: usize = 100;
/// …and how often all of them are.
pub const STEM_SETS_LOOK_MS: u64 = 10 * 60 * 1_000;

// --- songs that are sent to be taken apart ----------------------------------------------------------------

/// The longest name of such a song, in bytes.
pub const SEPARATE_NAME_BYTES_MAX: usize = 255;
/// The most bytes that a stranger's may have, where strangers may send any.
pub const SEPARATE_STRANGER_BYTES_MAX: u64 = 100 * MIB;
/// How long a stranger's may be, in seconds: twice the longest song that is usual, and minutes of a processor.
pub const SEPARATE_STRANGER_SECONDS_MAX: u64 = 30 * 60;
/// How many a network of strangers may send in a minute.
pub const SEPARATE_STRANGER_PER_MINUTE_MAX: u32 = 30;
/// Requests of one network of strangers at once that send a song, wait for its stems or fetch them.
pub const SEPARATE_STRANGER_AT_ONCE_MAX: usize = 4;
/// Jobs of one network of strangers that have not ended…
pub const SEPARATE_STRANGER_JOBS_MAX: usize = 20;
/// …and those of all strangers: half of [`JOBS_OPEN_MAX`], so that the other half is left to users.
pub const SEPARATE_STRANGERS_JOBS_MAX: usize = JOBS_OPEN_MAX as usize / 2;
/// Songs that were sent and whose jobs have not ended may hold so much of `cache.bytes`, in percent: the rest is left to the
/// stems that are made of them, and to whatever else is made.
pub const SEPARATE_SONGS_PERCENT_MAX: u64 = 50;
/// …and those of all strangers half of that, so that the other half is left to users.
pub const SEPARATE_STRANGERS_SONGS_PERCENT_MAX: u64 = SEPARATE_SONGS_PERCENT_MAX / 2;
/// Networks of strangers that are remembered.
pub const SEPARATE_STRANGERS_MAX: usize = 10_000;
/// Such a song is not old before this, which is longer than any job waits: whoever holds it lets it go.
pub const SEPARATE_FRESH_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Stems are kept for so long, if the room is not needed before; what they are of is part of what they are found by.
pub const STEMS_KEPT_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
/// How long a song that ffmpeg must decode is waited for.
pub const STEMS_DECODE_MS: u64 = 60 * 60 * 1_000;
/// What a child reads at once of a stem that it wrote, for its checksum.
pub const STEMS_SUM_READ_BYTES: usize = 64 * KIB as usize;
/// Of the name of a song in that of its instrumental, in bytes.
pub const INSTRUMENTAL_NAME_BYTES_MAX: usize = 200;
/// What is read of one stem at once where several are woven into one file, on the stack.
pub const WOVEN_READ_BYTES: usize = 8 * 1024;
