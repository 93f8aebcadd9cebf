//! Every limit of Millpond, by name, in one place.
//!
//! What a user may tune is a key of the configuration whose default is the constant here; the comment names the key.
//! Units come last in each name.

mod database;
mod details;
mod history;
mod jobs;
mod kept;
mod lists;
mod moves;
mod podcasts;
mod proxies;
mod remotes;
mod scrobbles;
mod sign_ins;
mod stems;
mod transforms;
mod uploads;
mod watching;

use std::time::Duration;

pub use database::*;
pub use details::*;
pub use history::*;
pub use jobs::*;
pub use kept::*;
pub use lists::*;
pub use moves::*;
pub use podcasts::*;
pub use proxies::*;
pub use remotes::*;
pub use scrobbles::*;
pub use sign_ins::*;
pub use stems::*;
pub use transforms::*;
pub use uploads::*;
pub use watching::*;

/// One kibibyte, in bytes.
pub const KIB: u64 = 1024;
/// One mebibyte, in bytes.
pub const MIB: u64 = 1024 * KIB;

// --- memory -----------------------------------------------------------------------------------------------

/// What the process itself needs before anybody asks for anything: code, runtime, database caches.
pub const MEMORY_BASE_BYTES: u64 = 40 * MIB;
/// The smallest `memory.limit` that the server starts with.
pub const MEMORY_LIMIT_BYTES_MIN: u64 = 64 * MIB;
/// One password check by argon2id: 7 MiB…
pub const PASSWORD_HASH_BYTES: u64 = 7 * MIB;
/// …five passes over it, one lane: of the choices that OWASP's Password Storage Cheat Sheet calls equal, the smallest.
pub const PASSWORD_HASH_PASSES: u32 = 5;
/// The largest hash that is stored: 19 MiB with two passes, which all were before. One is made anew when its password is
/// right.
pub const PASSWORD_HASH_BYTES_MAX: u64 = 19 * MIB;
/// Passwords being checked at the same time.
pub const PASSWORD_HASHES_MAX: usize = 2;
/// What a machine is taken to have when it does not say.
pub const MEMORY_UNKNOWN_BYTES: u64 = 1024 * MIB;
/// No file of the kernel that we read for figures is longer than this.
pub const PROC_FILE_BYTES_MAX: u64 = 64 * KIB;
/// The upper bounds of the histogram of what one request held at its peak.
pub const ACCOUNT_BUCKETS_BYTES: [f64; 8] =
    [0.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0, 67108864.0];

/// What a pool has of the memory that is left after [`MEMORY_BASE_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Share {
    /// In per cent of what the fixed shares leave.
    Percent {
        /// Nobody else can take this. It is of what is left when the fixed shares have all that they may, so that they
        /// can have it at any limit.
        floor: u64,
        /// The pool never takes more. It is of what is left beside the fixed floors, and cut to what the other pools'
        /// floors leave.
        ceiling: u64,
    },
    /// In bytes, whatever the limit is.
    Bytes {
        /// Nobody else can take this.
        floor: u64,
        /// The pool never takes more.
        ceiling: u64,
    },
}

impl Share {
    /// What is set aside before ceilings in per cent are taken, in bytes.
    pub const fn fixed_floor_bytes(self) -> u64 {
        match self {
            Share::Percent { .. } => 0,
            Share::Bytes { floor, .. } => floor,
        }
    }

    /// What is left out before floors in per cent are taken, in bytes.
    pub const fn fixed_ceiling_bytes(self) -> u64 {
        match self {
            Share::Percent { .. } => 0,
            Share::Bytes { ceiling, .. } => ceiling,
        }
    }
}

/// The shares of the pools. The floors add up to 58 %; the other 42 % are the middle, for whoever asks first.
///
/// With a limit of 256 MiB there are 197 MiB to divide into floors after the base and the largest password check: streams
/// have 59 MiB for themselves (1,260 listeners) and can have 153 MiB (3,280); with 384 MiB their floor alone holds 2,000.
pub const fn pool_share(pool: crate::Pool) -> Share {
    use crate::Pool;
    match pool {
        Pool::Streams => Share::Percent { floor: 30, ceiling: 90 },
        Pool::Uploads => Share::Percent { floor: 8, ceiling: 40 },
        Pool::Listings => Share::Percent { floor: 6, ceiling: 30 },
        Pool::Origins => Share::Percent { floor: 2, ceiling: 20 },
        // Its ceiling is what the others' floors leave, which is 220 MiB with a limit of 512 MiB.
        Pool::Transforms => Share::Percent { floor: 4, ceiling: 80 },
        Pool::Stems => Share::Percent { floor: 0, ceiling: 80 },
        Pool::Caches => Share::Percent { floor: 2, ceiling: 10 },
        // One check is always possible, at the smallest limit too; two, or a large one, when the middle has room.
        Pool::Passwords => Share::Bytes { floor: PASSWORD_HASH_BYTES, ceiling: PASSWORD_HASH_BYTES_MAX },
        // A scan and one reader fit at the smallest limit too; all readers together never need 3 MiB.
        Pool::Scans => Share::Percent { floor: 4, ceiling: 40 },
        // Connections may not eat what streams need: a quarter is 3,340 that speak with a limit of 256 MiB, or 17,800
        // that are silent.
        Pool::Connections => Share::Percent { floor: 2, ceiling: 25 },
    }
}

// --- pressure ---------------------------------------------------------------------------------------------

/// How often the kernel is asked how much memory is in use.
pub const PRESSURE_CHECK_MS: u64 = 250;
/// From this share of the limit on, in per cent, background work slows down.
pub const PRESSURE_RAISED_PERCENT: u64 = 80;
/// From this share on, in per cent, new heavy work is refused.
pub const PRESSURE_HIGH_PERCENT: u64 = 88;
/// From this share on, in per cent, whatever is new is refused.
pub const PRESSURE_FULL_PERCENT: u64 = 95;
/// A level is left only so many points below the share at which it was reached, so that it does not flap.
pub const PRESSURE_RELIEF_POINTS: u64 = 3;
/// When tasks stood still for want of memory for more than this share of the last ten seconds, in per cent, the next
/// level is acted on already, though never the last.
pub const PRESSURE_STALL_PERCENT: u64 = 10;
/// Background work gets one more turn at once each time that memory was calm for so long.
pub const PRESSURE_QUIET_MS: u64 = 5_000;
/// Pieces of background work at once when memory is calm and the limit holds as many.
pub const BACKGROUND_TURNS_MAX: usize = 10;
/// Pieces of background work at once that there always are below [`crate::Level::High`]; from there on it is one.
pub const BACKGROUND_TURNS_MIN: usize = 2;
/// The limit holds one piece of background work for each of these beyond [`MEMORY_BASE_BYTES`].
pub const BACKGROUND_TURN_BYTES: u64 = 16 * MIB;
/// Processes of our memory group that are looked at to see whether all are ours.
pub const GROUP_PROCESSES_MAX: usize = 64;

/// What becomes of those who ask a pool for more while memory is scarce. Permits that were granted are never touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yielding {
    /// They are served as ever.
    Never,
    /// From this level on they are refused, and so are those who wait already.
    Refused(crate::Level),
    /// From this level on they wait in line, for as long as anybody waits.
    Waits(crate::Level),
}

/// How the pools yield to pressure.
pub const fn pool_yielding(pool: crate::Pool) -> Yielding {
    use crate::{Level, Pool};
    match pool {
        // Heavy work that can be asked for again: it is what would fill the rest.
        Pool::Uploads | Pool::Origins | Pool::Transforms | Pool::Stems | Pool::Caches => {
            Yielding::Refused(Level::High)
        }
        // Listening and looking around go on for longest. A stream has its permit from its start, so that those which
        // run are not touched.
        Pool::Streams | Pool::Listings | Pool::Passwords => Yielding::Refused(Level::Full),
        // A scan has time, and must end one day: its readers take turns long before (see `Budget::background`).
        Pool::Scans => Yielding::Waits(Level::Full),
        // Who is refused must be told so, and that takes a connection.
        Pool::Connections => Yielding::Never,
    }
}

/// How often it is looked at whether the allocator keeps much that nobody uses…
pub const SPARE_CHECK_MS: u64 = 5_000;
/// …and how much more of it than the last time is worth giving back.
pub const SPARE_BYTES_MAX: u64 = MIB;

// --- waiting ----------------------------------------------------------------------------------------------

/// How long a request may wait for a permit before it is refused.
pub const PERMIT_WAIT_MS: u64 = 2_000;
/// How many requests may wait in one pool.
pub const PERMIT_WAITERS_MAX: usize = 256;
/// What a refused caller is told when nothing better is known.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

// --- connections ------------------------------------------------------------------------------------------

/// `limits.connections`: open connections; 0 is no limit. A ceiling, further bounded by the descriptor limit.
pub const CONNECTIONS_MAX: usize = 16_384;
/// `limits.connections_per_address`: open connections of one client address; 0 is no limit.
pub const CONNECTIONS_PER_ADDRESS_MAX: usize = 256;
/// What the permit of a connection stands for that says nothing, or nothing more for now: its task, its place in the
/// runtime's list of sockets and its slot.
pub const SILENT_CONNECTION_BYTES: u64 = 3 * KIB;
/// What the permit of a connection grows to when it speaks: hyper's state and its read buffer for an ordinary head
/// beside that.
pub const CONNECTION_BYTES: u64 = 16 * KIB;
/// A head that is longer than this needs [`LONG_HEAD_BYTES`] beside its connection's permit.
pub const ORDINARY_HEAD_BYTES_MAX: usize = 8 * 1024;
/// What the permit of a long head stands for while it is read: the read buffer at its largest.
pub const LONG_HEAD_BYTES: u64 = HEADER_BYTES_MAX as u64;
/// A connection that has said nothing is closed after this.
pub const FIRST_BYTE_MS: u64 = 10_000;
/// A request head must be whole within this time of its first byte.
pub const HEADER_MS: u64 = 10_000;
/// A kept-alive connection without a request is closed after this.
pub const IDLE_MS: u64 = 75_000;
/// One that speaks HTTP/1 waits outside hyper, with a silent connection's memory, after this.
pub const PARK_MS: u64 = 250;
/// A request head may have this many bytes, which is also the most that hyper reads at once and buffers of an answer.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// A request head may have this many fields.
pub const HEADERS_MAX: usize = 100;
/// Streams at once on one HTTP/2 connection.
pub const HTTP2_STREAMS_MAX: u32 = 32;
/// Bytes buffered for one HTTP/2 stream.
pub const HTTP2_SEND_BYTES_MAX: usize = 32 * 1024;
/// After an early answer, the unread request body is read and dropped for at most this long…
pub const LINGER_MS: u64 = 2_000;
/// …and for at most this many bytes.
pub const LINGER_BYTES_MAX: u64 = 16 * MIB;
/// One read of what is dropped.
pub const LINGER_READ_BYTES: usize = 16 * 1024;
/// Over that bound, one such read is made in this time, 6 MiB a second: a client that cannot finish sending does not
/// read its answer, and the kernel's buffers do not always hold the rest.
pub const LINGER_PACE_MICROS: u64 = 2_500;
/// A configuration file may have this many bytes.
pub const CONFIG_BYTES_MAX: u64 = MIB;
/// Connections that the kernel may keep ready until the accept loop takes them.
pub const LISTEN_BACKLOG: u32 = 4_096;
/// After a failed accept (no descriptors left, for one) the loop waits this long before the next.
pub const ACCEPT_PAUSE_MS: u64 = 100;
/// Connections over a ceiling that are told so at the same time; further ones are closed without a word.
pub const REFUSALS_AT_ONCE_MAX: usize = 64;
/// A short request body that an early answer left unread is read and dropped up to this size, so that its connection
/// can go on.
pub const UNREAD_BODY_BYTES_MAX: u64 = 64 * KIB;
/// Bytes of request bodies that one HTTP/2 connection may have on the way to us.
pub const HTTP2_RECEIVE_BYTES_MAX: u32 = 64 * 1024;
/// Streams of one HTTP/2 connection that its client may have reset before we dealt with them.
pub const HTTP2_RESETS_PENDING_MAX: usize = 20;
/// Descriptors set aside for the database, listeners, logs and the runtime.
pub const DESCRIPTORS_RESERVED: u64 = 64;
/// Threads for work that blocks: opening files, reading what is not in memory, passwords.
pub const BLOCKING_THREADS_MAX: usize = 32;
/// Such a thread ends when it had nothing to do for this long. Shorter than two looks at the memory take
/// ([`PRESSURE_CHECK_MS`]), each of which wakes the one that waited longest: with tokio's ten seconds they would keep all of
/// them for good, and so one.
pub const BLOCKING_THREAD_IDLE_MS: u64 = 400;
/// The stack of each thread, of which the system maps only what is used.
pub const THREAD_STACK_BYTES: usize = 2 * 1024 * 1024;
/// `server.drain_ms`: how long running answers may take to finish after SIGTERM.
pub const DRAIN_MS: u64 = 10_000;

// --- streams ----------------------------------------------------------------------------------------------

/// `limits.streams`: media answers at once; 0 is no limit.
pub const STREAMS_MAX: usize = 8_192;
/// `limits.streams_per_user`: media answers at once for one user; 0 is no limit.
pub const STREAMS_PER_USER_MAX: usize = 32;
/// Pictures, and answers so small that they come from memory, on their way to one user. A page of albums asks for a
/// hundred pictures at once.
pub const PICTURES_PER_USER_MAX: usize = 128;
/// One read of a body, and the most that a slow client holds of our memory.
pub const CHUNK_BYTES: usize = 32 * 1024;
/// Spare chunks kept for reuse.
pub const CHUNKS_IDLE_MAX: usize = 256;
/// What a stream's permit stands for: what the kernel holds of it (for more than the smallest piece there is another permit),
/// its registry entry and hyper's share of the connection…
pub const STREAM_BYTES: u64 = SOCKET_PIECE_BYTES_MIN as u64 + 16 * KIB;
/// …and what it stands for besides as long as the stream may have to be copied: one chunk.
pub const COPIED_STREAM_BYTES: u64 = CHUNK_BYTES as u64;
/// One stream may send this much before the next task has its turn.
pub const TURN_BYTES: usize = 256 * 1024;
/// Bodies up to this size may come from memory; everything larger is read from its source.
pub const SMALL_BODY_BYTES_MAX: u64 = 16 * KIB;
/// `stream.write_stall_ms`: a stream without any progress is ended after this; a paused player lives three minutes.
pub const WRITE_STALL_MS: u64 = 180_000;
/// `stream.body_stall_ms`: a request body without any progress is ended after this.
pub const BODY_STALL_MS: u64 = 30_000;
/// While this share of the stream slots is taken, in per cent, the slowest streams end first.
pub const CROWDED_PERCENT: usize = 90;
/// A stream counts as slow in a crowd when it moved less than this per second…
pub const CROWDED_RATE_BYTES_MIN: u64 = 4 * KIB;
/// …over its last so many milliseconds.
pub const CROWDED_WINDOW_MS: u64 = 60_000;
/// How often the registry of streams is swept.
pub const SWEEP_MS: u64 = 60_000;
/// How often stalls are looked for.
pub const STALL_CHECK_MS: u64 = 1_000;
/// How often a stream's progress is written down, to know its rate over the last window.
pub const RATE_MARK_MS: u64 = 5_000;
/// One decision in so many about a `Range` field is logged.
pub const RANGE_LOG_EVERY: u64 = 64;
/// The upper bounds of the histogram of how long streams live.
pub const STREAM_DURATION_BUCKETS_SECONDS: [f64; 9] =
    [0.01, 0.1, 1.0, 10.0, 60.0, 180.0, 600.0, 3600.0, 14400.0];
/// The upper bounds of the histogram of the pieces that bodies are read in.
pub const STREAM_CHUNK_BUCKETS_BYTES: [f64; 5] = [1024.0, 4096.0, 16384.0, 32768.0, 262144.0];
/// A name in `Content-Disposition` is cut after this many characters.
pub const DISPOSITION_NAME_CHARS_MAX: usize = 255;
/// Answers from this size on are sent by the wire; below, to copy them is cheaper than to ask the kernel to send them.
pub const WIRE_BYTES_MIN: u64 = 16 * KIB;
/// `stream.segment_bytes_range`: what the wire looks at and sends of one range before others have their turn…
pub const SEGMENT_BYTES_RANGE: u64 = 256 * KIB;
/// `stream.segment_bytes_whole`: …and of a whole file.
pub const SEGMENT_BYTES_WHOLE: u64 = MIB;
/// Each level of pressure halves both once more, down to this.
pub const SEGMENT_BYTES_MIN: u64 = 64 * KIB;
/// The largest that may be configured.
pub const SEGMENT_BYTES_MAX: u64 = 4 * MIB;
/// A buffer that the wire reads into where it must copy. It is lent for one call, so that there are as many as threads…
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// …and of them, so many are kept.
pub const SCRATCHES_IDLE_MAX: usize = 4;
/// The test of the wire at start must be over within this time.
pub const WIRE_TEST_MS: u64 = 5_000;
/// Kibibytes of the file that it sends: longer than two windows of the default size.
pub const WIRE_TEST_BLOCKS: u64 = 2_200;
/// A window holds no more pieces than this (see `SOCKET_PIECE_BYTES_MIN`): what a slow client takes in seconds.
pub const WINDOW_PIECES_MAX: u64 = 2;
/// What was found in the page cache is taken to be there for this long.
pub const WINDOW_FRESH_MS: u64 = 5_000;
/// What is handed to the kernel at once for the slowest clients, for those whose rate is not known yet, and for everybody
/// under pressure…
pub const SOCKET_PIECE_BYTES_MIN: u32 = 32 * 1024;
/// …and for the fastest.
pub const SOCKET_PIECE_BYTES_MAX: u32 = 1024 * 1024;
/// The next piece is taken when so much of the last, one part in so many, is not yet sent.
pub const SOCKET_UNSENT_PARTS: u32 = 8;
/// Between them it is what the client takes in this time…
pub const SOCKET_PIECE_MS: u64 = 100;
/// …measured over at least this time.
pub const SOCKET_RATE_MS: u64 = 50;
/// A client that took so many pieces without a pause is fast: they become twice as large. What its own kernel may keep for
/// it in the meantime is less.
pub const SOCKET_PIECES_UNHINDERED: u64 = 4;

// --- requests ---------------------------------------------------------------------------------------------

/// A JSON or form body may have this many bytes.
pub const FORM_BYTES_MAX: usize = 256 * 1024;
/// What a body asks for when its first bytes come; each further step doubles what is held.
pub const FORM_FIRST_BYTES: usize = 16 * 1024;
/// A JSON or form body must be whole within this time, however it trickles.
pub const FORM_MS: u64 = 30_000;
/// The longest text of one parameter that outlives its request's parameters: a search, a genre.
pub const PARAMETER_BYTES_MAX: usize = 4 * 1024;
/// Rows that Subsonic gives at once in lists that have a `size` (its own description says so).
pub const SUBSONIC_SIZE_MAX: u64 = 500;
/// How often a list that is on its way asks again for room for its next page before it breaks off.
pub const LISTING_ASKS_MAX: u32 = 5;
/// A chunk of a list is closed when it has less room left than this: one row of ordinary size.
pub const ROW_ROOM_BYTES: usize = 2 * 1024;
/// The longest name of a JSONP callback.
pub const CALLBACK_CHARS_MAX: usize = 128;
/// The longest label of a key or an app password, in characters.
pub const LABEL_CHARS_MAX: usize = 100;
/// How many unknown fields an error names…
pub const UNKNOWN_NAMED_MAX: usize = 8;
/// …and how many characters of each.
pub const UNKNOWN_NAME_CHARS_MAX: usize = 40;
/// The longest request id that is taken over from a client.
pub const REQUEST_ID_CHARS_MAX: usize = 64;
/// How many times a random list draws numbers before it counts as narrow and is chosen from what there is.
pub const RANDOM_DRAWS_MAX: usize = 4;
/// Rows in one page of a list.
pub const PAGE_ROWS_MAX: usize = 500;
/// What the permit of one list answer stands for: one page of rows and its encoded text.
pub const LISTING_BYTES: u64 = 768 * KIB;
/// A page of rows ends when it holds this much, with the row that reaches it.
pub const LISTING_ROWS_BYTES_MAX: usize = 384 * 1024;
/// The largest row: four texts, eight genres, the paths of the file and of its picture, details, and numbers.
pub const LISTING_ROW_BYTES_MAX: u64 = 24 * KIB;
/// Text that one page of rows is encoded to, where the answer is that page; its reader asks again for the rest.
pub const PAGE_TEXT_BYTES_MAX: usize = 344 * 1024;
/// Text of a list on its way, which is all that a client holds who takes nothing; rows beyond are read again later.
pub const LISTING_TEXT_BYTES_MAX: usize = 64 * 1024;
/// Rows that a list asks for first; further reads are as long as the rows seen so far suggest.
pub const LISTING_ROWS_FIRST: usize = 100;
/// Lists on their way to one user; a text longer than `LISTING_TEXT_BYTES_MAX` counts as several.
pub const LISTINGS_PER_USER_MAX: usize = 128;
/// Operations that take longer than this are logged; streams are not.
pub const SLOW_OPERATION_MS: u64 = 1_000;
/// Classes of routes whose figures are kept; all further ones share one.
pub const OPERATIONS_MAX: usize = 256;
/// A text answer shorter than this is not worth compressing.
pub const GZIP_BYTES_MIN: u64 = 1_024;
/// What compressing one answer holds: the compressor's window and tables, and one piece of its output.
pub const GZIP_BYTES: u64 = 384 * KIB;

// --- health -----------------------------------------------------------------------------------------------

/// `/health` is degraded when the data folder's disk has less free than this.
pub const DISK_FREE_BYTES_MIN: u64 = 256 * MIB;
/// `/health` is degraded when resident memory is above this share of the limit, in per cent.
pub const MEMORY_HIGH_PERCENT: u64 = 90;
/// A health report is given to everybody who asks within this time, because anybody may ask.
pub const HEALTH_FRESH_MS: u64 = 1_000;
/// A part that does not answer a health check within this time is degraded.
pub const HEALTH_CHECK_MS: u64 = 2_000;

// --- files and tags ---------------------------------------------------------------------------------------

/// Open files kept for the next range request.
pub const OPEN_FILES_MAX: usize = 1_024;
/// How long an open file is trusted to be what its name means.
pub const OPEN_FILE_MS: u64 = 1_000;
/// Rows of tracks kept for their players' next ranges: one for each track and each listener's view of it.
pub const PLAYING_TRACKS_MAX: usize = 512;
/// How long such a row may be played after another process changed it. What this process changes ends it at once.
pub const PLAYING_MS: u64 = 1_000;
/// A file that changed less than this before it was opened may change again within one tick of the file system's
/// clock: its validator is weak until then.
pub const VALIDATOR_SETTLE_MS: u64 = 2_000;
/// Tags of one file may claim this many bytes of memory; pictures are found without being read and do not count.
pub const TAG_BYTES_MAX: u64 = 512 * KIB;
/// A text tag is cut after this many characters.
pub const TAG_TEXT_CHARS_MAX: usize = 256;
/// Genres of one track that are kept…
pub const TAG_GENRES_MAX: usize = 8;
/// …and how many characters of each.
pub const TAG_GENRE_CHARS_MAX: usize = 64;
/// Bytes of one text tag that are read, in whatever encoding.
pub const TAG_TEXT_BYTES_MAX: u64 = 16 * KIB;
/// Values of one field (artists, genres) that are looked at.
pub const TAG_VALUES_MAX: usize = 16;
/// Blocks, chunks or atoms of one file that are looked at.
pub const TAG_PARTS_MAX: usize = 2_048;
/// ID3 tags at the start of a file that are stepped over, one behind the other.
pub const TAG_LEADING_MAX: usize = 8;
/// One read of a file whose tags are wanted. Most headers end within the first.
pub const TAG_WINDOW_BYTES: usize = 16 * 1024;
/// Such reads start at a multiple of this, so that a step backwards near the end of a file finds its bytes in memory.
pub const TAG_WINDOW_ALIGN_BYTES: u64 = 4 * KIB;
/// What a step of a tag parser costs apart from the bytes it takes, so that steps without progress end too.
pub const TAG_STEP_BYTES: u64 = 8;
/// Bytes before an embedded picture (media type, description) in which the picture must begin.
pub const PICTURE_HEAD_BYTES_MAX: u64 = KIB;
/// Files of one folder that are opened to see whether they are its cover.
pub const COVER_CANDIDATES_MAX: usize = 8;
/// A cover may have this many bytes.
pub const COVER_BYTES_MAX: u64 = 20 * MIB;
/// Files read at the same time by a scan.
pub const SCAN_READERS_MAX: usize = 4;
/// What the permit of one reader of a scan stands for: the tags of one file, the window that it is read through, and
/// the tracks that it has read.
pub const SCAN_READER_BYTES: u64 =
    TAG_BYTES_MAX + 64 * KIB + SCAN_READER_FILES as u64 * LISTING_ROW_BYTES_MAX;
/// What the permit of a scan itself stands for: one page of known files, the rows not yet written, the paths on their
/// way, and the names of a walk that has no permit of its own for more.
pub const SCAN_BYTES: u64 = 768 * KIB + SCAN_NAMES_BYTES_MIN;
/// Names of the folders that a walk stands in, all levels together, when memory is too short for more. A folder that
/// does not fit is left out, and nothing in it counts as missing.
pub const SCAN_NAMES_BYTES_MIN: u64 = 512 * KIB;
/// The same when there is memory, under a permit of this size: a hundred thousand names of eighty bytes.
pub const SCAN_NAMES_BYTES_MAX: u64 = 8 * MIB;
/// Files that one reader takes at a time.
pub const SCAN_READER_FILES: usize = 8;
/// Text of rows not yet written after which a scan writes them, however few they are.
pub const SCAN_BATCH_BYTES: usize = 256 * 1024;
/// Rows written in one transaction of a scan.
pub const SCAN_BATCH_ROWS: usize = 500;
/// Batches of files that a walk may be ahead of the rest of the scan.
pub const SCAN_AHEAD_BATCHES_MAX: usize = 4;
/// Places of one library that cannot be looked at and are remembered; a library with more is not scanned.
pub const SCAN_UNSEEN_MAX: usize = 4_096;
/// Names that lead out of a library folder and are remembered, so that each is logged once.
pub const ESCAPES_REMEMBERED_MAX: usize = 256;
/// Folders inside folders that a scan follows.
pub const SCAN_DEPTH_MAX: usize = 64;
/// Links to folders that a scan follows on the way to one file: each may lead to another folder full of links.
pub const SCAN_LINKS_MAX: usize = 8;
/// Names in one folder that a scan looks at.
pub const SCAN_FOLDER_ENTRIES_MAX: usize = 100_000;
