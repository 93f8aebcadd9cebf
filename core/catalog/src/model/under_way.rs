//! What goes on just now, in the few words that a list of it needs.

use super::{EngineName, JobId, JobState, Phase, StemCount, TrackId, UnixMs, UploadId, UserId};

/// An upload that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadUnderWay {
    /// Which.
    pub id: UploadId,
    /// Whose.
    pub owner: UserId,
    /// What its owner is called.
    pub owner_name: String,
    /// What its sender calls the file.
    pub filename: String,
    /// How far it is.
    pub phase: Phase,
    /// How many bytes there will be, if that is known.
    pub length: Option<u64>,
    /// When it was begun.
    pub created: UnixMs,
}

/// A job that has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobUnderWay {
    /// Which.
    pub id: JobId,
    /// Whose; nobody's where strangers may ask.
    pub owner: Option<UserId>,
    /// What its owner is called.
    pub owner_name: Option<String>,
    /// The title of the track, or the name of the file that was sent for it.
    pub what: String,
    /// The track, if it is of one.
    pub track: Option<TrackId>,
    /// Whether it waits or runs.
    pub state: JobState,
    /// How many stems.
    pub count: StemCount,
    /// By which engine, if somebody wished for one.
    pub engine: Option<EngineName>,
    /// Samples that are done…
    pub done: u64,
    /// …of so many, as soon as that is known.
    pub of: Option<u64>,
    /// When it was asked for.
    pub created: UnixMs,
    /// When it was begun with, the last time.
    pub started: Option<UnixMs>,
}
