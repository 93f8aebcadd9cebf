//! What the routes need of whoever takes songs apart.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use catalog::{Job, JobId, JobPriority, StemFile, StemSet, StemsWish, TrackId, UserId};
use store::Source;
use tokio::sync::watch;

/// What takes songs apart: jobs in, stems out.
///
/// Whom a job concerns the routes know: here every job is shown to whoever has its id.
#[async_trait]
pub trait Splitter: Send + Sync + 'static {
    /// Begins to take in a song of this name that a user, or a stranger, sends for this alone, of so many bytes at most as far
    /// as he says.
    ///
    /// # Errors
    /// [`SplitErrorKind::Full`], [`SplitErrorKind::Busy`].
    async fn begin_song(
        &self,
        owner: Option<UserId>,
        name: &str,
        bytes: Option<u64>,
    ) -> Result<Box<dyn Taking>, SplitError>;

    /// Puts a track in line. The same wish of the same owner that waits or runs already is given again, and stems that are
    /// there are a job that is done.
    ///
    /// # Errors
    /// [`SplitErrorKind::NoModel`], [`SplitErrorKind::NeverFits`], [`SplitErrorKind::TooMany`], [`SplitErrorKind::Busy`],
    /// [`SplitErrorKind::NotFound`] for a track whose file is not there.
    async fn submit(&self, track: TrackId, asked: Submit) -> Result<Job, SplitError>;

    /// One job.
    ///
    /// # Errors
    /// [`SplitErrorKind::NotFound`] also when it was long ago.
    async fn job(&self, id: JobId) -> Result<Job, SplitError>;

    /// The job as it is now, and on every change until its end.
    ///
    /// # Errors
    /// As [`Splitter::job`].
    async fn follow(&self, id: JobId) -> Result<watch::Receiver<Job>, SplitError>;

    /// Ends a job, and returns when nobody works for it any more. One that ended stays what it is.
    ///
    /// # Errors
    /// As [`Splitter::job`].
    async fn cancel(&self, id: JobId) -> Result<Job, SplitError>;

    /// What a job made.
    ///
    /// # Errors
    /// [`SplitErrorKind::NotFound`] when it is not done, or when its files went.
    async fn set_of(&self, job: JobId) -> Result<StemSet, SplitError>;

    /// The sets of a track, of the bytes that it has now, the newest first.
    ///
    /// # Errors
    /// Of the database.
    async fn stems_of(&self, track: TrackId) -> Result<Vec<StemSet>, SplitError>;

    /// A file of a set, open.
    ///
    /// # Errors
    /// [`SplitErrorKind::NotFound`] when it went: its set has gone with it.
    async fn open(&self, file: &StemFile) -> Result<Source, SplitError>;

    /// The workers that are there now, and what each holds.
    fn models(&self) -> Vec<LoadedModel>;

    /// Ends workers that wait for work, with the models that they hold.
    ///
    /// # Errors
    /// [`SplitErrorKind::Broken`] when one does not end.
    async fn clear_models(&self) -> Result<Cleared, SplitError>;
}

/// A song on its way in. Dropped before its end, it was never there.
#[async_trait]
pub trait Taking: Send {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`SplitErrorKind::TooLarge`], [`SplitErrorKind::Full`].
    async fn write(&mut self, piece: Bytes) -> Result<(), SplitError>;

    /// These were all.
    ///
    /// # Errors
    /// [`SplitErrorKind::Empty`]; of the disk.
    async fn end(self: Box<Self>) -> Result<Box<dyn SentSong>, SplitError>;
}

/// A song that was sent, whole. While this is there nothing puts it out of the cache; dropped without a job, it goes.
#[async_trait]
pub trait SentSong: Send + Sync {
    /// Puts it in line. From then on its job holds it, and it goes when that has ended.
    ///
    /// # Errors
    /// As [`Splitter::submit`]; the song is gone then.
    async fn submit(self: Box<Self>, asked: Submit) -> Result<Job, SplitError>;
}

/// How something is to be taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submit {
    /// Who wants it; nobody where strangers may.
    pub owner: Option<UserId>,
    /// What.
    pub wish: StemsWish,
    /// How soon.
    pub priority: JobPriority,
}

/// A worker with what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadedModel {
    /// What it takes songs apart with.
    pub engine: &'static str,
    /// The model, of an engine that has some.
    pub model: Option<&'static str>,
    /// What is reserved for it, in bytes.
    pub bytes: u64,
    /// Whether it works for a job.
    pub is_busy: bool,
    /// Since when it works, or waits.
    pub since: Instant,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// How many workers ended.
    pub workers: usize,
    /// How many bytes they had reserved.
    pub bytes: u64,
}

/// Why it cannot be had.
#[derive(Clone, Debug)]
pub struct SplitError {
    /// What kind of failure it is.
    pub kind: SplitErrorKind,
    /// What whoever asked may read.
    pub said: String,
}

/// What kind of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitErrorKind {
    /// There is no such job, or no such file any more.
    NotFound,
    /// There is nothing in the song.
    Empty,
    /// The song has more bytes than are taken.
    TooLarge,
    /// What was wished needs a model that is not here, or cannot be had otherwise.
    NoModel,
    /// It needs more memory than there will ever be.
    NeverFits,
    /// Whoever asks has as much in line as he may.
    TooMany {
        /// When to ask again.
        retry_after: Duration,
    },
    /// There is as much in line as there may be.
    Busy {
        /// When to ask again.
        retry_after: Duration,
    },
    /// The disk has no room for it.
    Full,
    /// A fault of ours; the log has it.
    Broken,
}

impl SplitError {
    /// A failure with what whoever asked may read about it.
    pub fn new(kind: SplitErrorKind, said: impl Into<String>) -> SplitError {
        SplitError { kind, said: said.into() }
    }
}
