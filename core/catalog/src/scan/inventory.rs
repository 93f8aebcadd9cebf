//! What a scan needs of the database, and the words it speaks in.

use async_trait::async_trait;
use store::{FolderId, Part, RelPath, Stamp};

use super::details::Details;
use crate::error::Error;
use crate::model::{CoverMark, TrackId};

type Result<T> = std::result::Result<T, Error>;

/// A file that the catalog already has, as a scan compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its track.
    pub id: TrackId,
    /// Where it lies in its folder.
    pub path: RelPath,
    /// What the file looked like when its tags were read.
    pub stamp: Stamp,
    /// Whether the last scan did not see it.
    pub missing: bool,
    /// The picture file that is its cover, if one is.
    pub picture: Option<Picture>,
}

/// A picture file that is the cover of tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Where it lies: beside the tracks, or above the folder of their disc.
    pub path: RelPath,
    /// What it looked like when it was looked at; `None` when nobody noted it.
    pub mark: Option<CoverMark>,
}

/// A file that a scan read: new, or with other bytes than before.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where it lies in its folder.
    pub path: RelPath,
    /// What it looked like when its tags were read; its `length` is the track's size in bytes.
    pub stamp: Stamp,
    /// What was in it.
    pub tags: Tags,
}

/// Everything of a track that comes from its file. Every text is trimmed, free of control characters, not empty and at
/// most [`TAG_TEXT_CHARS_MAX`](budget::limits::TAG_TEXT_CHARS_MAX) characters long.
#[derive(Clone, Debug, PartialEq)]
pub struct Tags {
    /// The title tag, else the file's name without extension.
    pub title: String,
    /// The album tag, else the name of the file's folder, else `[Unknown Album]` for a file in the root.
    pub album: String,
    /// The artist tag, else `[Unknown Artist]`.
    pub artist: String,
    /// The album artist tag, else the artist.
    pub album_artist: String,
    /// Genres in the order of the tags, each once without regard to case; may be empty.
    pub genres: Vec<String>,
    /// Number on the disc; never 0.
    pub track: Option<u32>,
    /// How many tracks the disc has, as tagged; never 0.
    pub track_total: Option<u32>,
    /// Number of the disc; never 0.
    pub disc: Option<u32>,
    /// Year of release, 1 to 9999.
    pub year: Option<u32>,
    /// Length in time.
    pub duration_ms: u64,
    /// Bits per second, in thousands.
    pub bitrate_kbps: u32,
    /// Samples per second.
    pub sample_rate_hz: u32,
    /// Bits per sample, where the format has them.
    pub bit_depth: Option<u32>,
    /// Channels.
    pub channels: u32,
    /// The file's extension in lower case.
    pub suffix: String,
    /// The media type by content: one of [`CONTENT_TYPES`].
    pub content_type: &'static str,
    /// Where its picture lies: a file in its folder or in that of its album, or a slice of the file itself.
    pub cover: Option<FoundCover>,
    /// What else they tell.
    pub details: Details,
}

/// The media types that [`Tags::content_type`] may have, so that a database can turn its text back into a constant.
pub const CONTENT_TYPES: [&str; 14] = [
    "audio/mpeg",
    "audio/flac",
    "audio/ogg",
    "audio/mp4",
    "audio/wav",
    "audio/aiff",
    "audio/aac",
    "audio/x-wavpack",
    "audio/webm",
    "audio/x-matroska",
    "video/mp4",
    "video/quicktime",
    "video/webm",
    "video/x-matroska",
];

/// The media types that [`FoundCover::content_type`] may have.
pub const COVER_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/webp", "image/gif"];

/// Where a picture lies, in the library folder of the track it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCover {
    /// The picture's file, or the audio file that it is embedded in.
    pub path: RelPath,
    /// Where the picture's bytes start in that file.
    pub offset: u64,
    /// How many bytes it has; `None` is to the end of the file.
    pub count: Option<u64>,
    /// One of [`COVER_TYPES`], by content.
    pub content_type: &'static str,
    /// What the picture's file looked like; `None` for the audio file itself, whose stamp says it.
    pub mark: Option<CoverMark>,
}

/// What a scan asks of the database. Each call is one short read or one transaction.
#[async_trait]
pub trait Inventory: Send + Sync + 'static {
    /// At most `rows_max` known files of a part of a folder, missing ones too, by the bytes of their paths, behind
    /// `after`. There may be more unless there are none: a page of long paths is shorter.
    async fn known(
        &self,
        folder: FolderId,
        part: &Part,
        after: Option<&RelPath>,
        rows_max: usize,
    ) -> Result<Vec<Known>>;
    /// Begins a scan, of one folder or several: what it finds may be a track that was there before, at another place.
    async fn begin_scan(&self) -> Result<()>;
    /// Adds or replaces tracks by their paths, with album, artists, genres and search text, in one transaction. A
    /// recorded track is there: it is no longer missing.
    async fn record(&self, folder: FolderId, found: &[Found]) -> Result<()>;
    /// Says that these files were not there. Their tracks are hidden and keep their ids, stars and plays.
    async fn mark_missing(&self, folder: FolderId, ids: &[TrackId]) -> Result<()>;
    /// Says that these files, missing before, are there again with the bytes that are known.
    async fn mark_present(&self, folder: FolderId, ids: &[TrackId]) -> Result<()>;
    /// Ends a scan of a folder, when all of it is recorded and marked: a new track whose file is a missing one under
    /// another name becomes that track again, with its id, stars and plays, and the indexes of words are made quick to search.
    async fn follow_moves(&self, folder: FolderId) -> Result<()>;
}
