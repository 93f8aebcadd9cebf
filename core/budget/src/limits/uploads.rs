//! Limits of what comes in and is kept: uploads, the spool, blobs, the bucket and its cache.

use super::{KIB, MIB};

/// `limits.upload_bytes_max`: the largest upload.
pub const UPLOAD_BYTES_MAX: u64 = 1_536 * MIB;
/// `limits.image_bytes_max`: the largest picture.
pub const IMAGE_BYTES_MAX: u64 = 20 * MIB;
/// `limits.uploads_per_user`: open uploads of one user.
pub const UPLOADS_PER_USER_MAX: usize = 8;
/// `limits.upload_rate_bytes_min`: a request that sends less per second, measured over [`UPLOAD_RATE_WINDOW_MS`], ends.
pub const UPLOAD_RATE_BYTES_MIN: u64 = 256;
/// The time over which the speed of a request is measured; one that sends nothing for so long ends at any speed.
pub const UPLOAD_RATE_WINDOW_MS: u64 = 30_000;
/// `limits.upload_lifetime_ms`: how long an upload may lie unfinished after its last byte came.
pub const UPLOAD_LIFETIME_MS: u64 = 3 * 24 * 3_600_000;
/// `store.free_bytes_min`: uploads leave this much of the disk free.
pub const STORE_FREE_BYTES_MIN: u64 = 2 * 1024 * MIB;
/// `store.io_threads`: pieces of work with the disk of the data folder at the same time.
pub const IO_THREADS: usize = 8;
/// The most that may be configured.
pub const IO_THREADS_MAX: usize = 256;
/// `store.verified_ms`: a block of a stored file that was read and matched its checksum is trusted for this long.
pub const VERIFIED_MS: u64 = 600_000;
/// The least that may be configured: a reader must come to the bytes that it had checked.
pub const VERIFIED_MS_MIN: u64 = 1_000;
/// The bytes that one checksum of a stored file stands for.
pub const BLOB_BLOCK_BYTES: u64 = MIB;
/// The buffer through which a stored file is read to be checked…
pub const BLOB_CHECK_BYTES: usize = 64 * 1024;
/// …and how many of them are kept.
pub const BLOB_CHECKS_IDLE_MAX: usize = 8;
/// So much of a stored file is read to be checked before the disk thread is given to whoever waits for one.
pub const BLOB_CHECK_STEP_BYTES: u64 = 16 * MIB;
/// Stored files kept open for the next request, at most.
pub const OPEN_BLOBS_MAX: usize = 512;
/// Stored files found bad by a reader that wait to be looked at.
pub const BAD_BLOBS_WAITING_MAX: usize = 64;
/// An upload asks the system to begin writing to disk after so many bytes, and to forget those that are there: what
/// players use stays in memory, and the next sync has less to wait for.
pub const SPOOL_FLUSH_BYTES: u64 = 4 * MIB;
/// Bytes of an upload go past the page cache, from buffers at multiples of this to multiples of this in the file: the
/// largest that a disk asks for.
pub const SPOOL_PAGE_BYTES: usize = 4 * 1024;
/// A disk that takes less per second in this way is better served by the page cache, which gives it larger pieces.
pub const SPOOL_DIRECT_RATE_BYTES_MIN: u64 = 32 * MIB;
/// Checksums of whole blocks that an upload keeps in memory before it writes them beside its bytes.
pub const SPOOL_SUMS_WAITING_MAX: usize = 64;
/// The upper bounds of the histograms of work with a disk, in seconds.
pub const DISK_BUCKETS_SECONDS: [f64; 9] = [0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0, 64.0];
/// Open uploads of all users: each is an entry in memory.
pub const UPLOADS_OPEN_MAX: usize = 10_000;
/// The one buffer of a request that receives: what is written at once, and the unfinished page before it.
pub const UPLOAD_CHUNK_BYTES: usize = 160 * 1024 + SPOOL_PAGE_BYTES;
/// It is written when it has less room left than for this, a read of its connection.
pub const UPLOAD_READ_BYTES: usize = super::HEADER_BYTES_MAX;
/// What the permit of a request that receives stands for: its buffer, what the connection read ahead, hash states.
pub const UPLOAD_BYTES: u64 = (UPLOAD_CHUNK_BYTES + SPOOL_PAGE_BYTES) as u64 + 64 * KIB;
/// Spare buffers for requests that receive.
pub const UPLOAD_CHUNKS_IDLE_MAX: usize = 16;
/// While bytes come, they are synced to disk after so many of them…
pub const UPLOAD_SYNC_BYTES: u64 = 16 * MIB;
/// …or after so much time, whichever is sooner.
pub const UPLOAD_SYNC_MS: u64 = 1_000;
/// A body of which so many bytes came…
pub const RUSH_BYTES: usize = 4 * MIB as usize;
/// …within this time is taken in on a disk thread, which then reads, hashes and writes without waking others…
pub const RUSH_MS: u64 = 100;
/// …until it has waited for more than half of such a time.
pub const RUSH_WINDOW_MS: u64 = 50;
/// There it waits so long for the next bytes before it asks the runtime to wake it.
pub const RUSH_PATIENCE_MS: i64 = 5;
/// A new request for an upload waits so long for the earlier one to flush.
pub const UPLOAD_TAKE_OVER_MS: u64 = 1_000;
/// Room on the disk is reserved in steps of this size for an upload of unknown length.
pub const UPLOAD_STEP_BYTES: u64 = 64 * MIB;
/// First bytes of a file by which its format is told.
pub const SNIFF_BYTES: usize = 4 * 1024;
/// The longest metadata that is kept as it was sent.
pub const UPLOAD_METADATA_BYTES_MAX: usize = 4 * 1024;
/// The longest `Upload-Concat` that is kept as it was sent: the addresses of all parts.
pub const UPLOAD_CONCAT_BYTES_MAX: usize = 16 * 1024;
/// The longest name of an uploaded file that is kept, in bytes.
pub const UPLOAD_NAME_BYTES_MAX: usize = 200;
/// Tags, and featured artists, that one upload may name.
pub const UPLOAD_WORDS_MAX: usize = 32;
/// Parts that one upload may be joined of.
pub const UPLOAD_PARTS_MAX: usize = 64;
/// Files of uploads that stay open between requests…
pub const UPLOAD_PARKED_MAX: usize = 128;
/// …and for how long.
pub const UPLOAD_PARKED_MS: u64 = 30_000;
/// Uploads that are published at the same time.
pub const PUBLISHING_MAX: usize = 16;
/// Uploads that are synced, closed or cleared away at the same time because no request does it.
pub const UPLOAD_CHORES_MAX: usize = 64;
/// A publication that failed is tried again after this time, then after twice as long…
pub const PUBLISH_RETRY_MS: u64 = 500;
/// …and never later than this.
pub const PUBLISH_RETRY_MS_MAX: u64 = 60_000;
/// Uploads that ended of which a remote store is just told to forget what it has…
pub const ABANDONING_MAX: usize = 4;
/// …and that wait for it; of more the rest is found in the spool later.
pub const ABANDONED_WAITING_MAX: usize = 1_024;
/// Joins of parts that are remembered, so that a request that is sent again gets the same answer…
pub const JOINED_REMEMBERED_MAX: usize = 1_024;
/// …and for how long.
pub const JOINED_REMEMBERED_MS: u64 = 3_600_000;
/// How often it is looked whether an upload needs something done.
pub const UPLOAD_TEND_MS: u64 = 1_000;
/// At a stop, completions for senders are waited for this long; the next start goes on with the others.
pub const UPLOAD_STOP_MS: u64 = 5_000;
/// How often the completion of an upload is tried while its sender waits, when the same bytes are just being removed.
pub const PUBLISH_BUSY_TRIES: u32 = 5;
/// How often a user's space is counted before a length that was named is refused.
pub const QUOTA_TRIES: u32 = 3;
/// How often what is expired, doomed or without an owner is looked for.
pub const REAP_EVERY_MS: u64 = 3_600_000;
/// So often uploads that expired are ended: until then they count against their sender.
pub const EXPIRED_EVERY_MS: u64 = 60_000;
/// Rows that are looked at in one step of that.
pub const REAP_ROWS_MAX: usize = 100;
/// A spool file without a row is removed when it is older than this.
pub const SPOOL_ORPHAN_MS: u64 = 3_600_000;
/// A blob without a row is put in quarantine when it is older than this.
pub const BLOB_ORPHAN_MS: u64 = 24 * 3_600_000;
/// What was put in quarantine is removed after this time.
pub const QUARANTINE_MS: u64 = 30 * 24 * 3_600_000;
/// How long an upload that ended is remembered, so that its outcome can be asked for.
pub const UPLOAD_REMEMBERED_MS: u64 = 7 * 24 * 3_600_000;
/// Ended uploads of one user that are remembered, at most.
pub const UPLOADS_REMEMBERED_MAX: u32 = 1_000;
/// Removals that may fail before the rest of the doomed waits…
pub const REMOVAL_FAILURES_MAX: usize = 16;
/// …for this time, then for twice as long…
pub const REMOVAL_RETRY_MS: u64 = 15_000;
/// …and never longer than this.
pub const REMOVAL_RETRY_MS_MAX: u64 = 600_000;
/// The scrub reads stored bytes at this speed at most, taken over a whole file and the rest behind it…
pub const SCRUB_BYTES_PER_SECOND: u64 = 16 * MIB;
/// …rests for so long after each file, whatever its size…
pub const SCRUB_REST_MS: u64 = 1_000;
/// …and comes to none again before this time…
pub const SCRUB_AGAIN_MS: u64 = 30 * 24 * 3_600_000;
/// …or this one, when the store is far away: it looks after its bytes itself, and reading them costs.
pub const SCRUB_AGAIN_FAR_MS: u64 = 365 * 24 * 3_600_000;
/// How often it is looked whether there is something to scrub, and whether a reader found something bad.
pub const SCRUB_IDLE_MS: u64 = 60_000;
/// The size of the parts that an upload to S3 is sent in; a longer file has larger ones…
pub const S3_PART_BYTES: u64 = 16 * MIB;
/// …so that no file has more than this many, which is the protocol's own limit.
pub const S3_PARTS_MAX: u64 = 10_000;
/// Parts of one upload on their way to S3 at the same time…
pub const S3_PARTS_PER_UPLOAD_MAX: usize = 3;
/// …and of all uploads together.
pub const S3_PARTS_IN_FLIGHT_MAX: usize = 8;
/// Blocks on their way from S3 to readers at the same time.
pub const S3_FETCHES_MAX: usize = 16;
/// Blocks that are fetched ahead of readers at the same time.
pub const S3_FETCHES_AHEAD_MAX: usize = 4;
/// Threads on which readers wait for S3; they are of no use to anything else…
pub const S3_READERS_MAX: usize = 20;
/// …and end when nobody needed them for this time.
pub const S3_READER_IDLE_MS: u64 = 10_000;
/// Connections to S3 with a request on them; as many may be open without one.
pub const S3_CONNECTIONS_MAX: usize = 32;
/// A connection to S3 without a request is closed after this time; servers close theirs after a little longer.
pub const S3_IDLE_MS: u64 = 15_000;
/// A connection to S3 must be open within this time.
pub const S3_CONNECT_MS: u64 = 5_000;
/// A request to S3 on which nothing moves for so long has failed.
pub const S3_STALL_MS: u64 = 30_000;
/// What is read from a spool file, or from a connection to S3, at once.
pub const S3_BUFFER_BYTES: usize = 64 * 1024;
/// A request to S3 that failed is tried so many times more at once…
pub const S3_RETRIES_MAX: usize = 2;
/// …and not after this time.
pub const S3_RETRY_MS: u64 = 10_000;
/// Between the attempts to send what could not be sent there is a random time up to this, then up to twice as much…
pub const S3_BACKOFF_MS: u64 = 500;
/// …and never more than this.
pub const S3_BACKOFF_MS_MAX: u64 = 30_000;
/// How long a signed request for one part may be used.
pub const S3_SIGNED_MS: u64 = 3_600_000;
/// The largest sidecar that is read: the sums of a terabyte.
pub const S3_SIDECAR_BYTES_MAX: u64 = 9 * MIB;
/// Text of an answer that is read: an error, or a list of a thousand uploads in parts.
pub const S3_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// An upload in parts that was begun so long ago and not completed is aborted.
pub const S3_ABORT_MS: u64 = 7 * 24 * 3_600_000;
/// Objects of S3 that are known open, each with its sums and up to two open block files.
pub const S3_OPEN_MAX: usize = 256;
/// `store.cache_bytes`: blocks of S3 objects that are kept on the local disk.
pub const S3_CACHE_BYTES: u64 = 1024 * MIB;
/// The most blocks that are kept there, whatever the setting: what is known of them stays under 4 MiB of memory.
pub const S3_CACHE_BLOCKS_MAX: usize = 32 * 1024;
/// Fields of one form that brings a file.
pub const FORM_FIELDS_MAX: usize = 64;
/// Bytes of such a form that are read while its parser finds nothing: the head of a part, and what a connection gives at
/// once.
pub const FORM_HEAD_BYTES_MAX: u64 = 128 * KIB;
/// Streams of events about uploads at once…
pub const WATCHERS_MAX: usize = 1_000;
/// …and of one user.
pub const WATCHERS_PER_USER_MAX: usize = 32;
/// Between two events about one upload there is at least this time…
pub const EVENT_GAP_MS: u64 = 250;
/// …and at most this one, after which a line without meaning is sent.
pub const EVENT_HEARTBEAT_MS: u64 = 15_000;
/// Somebody who follows all that happens is told of it once in this time…
pub const LIVE_EVENT_MS: u64 = 1_000;
/// Counts of changes to playlists, among which users are divided: whoever shares one with others looks again after theirs.
pub const PLAYLIST_NEWS_COUNTS: usize = 64;
/// …is told of what other programs wrote, such as `millpond user`, once in this time, because the server does not hear of it…
pub const LIVE_ANEW_MS: u64 = 60_000;
/// …and hears of so many streams, uploads and jobs that go on at most, each…
pub const LIVE_ROWS_MAX: usize = 50;
/// …and of those that have ended among so many of his newest uploads and jobs, each…
pub const LIVE_ENDED_ROWS_MAX: usize = 16;
/// …in a text that is made within so much memory.
pub const LIVE_EVENT_BYTES: u64 = 128 * KIB;
/// Uploads or jobs under way that are listed at once.
pub const UNDER_WAY_ROWS_MAX: usize = 100;
/// The upper bounds of the histogram of how long uploads take from their first byte to their end, in seconds.
pub const UPLOAD_DURATION_BUCKETS_SECONDS: [f64; 9] =
    [0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1_800.0, 10_800.0, 86_400.0];
/// The upper bounds of the histogram of uploaded bytes.
pub const UPLOAD_SIZE_BUCKETS_BYTES: [f64; 7] =
    [65_536.0, 1_048_576.0, 8_388_608.0, 33_554_432.0, 134_217_728.0, 536_870_912.0, 2_147_483_648.0];
/// The upper bounds of the histograms of syncs and publications, in seconds.
pub const UPLOAD_STEP_BUCKETS_SECONDS: [f64; 9] = [0.001, 0.004, 0.016, 0.064, 0.25, 1.0, 4.0, 16.0, 64.0];
