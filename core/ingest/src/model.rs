//! What is asked of an upload, and what is told about it.

use budget::limits;
use catalog::{Asked, Phase, TrackId, UnixMs, UploadId, UploadRow};
use store::BlobId;

/// What uploads may take. The defaults are those of [`budget::limits`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `limits.upload_bytes_max`: the largest upload, in bytes.
    pub upload_bytes_max: u64,
    /// `limits.image_bytes_max`: the largest picture, in bytes.
    pub image_bytes_max: u64,
    /// `limits.uploads_per_user`: open uploads of one user; 0 is no limit.
    pub uploads_per_user: usize,
    /// `limits.bytes_per_user`: what one user's blobs and open uploads may have together, in bytes; 0 is no limit.
    pub bytes_per_user: u64,
    /// `limits.upload_rate_bytes_min`: bytes per second that a request must send, measured over 30 s. Also with 0 there
    /// must be at least one byte in each 30 s.
    pub rate_bytes_min: u64,
    /// `limits.upload_lifetime_ms`: how long an upload is kept after its last bytes came, in milliseconds.
    pub lifetime_ms: u64,
    /// `store.free_bytes_min`: what uploads leave free on the disk, in bytes. It is told in answers; the
    /// [`Room`](store::Room) is what keeps it.
    pub free_bytes_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload_bytes_max: limits::UPLOAD_BYTES_MAX,
            image_bytes_max: limits::IMAGE_BYTES_MAX,
            uploads_per_user: limits::UPLOADS_PER_USER_MAX,
            bytes_per_user: 0,
            rate_bytes_min: limits::UPLOAD_RATE_BYTES_MIN,
            lifetime_ms: limits::UPLOAD_LIFETIME_MS,
            free_bytes_min: limits::STORE_FREE_BYTES_MIN,
        }
    }
}

/// What somebody wants to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// How many bytes there will be, if that is known.
    pub length: Option<u64>,
    /// Whether it is a part that will be joined with others: then it is no file by itself, and never becomes one.
    pub is_part: bool,
    /// The tus metadata as it was sent, to be repeated; empty otherwise.
    pub metadata: String,
    /// Names and wishes. They are cleaned here: [`name::file_name`](crate::name::file_name) and
    /// [`name::text`](crate::name::text).
    pub asked: Asked,
}

/// What became of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one at a time, and gone a moment later")]
pub enum Created {
    /// Bytes may come, until then.
    Open(UploadId, UnixMs),
    /// Nothing has to come: it is ready, or of a joined upload: on its way to be.
    Ready(UploadRow),
}

/// An upload and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The upload.
    pub row: UploadRow,
    /// Bytes that are synced to disk and never have to be sent again.
    pub offset: u64,
}

/// How far an upload under way is, for a list of many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Far {
    /// Bytes that are synced to disk.
    pub received_bytes: u64,
    /// Whether a request has it now.
    pub is_held: bool,
}

/// How far an upload is, for whoever watches. The last value stays when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Bytes that are synced to disk.
    pub received_bytes: u64,
    /// How many there will be, if that is known.
    pub length: Option<u64>,
    /// The track that it became.
    pub track: Option<TrackId>,
    /// The blob that it became, or is to become.
    pub blob: Option<BlobId>,
    /// Why it failed, in words for its sender.
    pub failure: Option<String>,
}

impl Progress {
    pub(crate) fn of(row: &UploadRow, received_bytes: u64) -> Progress {
        Progress {
            phase: row.phase,
            received_bytes,
            length: row.length,
            track: row.track,
            blob: row.blob,
            failure: row.failure.clone(),
        }
    }
}
