//! The nouns of what people send: blobs, uploads, and what they asked for.

use std::fmt;
use std::str::FromStr;

use store::{BlobId, BlobKey, FolderId, SpoolId, Suffix};

use super::{BadId, TrackId, UnixMs, UserId, Visibility};

/// The library of everything that was sent. It has no folder, and no scan comes by it.
pub const UPLOADS: FolderId = FolderId(0);

/// What kind of media bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// Sound without pictures.
    Audio,
    /// Moving pictures, with or without sound.
    Video,
    /// One picture.
    Image,
}

impl MediaKind {
    /// The kind that a media type names; anything that is neither a picture nor a video is sound.
    pub fn of(content_type: &str) -> Self {
        match content_type.split_once('/') {
            Some(("image", _)) => MediaKind::Image,
            Some(("video", _)) => MediaKind::Video,
            _ => MediaKind::Audio,
        }
    }
}

/// Bytes that the store keeps, under their hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRow {
    /// The SHA-256 of the bytes.
    pub id: BlobId,
    /// Where the store has them; `None` until they are there.
    pub key: Option<BlobKey>,
    /// How many there are.
    pub length: u64,
    /// Of the name under which they are saved.
    pub suffix: Suffix,
    /// By content.
    pub content_type: &'static str,
    /// By content too.
    pub kind: MediaKind,
    /// When they came first.
    pub created: UnixMs,
    /// Whether the store lost them: a scrub found them rotten or gone. The same bytes, sent again, make it good.
    pub bad: bool,
}

/// Bytes that nobody refers to any more, and that the store is to be rid of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoomedBlob {
    /// Where the store has them.
    pub key: BlobKey,
    /// Since when; it grows when a removal fails.
    pub doomed: UnixMs,
    /// Whether a row told of them once. What the store listed and no row ever knew is not removed, but put aside.
    pub is_known: bool,
}

/// The id of an upload: the name of its spool file, 32 hex digits that nobody can guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UploadId(pub SpoolId);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        text.parse().map(UploadId).map_err(|_| BadId)
    }
}

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Bytes come in, or may.
    Receiving,
    /// All bytes are there and are looked at.
    Checking,
    /// They are what they should be; the store is to keep them.
    Publishing,
    /// Kept, and in the library.
    Ready,
    /// It cannot become ready; the row says why.
    Failed,
    /// Its sender gave it up.
    Cancelled,
    /// Nothing came for too long.
    Expired,
}

impl Phase {
    /// All of them, in the order of an upload's life.
    pub const ALL: [Phase; 7] = [
        Phase::Receiving,
        Phase::Checking,
        Phase::Publishing,
        Phase::Ready,
        Phase::Failed,
        Phase::Cancelled,
        Phase::Expired,
    ];

    /// The word that tables, answers and logs have for it.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Receiving => "receiving",
            Phase::Checking => "checking",
            Phase::Publishing => "publishing",
            Phase::Ready => "ready",
            Phase::Failed => "failed",
            Phase::Cancelled => "cancelled",
            Phase::Expired => "expired",
        }
    }

    /// Whether nothing follows.
    pub fn is_end(self) -> bool {
        matches!(self, Phase::Ready | Phase::Failed | Phase::Cancelled | Phase::Expired)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Phase {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Phase::ALL.into_iter().find(|phase| phase.word() == text).ok_or(BadId)
    }
}

/// What a sender said about a file. Texts are kept as they were sent, within the limits of [`budget::limits`]; what
/// becomes of them in the library is cleaned there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// What the file was called; may be empty, and may be anything.
    pub filename: String,
    /// The title; otherwise the tag's, otherwise the file's name.
    pub title: Option<String>,
    /// The artist; otherwise the tag's.
    pub artist: Option<String>,
    /// The album; otherwise the tag's.
    pub album: Option<String>,
    /// Who else plays on it, as it was sent.
    pub features: Option<String>,
    /// Genres, before those of the file.
    pub tags: Vec<String>,
    /// What the bytes are to hash to.
    pub sha256: Option<BlobId>,
    /// A picture that the same user sent before, as the cover.
    pub image: Option<BlobId>,
}

/// An upload as the table has it. How many bytes are there is the spool's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadRow {
    /// Which.
    pub id: UploadId,
    /// Whose.
    pub owner: UserId,
    /// How far.
    pub phase: Phase,
    /// Whether it is to be joined with others and is no file by itself.
    pub is_part: bool,
    /// How many bytes it will have, once that is known.
    pub length: Option<u64>,
    /// `Upload-Metadata` as it was sent, for the answer that repeats it.
    pub metadata: String,
    /// What the sender wants.
    pub ask: Asked,
    /// Since when.
    pub created: UnixMs,
    /// When it goes if nothing more comes.
    pub expires: UnixMs,
    /// The bytes, once their hash is known. While it is under way this keeps them from going.
    pub blob: Option<BlobId>,
    /// The track that it became.
    pub track: Option<TrackId>,
    /// Why it failed, in words for its sender.
    pub failure: Option<String>,
    /// What kind of file it is, once its first bytes were seen.
    pub suffix: Option<Suffix>,
    /// The same as a media type.
    pub content_type: Option<&'static str>,
}

/// What changes of an upload; `None` leaves as is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UploadChange {
    /// How far it is now. [`Phase::Publishing`] and [`Phase::Ready`] come with the calls that do what they say; only a
    /// part becomes ready by this.
    pub phase: Option<Phase>,
    /// How many bytes it will have.
    pub length: Option<u64>,
    /// With a length that nobody knew before: what its owner's bytes may be with it; if they are more, nothing changes and
    /// the error is `Quota`.
    pub bytes_max: Option<u64>,
    /// When it goes if nothing more comes.
    pub expires: Option<UnixMs>,
    /// What its first bytes say: a media type of [`CONTENT_TYPES`](crate::scan::CONTENT_TYPES) or
    /// [`COVER_TYPES`](crate::scan::COVER_TYPES).
    pub media: Option<(Suffix, &'static str)>,
    /// Why it failed.
    pub failure: Option<String>,
    /// What the sender wants, as a whole: fields of a form may come behind the file.
    pub ask: Option<Asked>,
}

impl UploadChange {
    /// The change to a phase alone.
    pub fn to(phase: Phase) -> Self {
        UploadChange { phase: Some(phase), ..UploadChange::default() }
    }

    /// The change to [`Phase::Failed`], and why.
    pub fn failed(why: impl Into<String>) -> Self {
        UploadChange { failure: Some(why.into()), ..Self::to(Phase::Failed) }
    }
}

/// What [`Uploads::begin_blob`](crate::Uploads::begin_blob) found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The store does not have these bytes, or not yet: publish them.
    New,
    /// It has them, under this row's key: nothing is to be published, and the upload can be committed with that key.
    There(BlobRow),
}

/// What becomes of a track's picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageChange {
    /// Nothing.
    #[default]
    Keep,
    /// The picture that was set goes; the one of the file is shown again, if there is one.
    Drop,
    /// This one, which the viewer or the track's owner sent before.
    Set(BlobId),
}

/// What changes of a track; `None` leaves as is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackChange {
    /// 1 to 256 characters.
    pub title: Option<String>,
    /// 1 to 256 characters. Where the album's artist was the track's, it stays so.
    pub artist: Option<String>,
    /// 1 to 256 characters.
    pub album: Option<String>,
    /// The picture.
    pub image: ImageChange,
    /// Who sees it. Private needs an owner: the viewer becomes it if there is none.
    pub visibility: Option<Visibility>,
}

impl TrackChange {
    /// The change of the title alone.
    pub fn title(title: &str) -> Self {
        TrackChange { title: Some(title.to_owned()), ..TrackChange::default() }
    }

    /// The change of who sees it alone.
    pub fn visibility(visibility: Visibility) -> Self {
        TrackChange { visibility: Some(visibility), ..TrackChange::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_a_word_and_back() {
        for phase in Phase::ALL {
            assert_eq!(phase.word().parse(), Ok(phase));
        }
        assert_eq!("Ready".parse::<Phase>(), Err(BadId));
    }

    #[test]
    fn the_media_type_tells_the_kind() {
        let check = |text, expected| assert_eq!(MediaKind::of(text), expected, "{text}");
        check("audio/mpeg", MediaKind::Audio);
        check("video/webm", MediaKind::Video);
        check("image/gif", MediaKind::Image);
        check("application/octet-stream", MediaKind::Audio);
    }
}
