//! The limits of what is made of media.

use super::{KIB, MIB, OPEN_BLOBS_MAX, REMOTE_KNOWN_MAX};

// --- recipes ----------------------------------------------------------------------------------------------

/// The least width or height that may be asked for, in pixels.
pub const EDGE_PIXELS_MIN: u64 = 10;
/// The greatest width or height that may be asked for, in pixels.
pub const EDGE_PIXELS_MAX: u64 = 8_192;
/// The latest start and the longest length of a clip, in milliseconds: a day.
pub const CLIP_MS_MAX: u64 = 24 * 3_600_000;
/// Frames in a second that may be asked for.
pub const FPS_MAX: u64 = 120;
/// The least bitrate that may be asked for.
pub const BITRATE_KBPS_MIN: u64 = 8;
/// The greatest bitrate that may be asked for.
pub const BITRATE_KBPS_MAX: u64 = 100_000;
/// Pictures in one spritesheet.
pub const SPRITE_FRAMES_MAX: u64 = 400;
/// Peaks of a waveform that may be asked for.
pub const WAVEFORM_PEAKS_MAX: u64 = 16_384;
/// Pixels of the picture of a waveform: as wide as any, and an eighth as high.
pub const WAVEFORM_PIXELS_MAX: u64 = EDGE_PIXELS_MAX * EDGE_PIXELS_MAX / 8;
/// Options in one address.
pub const OPTIONS_MAX: usize = 64;
/// The options of one address, as text.
pub const OPTIONS_BYTES_MAX: usize = (4 * KIB) as usize;
/// What an error says of the name of an option that is none.
pub const OPTION_NAME_CHARS_MAX: usize = 40;
/// What lists the options that were dropped, in a field of the answer.
pub const OPTION_WARNINGS_BYTES_MAX: usize = KIB as usize;
/// The widths that anybody may have made, in pixels. Key: `cdn.ladder`.
pub const LADDER_PIXELS: [u64; 7] = [160, 320, 480, 640, 854, 1_280, 1_920];
/// Widths in a ladder.
pub const LADDER_STEPS_MAX: usize = 64;
/// Presets, breakpoints or origins in a configuration.
pub const CDN_TABLES_MAX: usize = 1_000;
/// How long the signature of a rendition's address is valid when nobody says.
pub const RENDITION_LINK_MS: u64 = 24 * 3_600_000;
/// How long it may be valid: a year and a day.
pub const RENDITION_LINK_MS_MAX: u64 = 367 * 24 * 3_600_000;

/// How large covers are made, by their longer edge in pixels. What was asked for is rounded up; whoever asks for more than
/// the last gets the picture as it is.
pub const COVER_PIXELS: [u64; 6] = [80, 160, 300, 600, 1_200, 2_048];
/// How wide the poster of a video is whose address is told; one of these.
pub const POSTER_PIXELS: u64 = 600;
/// A picture that cannot be made smaller, or not now, is shown as it is when it has no more bytes.
pub const COVER_ORIGINAL_BYTES_MAX: u64 = MIB;
/// Covers that are made at once for pages; with [`POSTERS_AT_ONCE`] fewer than [`FLIGHTS_PER_ADDRESS_MAX`].
pub const COVERS_AT_ONCE: usize = 4;
/// Frames of videos that are made at once as their covers.
pub const POSTERS_AT_ONCE: usize = 2;
/// Covers that wait to be made: a page of a library asks for all of its covers at once.
pub const COVERS_WAITING_MAX: usize = 1_000;
/// Those of them that one address may ask for.
pub const COVERS_PER_ADDRESS_MAX: usize = 500;
/// How long a cover waits before whoever asked is told to come back.
pub const COVER_WAIT_MS: u64 = 60_000;
/// The latest moment of a video that is its cover; of a short one it is a tenth of it, since many begin with black.
pub const POSTER_MS_MAX: u64 = 10_000;
/// The quality of a cover, as JPEG encoders count it, to 100.
pub const COVER_JPEG_QUALITY: u8 = 85;
/// What is read of a picture at once.
pub const PICTURE_READ_BYTES: usize = (16 * KIB) as usize;
/// Segments before the pixels of a JPEG, and bytes between them, after which nobody looks for its size any more.
pub const PICTURE_HEAD_STEPS_MAX: usize = 65_536;

// --- children ---------------------------------------------------------------------------------------------

/// Children at once when memory and processors allow as many.
pub const JOBS_MAX: usize = 10;
/// Children at once that there may always be, if their memory fits.
pub const JOBS_MIN: usize = 2;
/// A rendition for which nobody waits any more goes on for so long, in case that somebody comes back: players ask for
/// one file in several requests.
pub const FLIGHT_LINGER_MS: u64 = 10_000;
/// The same for a song: it is made again in seconds, and its player comes back at once or not at all.
pub const SOUND_LINGER_MS: u64 = 1_000;
/// How long a rendition waits for its turn before all who wait for it are told to come back later.
pub const FLIGHT_WAIT_MS: u64 = 30_000;
/// Renditions that one address, or one user of an app, may have in the making, those that wait for a turn included.
pub const FLIGHTS_PER_ADDRESS_MAX: usize = 8;
/// How many of those one app of a user may follow while they are made: what plays, what comes next, and a few that are fetched
/// for later.
pub const TRANSCODES_PER_PLAYER_MAX: usize = 6;
/// So much of what an app calls itself tells it from others.
pub const PLAYER_NAME_CHARS: usize = 64;
/// What is reserved for a look at a source by ffprobe…
pub const PROBE_BYTES: u64 = 40 * MIB;
/// …and for another one at a source that turned out to need more: an index of ten hours with 60 frames in a second, or
/// the largest pictures.
pub const PROBE_LONG_BYTES: u64 = 160 * MIB;
/// How long that may take.
pub const PROBE_MS: u64 = 30_000;
/// The kernel's own bound on a child counts what it asked for, also where it never wrote: stacks and the allocator's
/// stock. It stands so far above what was reserved. The encoder of AV1 has a dozen threads, and stands still for ever when one
/// of them gets no stack.
pub const CHILD_MEMORY_ROOM_BYTES: u64 = 224 * MIB;
/// A child is ended when it has so much more memory of its own than was reserved for it, in per cent of that…
pub const CHILD_OVER_PERCENT: u64 = 25;
/// …and so much beside it: few sources refer to as many frames as their format allows, and nothing says before which do.
/// With 16 frames of 1080p it was half as much that a child had more than was reserved.
pub const CHILD_FRAMES_BYTES: u64 = 64 * MIB;
/// Processor time that a child may always take…
pub const CHILD_CPU_SECONDS_MIN: u64 = 120;
/// …and for each second that it reads or makes, whichever is more.
pub const CHILD_CPU_SHARE: u64 = 60;
/// What a second pass may make longer than what it is made of, beside an eighth.
pub const SECOND_PASS_BYTES: u64 = MIB;
/// The longest name of a codec or a language that is kept of a video: `pcm_s16le`, `sr-Latn-RS`.
pub const VIDEO_WORD_BYTES_MAX: usize = 24;
/// How often it is asked whether libraries changed, so that their new videos are looked at.
pub const VIDEO_LOOK_MS: u64 = 2_000;
/// How long a video waits to be looked at again whose file could not be opened, or for which there was no room.
pub const VIDEO_LOOK_AGAIN_MS: u64 = 600_000;
/// What is kept of the words why a video cannot be read, in bytes.
pub const VIDEO_FAILURE_BYTES_MAX: usize = 1_024;
/// What was found out about sources, by validator.
pub const PROBES_KEPT_MAX: usize = 1_000;
/// How long that is remembered.
pub const PROBES_KEPT_MS: u64 = 3_600_000;
/// The upper bounds of the histograms of how long renditions wait and are made.
pub const RENDITION_BUCKETS_SECONDS: [f64; 10] =
    [0.05, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1_000.0];
/// The upper bounds of the histogram of what children had at their peak.
pub const CHILD_BUCKETS_BYTES: [f64; 8] = [
    33_554_432.0,
    67_108_864.0,
    100_663_296.0,
    134_217_728.0,
    201_326_592.0,
    335_544_320.0,
    469_762_048.0,
    671_088_640.0,
];
/// What is read of a child at once.
pub const CHILD_READ_BYTES: usize = (64 * KIB) as usize;
/// Renditions that wait to be made; beyond that the answer is 503.
pub const FLIGHTS_WAITING_MAX: usize = 100;
/// A child that made nothing for so long is ended.
pub const CHILD_STALL_MS: u64 = 300_000;
/// How much longer a child has after it was told that its processor time is over.
pub const CHILD_CPU_GRACE_SECONDS: u64 = 5;
/// Descriptors that a child may have open.
pub const CHILD_FILES_MAX: u64 = 64;
/// Descriptors by which the server holds a child: its end, its output, its words, and where its input is served.
pub const CHILD_DESCRIPTORS: usize = 5;
/// Descriptors that caches and children hold at most beside [`OPEN_FILES_MAX`](super::OPEN_FILES_MAX): stored files, those of
/// folder origins, renditions with their checksums, two blocks of each file of an origin, two files of each copy, and what
/// each child is held by.
pub const DESCRIPTORS_CACHED: u64 = (OPEN_BLOBS_MAX
    + ORIGIN_FILES_OPEN_MAX
    + 2 * (RENDITIONS_OPEN_MAX + REMOTE_KNOWN_MAX + COPIES_MAX)
    + JOBS_MAX * (CHILD_DESCRIPTORS + SERVED_CONNECTIONS_MAX)) as u64;
/// By how much a child steps back behind the server when both want the processor.
pub const CHILD_NICE: i32 = 10;
/// How often the memory of a child is looked at: at first often, because short ones are over soon.
pub const CHILD_LOOK_MS_MIN: u64 = 10;
/// How often it is looked at later.
pub const CHILD_LOOK_MS: u64 = 250;
/// What is kept of one line that a child says.
pub const CHILD_LINE_BYTES_MAX: usize = KIB as usize;
/// What is read of a file in which the kernel tells about a child.
pub const CHILD_ABOUT_BYTES_MAX: usize = (4 * KIB) as usize;
/// Children that wait to be started; the next one waits to wait.
pub const CHILDREN_STARTING_MAX: usize = 16;
/// How long ffmpeg may take to say what it is.
pub const FFMPEG_ANSWER_MS: u64 = 30_000;
/// What is kept of that.
pub const FFMPEG_ANSWER_BYTES_MAX: usize = KIB as usize;
/// The largest source that is copied whole because a child cannot read it where it lies. `cache.bytes` may hold less.
pub const COPY_BYTES_MAX: u64 = 8 * 1_024 * MIB;
/// Copies that are fetched at the same time.
pub const COPIES_FETCHED_MAX: usize = 4;
/// Copies that are there or on their way.
pub const COPIES_MAX: usize = 64;
/// Connections over which one child reads a served source.
pub const SERVED_CONNECTIONS_MAX: usize = 4;
/// The head of a request of a child.
pub const SERVED_HEAD_BYTES_MAX: usize = (8 * KIB) as usize;
/// What is read of a served source at once.
pub const SERVED_READ_BYTES: usize = (64 * KIB) as usize;
/// What waits in a socket towards a child.
pub const SERVED_SEND_BYTES: usize = (64 * KIB) as usize;
/// What is kept of the words of a child, from the end.
pub const CHILD_WORDS_BYTES_MAX: usize = (8 * KIB) as usize;
/// Pixels of one frame of a source; a larger one is refused before anything is allocated for it.
pub const SOURCE_PIXELS_MAX: u64 = 40_000_000;
/// Streams in a source beyond which it is refused.
pub const SOURCE_STREAMS_MAX: usize = 32;

// --- answers ----------------------------------------------------------------------------------------------

/// What is made within so long is given whole, with a length and ranges; after that it is given as it comes…
pub const RENDITION_PATIENCE_MS: u64 = 1_000;
/// …and at once when there are more milliseconds of it than this, which are not made in that time.
pub const RENDITION_SHORT_MS: u64 = 5_000;
/// How long whoever wants a part of something waits for the whole of it, while it is made; after that he gets its bytes as they
/// come, from the first on.
pub const RENDITION_PART_WAIT_MS: u64 = 4_000;
/// How long a request waits that can only be answered with the whole; after that it is told to come back.
pub const RENDITION_WAIT_MS: u64 = 60_000;
/// When it is told to.
pub const RENDITION_RETRY_SECONDS: u64 = 10;
/// Files of folder origins that stay open.
pub const ORIGIN_FILES_OPEN_MAX: usize = 256;

// --- renditions on disk -----------------------------------------------------------------------------------

/// How long what an origin gave is fresh.
pub const ORIGIN_OK_MS: u64 = 24 * 3_600_000;
/// How long an origin's redirect is followed without asking again.
pub const ORIGIN_REDIRECT_MS: u64 = 300_000;
/// How long it is remembered that an origin has something not.
pub const ORIGIN_CLIENT_ERROR_MS: u64 = 60_000;
/// How long it is remembered that an origin failed.
pub const ORIGIN_SERVER_ERROR_MS: u64 = 10_000;
/// What renditions may take of the disk in bytes, those in the making included. Key: `cache.bytes`.
pub const RENDITIONS_BYTES_MAX: u64 = 10 * 1_024 * MIB;
/// Renditions leave so many times free of the disk what uploads leave, so that they never are why an upload is refused.
pub const RENDITIONS_FREE_SHARE: u64 = 2;
/// What they may take all the same, while the disk has it.
pub const RENDITIONS_BYTES_MIN: u64 = 256 * MIB;

// --- plans ------------------------------------------------------------------------------------------------

/// First bytes of a source that tell its demuxer.
pub const DEMUXER_HEAD_BYTES: usize = 4 * 1_024;
/// The longest print of ffprobe that is read.
pub const PROBE_JSON_BYTES_MAX: usize = (64 * KIB) as usize;
/// Pixels of one frame of a rendition: the largest frame that a level of H.264 has (6.2).
pub const RENDITION_PIXELS_MAX: u64 = 139_264 * 256;
/// Pixels of a whole spritesheet.
pub const SHEET_PIXELS_MAX: u64 = 40_000_000;
/// The longest edge of a JPEG (ITU-T T.81 section B.2.2).
pub const JPEG_EDGE_PIXELS_MAX: u64 = 65_500;
/// Frames in a second of a rendition when nothing was asked; a source with more is thinned.
pub const FPS_UNASKED_MAX: u32 = 60;
/// How much of a video a fragment holds while it is made, so that the first one is there soon.
pub const FRAGMENT_MS: u64 = 250;
/// How much of sound alone a fragment holds; it is made many times faster than it is heard.
pub const SOUND_FRAGMENT_MS: u64 = 1_000;
/// How long a segment of HLS is, to the next whole picture or frame of sound.
pub const SEGMENT_MS: u64 = 4_000;
/// What segments of HLS may take at their peak, to the bitrate that their encoder keeps: the buffer of each is a second, of which
/// nine tenths are full when it begins, and RFC 8216 counts over two seconds and more.
pub const HLS_PEAK_PERCENT: u64 = 145;
/// What stands before the first fragment of a segment.
pub const FRONT_BYTES_MAX: usize = (64 * KIB) as usize;
/// What is written of a playlist at once.
pub const PLAYLIST_PIECE_BYTES: usize = (8 * KIB) as usize;
/// From one whole picture of a video to the next, at most.
pub const KEYFRAME_MS: u64 = 4_000;
/// Pictures of a spritesheet that lie so far from each other are taken from keyframes alone.
pub const SPRITE_KEYFRAMES_MS: u64 = 4_000;
/// What a file on disk is rounded up to, as file systems give room in blocks.
pub const DISK_BLOCK_BYTES: u64 = 4 * KIB;
/// Renditions that are kept at most, however small they are, so that their index stays small. Fewer when
/// `memory.limit` has no room for so long an index.
pub const RENDITIONS_KEPT_MAX: usize = 100_000;
/// Renditions for which there is always room in the index.
pub const RENDITIONS_KEPT_MIN: usize = 1_000;
/// What one entry of the index takes of memory at most, with what is remembered of those that were evicted: 53 bytes
/// when all are there, and nearly twice that when a table was just doubled.
pub const RENDITION_INDEX_BYTES: u64 = 96;
/// What a rendition that begins is promised of what all may take: one part of so many. What a plan expects is a guess, and
/// nobody is put out for more of it.
pub const RENDITION_FIRST_SHARE: u64 = 8;
/// Room on the disk is asked for in steps of so many bytes when a rendition becomes longer than was thought.
pub const RENDITION_GROW_BYTES: u64 = 8 * MIB;
/// Renditions that stay open, and whose checked blocks stay known, when nobody reads them.
pub const RENDITIONS_OPEN_MAX: usize = 256;
/// How long one stays open when nobody asks for it.
pub const RENDITION_OPEN_MS: u64 = 60_000;
/// Tags of one rendition.
pub const RENDITION_TAGS_MAX: usize = 32;
/// The longest tag, media type, mode or name of an origin, in bytes.
pub const RENDITION_WORD_BYTES_MAX: usize = 256;
/// The longest path of a source, in bytes.
pub const RENDITION_PATH_BYTES_MAX: usize = 2_048;
/// Rows of the cache's database that are read or changed at once.
pub const CACHE_PAGE_ROWS_MAX: usize = 500;
/// Pages that one connection to the cache's database keeps in memory.
pub const CACHE_DATABASE_BYTES: u64 = 512 * KIB;
/// Connections that read the cache's database at the same time; one more writes.
pub const CACHE_READERS_MAX: u32 = 2;
/// How often the cache does what can wait: it writes down what was used, and removes what is too old.
pub const CACHE_TIDY_MS: u64 = 30_000;
/// Uses that wait to be written down; further ones are forgotten, and cost a rendition its place in the line at most.
pub const CACHE_USES_WAITING_MAX: usize = 4_096;
/// Purges that are remembered for renditions that were in the making then.
pub const CACHE_PURGES_KEPT_MAX: usize = 256;
/// How often it is looked whether another process asks for a purge.
pub const PURGE_WATCH_MS: u64 = 500;
/// How long a process waits for the purge that it asked for; nobody does it later.
pub const PURGE_ASKED_MS: u64 = 120_000;
/// Tags, paths, keys and origins in one purge.
pub const PURGE_NAMES_MAX: usize = 100;
/// Tags that an origin may give to its renditions.
pub const ORIGIN_TAGS_MAX: usize = 16;
/// Jobs whose address and end are remembered, so that whoever asks learns of them.
pub const JOBS_KEPT_MAX: usize = 256;
/// How long they are remembered.
pub const JOBS_KEPT_MS: u64 = 3_600_000;
/// The longest address that is remembered of a job, in bytes; of a longer one nothing is.
pub const JOB_ADDRESS_BYTES_MAX: usize = (2 * KIB) as usize;
/// Connections over which jobs are watched…
pub const JOB_WATCHERS_MAX: usize = 1_000;
/// …and of one address.
pub const JOB_WATCHERS_PER_ADDRESS_MAX: usize = 16;
/// Paths whose version is remembered.
pub const CACHE_VERSIONS_MAX: usize = 100_000;
/// Failures that are remembered, so that what cannot be made is not tried again and again.
pub const FAILURES_KEPT_MAX: usize = 10_000;
/// How long what was made is fresh. Its source's validator is part of its key, so that nothing old is ever found under
/// a new one; after this time the source must be looked at again. Sources of a list say it themselves, in `ttl`.
pub const FRESH_OK_MS: u64 = 86_400_000;
/// How long an origin's redirect is fresh.
pub const FRESH_REDIRECT_MS: u64 = 300_000;
/// How long an origin's refusal is fresh, and how long a failed job is not tried again.
pub const FRESH_CLIENT_ERROR_MS: u64 = 60_000;
/// How long an origin's failure is fresh.
pub const FRESH_SERVER_ERROR_MS: u64 = 10_000;
/// How long it is remembered that bytes are nothing that can be changed: they will not get better.
pub const FRESH_UNSUPPORTED_MS: u64 = 3_600_000;
/// How long what is no longer fresh may be given while it is made anew.
pub const STALE_MS: u64 = 86_400_000;
/// Bitrates among which one list of HLS lets a player choose, where it names them.
pub const HLS_CHOICES_MAX: usize = 12;
/// The least that the sound of a video has in HLS, in kbit/s, however little its listener may have.
pub const HLS_SOUND_KBPS_MIN: u64 = 32;
/// Files of captions beside one video among which somebody may choose.
pub const CAPTIONS_BESIDE_MAX: usize = 64;
/// The largest file of captions beside a video that is read.
pub const CAPTIONS_BYTES_MAX: u64 = 512 * KIB;
/// What that takes while it is read, decoded and written anew.
pub const CAPTIONS_NEED_BYTES: u64 = 6 * CAPTIONS_BYTES_MAX;
/// Lines of them that are read.
pub const CAPTIONS_LINES_MAX: usize = 32_768;
