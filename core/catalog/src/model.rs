//! The nouns, as rows and as what is shown. Durations in milliseconds, sizes in bytes, times in Unix milliseconds.

use std::fmt;
use std::str::FromStr;

use store::{BlobId, BlobKey, FileId, FolderId, Place, RelPath};

mod cover;
mod details;
pub(crate) mod instrumentals;
mod jobs;
mod kept;
mod podcasts;
mod scrobbles;
mod sessions;
mod shares;
pub mod smart;
mod stems;
mod under_way;
mod uploads;
mod users;
mod videos;

pub use cover::{Cover, CoverMark};
pub use details::{
    Codec, Contributor, Credit, Date, DiscTitle, Encoded, Gain, Part, Parts, Release, Shorten, TrackDetails,
    UnknownPart,
};
pub use instrumentals::INSTRUMENTALS;
pub use jobs::{
    EngineName, Job, JobAdded, JobBounds, JobError, JobFault, JobId, JobPriority, JobRetry, JobSource,
    JobState, MaskExtension, NewJob, StemCount, StemFormat, StemsWish, WorkerId,
};
pub use kept::{Bookmark, PlayQueue, PlaylistChange, QueueToKeep, SongsChange, Station, StationText};
pub use podcasts::{
    Channel, ChannelText, DueChannel, Episode, EpisodeClaim, EpisodeFetched, EpisodeStatus, EpisodeText,
    EpisodeTrack, FeedRead, FeedState, WantedEpisode,
};
pub use scrobbles::{
    AccountKey, AccountState, Heard, Scrobble, ScrobbleId, Service, ServiceAccount, ServiceAccountId, Spoken,
};
pub use sessions::{SessionId, SessionRow};
pub use shares::{Ends, NewShare, SHARE_NONCE_BYTES, Share, ShareChange, ShareTotals};
pub use smart::{Rules, Wanted};
pub use stems::{MadeSet, StemFile, StemName, StemSet, StemSetId};
pub use under_way::{JobUnderWay, UploadUnderWay};
pub use uploads::{
    Asked, Begun, BlobRow, DoomedBlob, ImageChange, MediaKind, Phase, TrackChange, UPLOADS, UploadChange,
    UploadId, UploadRow,
};
pub use users::{LibrarySet, Rights, Role, User, UserChange};
pub use videos::{Caption, Look, MovingPicture, Sound, UnseenVideo, Video, VideoFacts};

/// A moment: milliseconds since 1970 in UTC.
pub type UnixMs = i64;

/// An id that faces may show: a letter pair for the kind and a number, as in `tr-17`. It exists only parsed.
macro_rules! id {
    ($name:ident, $prefix:literal, $what:literal) => {
        #[doc = concat!("The id of ", $what, ", shown as `", $prefix, "-17`.")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                number_after(text, concat!($prefix, "-")).map($name).ok_or(BadId)
            }
        }
    };
}

/// A text that is no id of the kind that was expected. Faces answer "not found".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadId;

impl fmt::Display for BadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an id")
    }
}

impl std::error::Error for BadId {}

/// Digits without a sign or leading zero, so that each thing has exactly one id.
fn number_after(text: &str, prefix: &str) -> Option<i64> {
    let digits = text.strip_prefix(prefix)?;
    let canonical =
        !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
    canonical.then(|| digits.parse().ok()).flatten()
}

id!(UserId, "us", "a user");
id!(TrackId, "tr", "a track");
id!(AlbumId, "al", "an album");
id!(ArtistId, "ar", "an artist");
id!(PlaylistId, "pl", "a playlist");
id!(StationId, "st", "a radio station");
id!(ChannelId, "pc", "a podcast");
id!(EpisodeId, "pe", "an episode of a podcast");
id!(ShareId, "sh", "a share");
id!(KeyId, "ak", "an API key");
id!(AppPasswordId, "ap", "an app password");

/// A library: one folder of media with a name, or [`UPLOADS`], which has no folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryRow {
    /// The folder's id in the store; libraries and folders are one to one.
    pub id: FolderId,
    /// What people call it; the folder's last name at first.
    pub name: String,
    /// The folder as the configuration names it; empty for [`UPLOADS`].
    pub root: String,
    /// Tracks that are there now.
    pub tracks: u64,
}

/// An API key or an app password as it is listed: never its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialRow<Id> {
    /// To revoke it by.
    pub id: Id,
    /// What its owner called it.
    pub label: String,
    /// Since when.
    pub created: UnixMs,
    /// The last day it was used, if ever.
    pub used: Option<UnixMs>,
}

/// Long lists by name, in which one jumps to a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lettered {
    /// Artists by name.
    Artists,
    /// Albums by name.
    AlbumsByName,
    /// Albums by the names of their artists.
    AlbumsByArtist,
}

/// Who sees a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// Everyone who sees its library.
    Library,
    /// Its owner alone; to others it does not exist.
    Private,
}

/// A track as lists show it: names of album and artists joined in, with the viewer's own play state.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Which.
    pub id: TrackId,
    /// The library.
    pub folder: FolderId,
    /// The file in the library. Of an upload, a name of its own that ends in what its file was called.
    pub path: RelPath,
    /// The hash of its bytes, if it was sent; files of library folders have none.
    pub digest: Option<BlobId>,
    /// Where the store keeps these bytes.
    pub blob: Option<BlobKey>,
    /// The picture that was set for it, by the hash of its bytes.
    pub image: Option<BlobId>,
    /// The title tag, else the file's name without extension.
    pub title: String,
    /// The album.
    pub album_id: AlbumId,
    /// Its name.
    pub album: String,
    /// The track's artist.
    pub artist_id: ArtistId,
    /// Its name as the tag has it.
    pub artist: String,
    /// The album's artist.
    pub album_artist_id: ArtistId,
    /// Its name.
    pub album_artist: String,
    /// Genres in the order of the tags.
    pub genres: Vec<String>,
    /// Number on the disc.
    pub track: Option<u32>,
    /// Number of the disc.
    pub disc: Option<u32>,
    /// Year of release.
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
    /// Length in bytes.
    pub size_bytes: u64,
    /// The file's extension in lower case.
    pub suffix: String,
    /// The media type by content.
    pub content_type: &'static str,
    /// Whether a cover can be asked for.
    pub has_cover: bool,
    /// Of the file that its picture lies in, or its own; of what was recorded by an old release there is none.
    pub cover_mark: Option<CoverMark>,
    /// Of its album's pictures, if somebody noted it.
    pub album_cover_mark: Option<CoverMark>,
    /// Who sees it.
    pub visibility: Visibility,
    /// Whose it is; `None` for files of library folders.
    pub owner: Option<UserId>,
    /// First seen.
    pub created: UnixMs,
    /// What else its tags tell.
    pub details: Encoded<TrackDetails>,
    /// Where the viewer's bookmark of it is, if he has one.
    pub bookmark_ms: Option<u64>,
    /// The viewer's own state.
    pub play: PlayState,
}

impl Track {
    /// Where its bytes are.
    pub fn place(&self) -> Place {
        if let Some(key) = instrumentals::key_in(self.folder, &self.path) {
            return Place::Rendition(key);
        }
        match &self.blob {
            Some(key) => Place::Blob(key.clone()),
            None => Place::File(self.folder, self.path.clone()),
        }
    }

    /// What people are told of where it lies: of what is in no folder, only what it is called.
    pub fn shown_path(&self) -> &str {
        match self.place() {
            Place::Rendition(_) => self.path.file_name(),
            Place::File(..) | Place::Blob(_) => self.path.as_str(),
        }
    }

    /// The short id of its bytes, if it was sent.
    pub fn file_id(&self) -> Option<FileId> {
        self.digest.map(|digest| digest.file_id())
    }
}

/// What one user did with one track, album or artist.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PlayState {
    /// When it was starred.
    pub starred: Option<UnixMs>,
    /// 1 to 5; 0 is none.
    pub rating: u8,
    /// How often it was scrobbled.
    pub plays: u64,
    /// When last.
    pub played: Option<UnixMs>,
}

/// An album with its totals over the tracks that the viewer sees.
///
/// What makes an album one is the release of MusicBrainz that its tracks name, else its first album artist and its name,
/// without regard to case, wherever the files lie: the discs of a box set in folders of their own, or in two libraries,
/// are one album. Only where no artist is known the folder counts too, because then the name is mostly the folder's. In
/// a list of one library, totals are over that library.
#[derive(Clone, Debug, PartialEq)]
pub struct Album {
    /// Which.
    pub id: AlbumId,
    /// Its name.
    pub name: String,
    /// Whose.
    pub artist_id: ArtistId,
    /// Their name.
    pub artist: String,
    /// Year of release.
    pub year: Option<u32>,
    /// The genres of one of its tracks, in the order of the tags.
    pub genres: Vec<String>,
    /// Tracks.
    pub tracks: u64,
    /// Length in time.
    pub duration_ms: u64,
    /// Whether a cover can be asked for.
    pub has_cover: bool,
    /// Of its pictures, if somebody noted it.
    pub cover_mark: Option<CoverMark>,
    /// First seen.
    pub created: UnixMs,
    /// What else the tags of its first track tell.
    pub release: Encoded<Release>,
    /// The moods of its tracks, each once, in the order in which they are played; at most [`ALBUM_MOODS_MAX`].
    ///
    /// [`ALBUM_MOODS_MAX`]: budget::limits::ALBUM_MOODS_MAX
    pub moods: Vec<String>,
    /// The viewer's own state.
    pub play: PlayState,
}

/// An artist with the number of albums that the viewer sees.
#[derive(Clone, Debug, PartialEq)]
pub struct Artist {
    /// Which.
    pub id: ArtistId,
    /// The name.
    pub name: String,
    /// The name to sort by: folded, leading articles moved away.
    pub sort_name: String,
    /// Albums on which this one has a part, whichever it is, that the viewer sees.
    pub albums: u64,
    /// These parts.
    pub parts: Parts,
    /// The artist in MusicBrainz.
    pub musicbrainz: Option<String>,
    /// Of the pictures of these albums, if somebody noted it.
    pub cover_mark: Option<CoverMark>,
    /// The viewer's own state.
    pub play: PlayState,
}

/// A genre and how much there is of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genre {
    /// The name as tagged first.
    pub name: String,
    /// Tracks.
    pub tracks: u64,
    /// Albums.
    pub albums: u64,
}

/// A playlist without its tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playlist {
    /// Which.
    pub id: PlaylistId,
    /// Its name.
    pub name: String,
    /// Whose.
    pub owner: UserId,
    /// Their name.
    pub owner_name: String,
    /// Whether everyone sees it.
    pub public: bool,
    /// What its owner says about it.
    pub comment: String,
    /// Tracks that the viewer sees.
    pub tracks: u64,
    /// Their length in time.
    pub duration_ms: u64,
    /// Made.
    pub created: UnixMs,
    /// Changed.
    pub changed: UnixMs,
    /// Whether its songs are found by rules, so that nobody can put one into it.
    pub is_smart: bool,
    /// Until when what its rules found just now passes for what they find.
    pub valid_until: Option<UnixMs>,
}

/// The orders in which albums are listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlbumOrder {
    /// First seen last.
    Newest,
    /// Best rated by the viewer.
    Highest,
    /// Most played by the viewer.
    Frequent,
    /// Last played by the viewer.
    Recent,
    /// By name.
    ByName,
    /// By artist, then year, then name.
    ByArtist,
    /// Starred by the viewer, last first.
    Starred,
    /// Released in these years; descending when the first is later.
    ByYear(u32, u32),
    /// With this genre.
    ByGenre(String),
}

/// A choice of tracks for a random list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RandomFilter {
    /// Only this genre.
    pub genre: Option<String>,
    /// Not before.
    pub from_year: Option<u32>,
    /// Not after.
    pub to_year: Option<u32>,
    /// Only this library.
    pub folder: Option<FolderId>,
}

impl RandomFilter {
    /// Whether it passes every track.
    #[must_use]
    pub fn is_all(&self) -> bool {
        let RandomFilter { genre, from_year, to_year, folder } = self;
        genre.is_none() && from_year.or(*to_year).is_none() && folder.is_none()
    }
}

/// Something that can be starred, rated and scrobbled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A track.
    Track(TrackId),
    /// An album.
    Album(AlbumId),
    /// An artist.
    Artist(ArtistId),
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Track(id) => id.fmt(f),
            Item::Album(id) => id.fmt(f),
            Item::Artist(id) => id.fmt(f),
        }
    }
}
