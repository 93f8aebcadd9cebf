//! Jobs: songs that are to be taken apart, from the wish to its end.

use std::fmt;
use std::str::FromStr;

use super::{BadId, TrackId, UnixMs, UserId};

/// The id of a job: 32 hex digits that nobody can guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub [u8; 16]);

/// Who works for jobs: one run of a server. What it claimed is nobody else's while its heart beats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerId(pub [u8; 16]);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl FromStr for JobId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).map_err(|_| BadId)?;
        bytes.try_into().map(JobId).map_err(|_| BadId)
    }
}

/// Words that tables and answers have for the members of an enum.
macro_rules! words {
    ($name:ident: $($member:ident $word:literal),+ $(,)?) => {
        impl $name {
            /// All of them.
            pub const ALL: [$name; [$($word),+].len()] = [$($name::$member),+];

            /// The word that tables and answers have for it.
            pub fn word(self) -> &'static str {
                match self {
                    $($name::$member => $word),+
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                $name::ALL.into_iter().find(|one| one.word() == text).ok_or(BadId)
            }
        }
    };
}
pub(super) use words;

/// How far a job is. The last three are ends, which no job leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// A worker is at it.
    Running,
    /// Its stems are there.
    Done,
    /// It cannot be done; the row says why.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}
words!(JobState: Queued "queued", Running "running", Done "done", Failed "failed", Cancelled "cancelled");

impl JobState {
    /// Whether it stays so for ever.
    pub fn is_end(self) -> bool {
        matches!(self, JobState::Done | JobState::Failed | JobState::Cancelled)
    }
}

/// Which jobs come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JobPriority {
    /// Somebody holds a connection open for it.
    Waited,
    /// Somebody asked for it.
    Asked,
    /// It was asked for with many others, or by somebody whom nobody knows.
    Beside,
}
words!(JobPriority: Waited "waited", Asked "asked", Beside "beside");

/// What is to be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobSource {
    /// A track of the catalog: a file of a library, or a blob.
    Track(TrackId),
    /// A song that was sent for this alone. It is kept with the renditions, and is no track.
    Blob {
        /// What the rendition cache has it under.
        key: [u8; 32],
        /// What its sender called it.
        name: String,
    },
}

/// How many stems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StemCount {
    /// Vocals and accompaniment.
    Two,
    /// Vocals, drums, bass, and the rest.
    Four,
    /// Vocals, drums, bass, piano, and the rest.
    Five,
}
words!(StemCount: Two "2", Four "4", Five "5");

impl StemCount {
    /// It as a number.
    pub fn number(self) -> usize {
        match self {
            StemCount::Two => 2,
            StemCount::Four => 4,
            StemCount::Five => 5,
        }
    }

    /// The count of that number, if there is one.
    pub fn of(number: i64) -> Option<Self> {
        StemCount::ALL.into_iter().find(|count| count.number() as i64 == number)
    }
}

/// How a song is taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EngineName {
    /// By what repeats and where it comes from; needs no model.
    Spectral,
    /// Deezer's networks.
    Spleeter,
    /// The hybrid transformer of Demucs.
    Htdemucs,
}
words!(EngineName: Spectral "spectral", Spleeter "spleeter", Htdemucs "htdemucs");

/// What masks say of what a network does not hear.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MaskExtension {
    /// The mean of what it does: stems sum to the mix.
    #[default]
    Average,
    /// Nothing, as Spleeter does by itself.
    Zeros,
}
words!(MaskExtension: Average "average", Zeros "zeros");

/// What stems are kept as: 44.1 kHz stereo, 16 bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StemFormat {
    /// PCM.
    Wav,
    /// The same in about half of the bytes.
    Flac,
}
words!(StemFormat: Wav "wav", Flac "flac");

/// What somebody wants of a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StemsWish {
    /// How many stems.
    pub count: StemCount,
    /// By which engine; the best one that is there otherwise.
    pub engine: Option<EngineName>,
    /// What masks say above the network's range.
    pub extension: MaskExtension,
    /// As what.
    pub format: StemFormat,
}

/// A job that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Its id, which nobody can guess.
    pub id: JobId,
    /// Whose it is; nobody's where strangers may ask.
    pub owner: Option<UserId>,
    /// Of what.
    pub source: JobSource,
    /// What.
    pub wish: StemsWish,
    /// When.
    pub priority: JobPriority,
}

/// How many jobs there may be that have not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobBounds {
    /// Of one owner; all of those without one count as one owner's.
    pub of_owner_max: u64,
    /// Of everybody.
    pub all_max: u64,
}

/// What became of a job that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobAdded {
    /// It waits for its turn.
    Queued,
    /// The same owner's same wish waits or runs already, as this job.
    Known(JobId),
    /// Its owner has as many as he may have.
    TooManyOfOwner,
    /// There are as many as there may be.
    TooMany,
}

/// A job as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Which.
    pub id: JobId,
    /// Whose.
    pub owner: Option<UserId>,
    /// Of what.
    pub source: JobSource,
    /// What.
    pub wish: StemsWish,
    /// How far.
    pub state: JobState,
    /// How soon.
    pub priority: JobPriority,
    /// Samples of one side, at 44.1 kHz, that every stem has.
    pub done: u64,
    /// How many there will be, as far as that is known. It may turn out wrong by a little.
    pub of: Option<u64>,
    /// How often a worker began with it.
    pub attempts: u32,
    /// When it was asked for.
    pub created: UnixMs,
    /// When a worker began with it last.
    pub started: Option<UnixMs>,
    /// When it ended.
    pub finished: Option<UnixMs>,
    /// Why it failed; of one that waits, why it was not done yet.
    pub error: Option<JobError>,
    /// By what it was done.
    pub engine: Option<String>,
    /// What else is to be said about how.
    pub notes: Vec<String>,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// In one line, for whoever asked for it.
    pub reason: String,
    /// Whose fault it is.
    pub fault: JobFault,
}

/// Whose fault it is that a job failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobFault {
    /// The song's: no other try would end otherwise.
    Song,
    /// What was wished cannot be had here: there is no such model.
    Wish,
    /// Nobody's: it needs more memory, or more of the disk, than it may ever have here.
    Room,
    /// The server's.
    Server,
}
words!(JobFault: Song "song", Wish "wish", Room "room", Server "server");

/// What becomes of a job whose worker could not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobRetry {
    /// It has failed.
    Never,
    /// It waits until then; unless it was begun with as often as it may be, and has failed.
    At(UnixMs),
}
