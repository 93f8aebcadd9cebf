//! Podcasts: channels, which are feeds that the server follows, and their episodes.

use std::fmt;
use std::str::FromStr;

use super::{BadId, ChannelId, EpisodeId, TrackId, UnixMs, UploadId, UserId};

/// A feed that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// Which.
    pub id: ChannelId,
    /// Where its feed is.
    pub url: String,
    /// Who asked for it, if he is still there.
    pub owner: Option<UserId>,
    /// What the feed says about itself; empty before it was read.
    pub about: ChannelText,
    /// Why it could not be read the last time.
    pub failure: Option<String>,
    /// When it was read last.
    pub checked: Option<UnixMs>,
}

/// What a feed says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelText {
    /// Its name.
    pub title: String,
    /// Who makes it.
    pub author: String,
    /// What it is about.
    pub description: String,
    /// Its picture, which clients are told of.
    pub image_url: Option<String>,
}

/// How far an episode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EpisodeStatus {
    /// Known, and wanted by nobody yet.
    Skipped,
    /// Wanted; it waits for its turn.
    New,
    /// On its way.
    Downloading,
    /// It can be played.
    Completed,
    /// It could not be fetched; the row says why.
    Error,
    /// It was there, and was removed.
    Deleted,
}

impl EpisodeStatus {
    /// All of them.
    pub const ALL: [EpisodeStatus; 6] = [
        EpisodeStatus::Skipped,
        EpisodeStatus::New,
        EpisodeStatus::Downloading,
        EpisodeStatus::Completed,
        EpisodeStatus::Error,
        EpisodeStatus::Deleted,
    ];

    /// The word that tables and answers have for it.
    pub fn word(self) -> &'static str {
        match self {
            EpisodeStatus::Skipped => "skipped",
            EpisodeStatus::New => "new",
            EpisodeStatus::Downloading => "downloading",
            EpisodeStatus::Completed => "completed",
            EpisodeStatus::Error => "error",
            EpisodeStatus::Deleted => "deleted",
        }
    }
}

impl fmt::Display for EpisodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EpisodeStatus {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        EpisodeStatus::ALL.into_iter().find(|status| status.word() == text).ok_or(BadId)
    }
}

/// An episode as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Which.
    pub id: EpisodeId,
    /// Whose.
    pub channel: ChannelId,
    /// The channel's name.
    pub channel_title: String,
    /// Who makes the channel.
    pub author: String,
    /// What the feed says of it.
    pub about: EpisodeText,
    /// How far it is.
    pub status: EpisodeStatus,
    /// Why it could not be fetched.
    pub failure: Option<String>,
    /// What it became, if the viewer sees that.
    pub track: Option<EpisodeTrack>,
}

/// What a feed says of an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeText {
    /// What the feed calls it, so that it is known again; the address of its sound where the feed has no name for it.
    pub guid: String,
    /// Its name.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Where its sound is.
    pub url: String,
    /// The media type, as the feed has it.
    pub content_type: String,
    /// Its length in bytes, as the feed has it.
    pub length_bytes: Option<u64>,
    /// Its length in time, likewise.
    pub duration_ms: Option<u64>,
    /// When it was published, if the feed says so; what the catalog gives has always a moment, else that at which the
    /// episode was first seen.
    pub published: Option<UnixMs>,
}

/// What lists show of the track that an episode became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EpisodeTrack {
    /// Which.
    pub id: TrackId,
    /// Length in bytes.
    pub size_bytes: u64,
    /// Length in time.
    pub duration_ms: u64,
    /// Bits per second, in thousands.
    pub bitrate_kbps: u32,
    /// The file's extension.
    pub suffix: String,
    /// The media type by content.
    pub content_type: &'static str,
    /// The name that the library has for the file.
    pub path: String,
    /// Whether a cover can be asked for.
    pub has_cover: bool,
    /// Since when it is there.
    pub created: UnixMs,
}

/// What a server called the state of a feed that was read, to be asked whether there is another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedState {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its `Last-Modified`.
    pub last_modified: Option<String>,
}

/// A feed that is to be read now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueChannel {
    /// Which.
    pub id: ChannelId,
    /// Where.
    pub url: String,
    /// As it was read last.
    pub state: FeedState,
    /// How often in a row it could not be read.
    pub failures: u32,
}

/// What came of reading a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeedRead {
    /// It was read to its end. Its episodes were written down before.
    Whole {
        /// What it says about itself.
        about: ChannelText,
        /// What its server called this state.
        state: FeedState,
        /// So many of its newest episodes are wanted without anybody asking, for the channel's owner.
        wanted_newest: usize,
    },
    /// It is as it was.
    Unchanged,
    /// It could not be read, and why.
    Failed(String),
}

/// The right to say what became of an episode. Who removes an episode, or wants it anew, makes an earlier one worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EpisodeClaim {
    /// Which episode.
    pub id: EpisodeId,
    /// Until when nobody else takes it up; the claim's identity, too.
    pub until: UnixMs,
}

/// An episode that is to be fetched now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedEpisode {
    /// Which, and for how long it is this try's.
    pub claim: EpisodeClaim,
    /// Where its sound is.
    pub url: String,
    /// Its name.
    pub title: String,
    /// The channel's name.
    pub channel_title: String,
    /// Who makes the channel.
    pub author: String,
    /// For whom; nobody when he is gone.
    pub wanted_by: Option<UserId>,
    /// How often it broke off in a row and nothing had come.
    pub tries: u32,
    /// The upload that takes it in, if it was begun.
    pub upload: Option<UploadId>,
    /// What the server called the bytes that it began with.
    pub validator: Option<String>,
}

/// What came of fetching an episode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EpisodeFetched {
    /// It is this track.
    Completed(TrackId),
    /// It cannot be had, and why.
    Failed(String),
    /// It broke off.
    Later {
        /// How often in a row nothing came.
        tries: u32,
        /// When it is gone on with.
        due: UnixMs,
        /// Why.
        why: String,
    },
}
