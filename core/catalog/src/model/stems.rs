//! Stems: what songs were taken apart into.

use std::fmt;
use std::str::FromStr;

use super::jobs::words;
use super::{BadId, JobId, StemCount, StemFormat, StemsWish, TrackId, UnixMs};

/// The id of a set of stems.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StemSetId(pub i64);

/// One part of a song, or the file that has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StemName {
    /// Whoever sings or speaks.
    Vocals,
    /// Everything that is not vocals.
    Accompaniment,
    /// Drums and other percussion.
    Drums,
    /// The bass.
    Bass,
    /// The piano.
    Piano,
    /// What no other stem of the same set has.
    Other,
    /// Every stem of the set, two channels each, in the set's order.
    All,
}
words!(StemName: Vocals "vocals", Accompaniment "accompaniment", Drums "drums", Bass "bass", Piano "piano",
    Other "other", All "all");

/// One file of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StemFile {
    /// Which stem it is.
    pub stem: StemName,
    /// What the rendition cache has it under.
    pub key: [u8; 32],
    /// Its length in bytes.
    pub length_bytes: u64,
    /// The CRC-32 of its bytes, as ZIP has it.
    pub crc32: u32,
}

/// What a job made: all of these files, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeSet {
    /// Of which bytes: the tag of the source's validator. Of other bytes it is no set.
    pub source_tag: String,
    /// By which engine, as answers name it.
    pub engine: String,
    /// What else is to be said about how.
    pub notes: Vec<String>,
    /// Samples of one side, at 44.1 kHz, that every stem has.
    pub samples: u64,
    /// The files, in the order of the stems.
    pub files: Vec<StemFile>,
}

/// A set of stems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StemSet {
    /// Which.
    pub id: StemSetId,
    /// The track that was taken apart; none for a song that was sent for this alone.
    pub track: Option<TrackId>,
    /// The job that made it.
    pub job: JobId,
    /// What was wished.
    pub wish: StemsWish,
    /// What was made.
    pub made: MadeSet,
    /// When.
    pub created: UnixMs,
}

impl StemSet {
    /// How many stems.
    pub fn count(&self) -> StemCount {
        self.wish.count
    }

    /// As what they are kept.
    pub fn format(&self) -> StemFormat {
        self.wish.format
    }

    /// The files of the stems that were wished, in the set's order. The accompaniment that is made beside four or five, as the
    /// song's instrumental, is none of them.
    pub fn stems(&self) -> impl Iterator<Item = &StemFile> {
        let is_wished = |file: &&StemFile| match file.stem {
            StemName::Accompaniment => self.wish.count == StemCount::Two,
            StemName::All => false,
            _ => true,
        };
        self.made.files.iter().filter(is_wished)
    }

    /// The file of a stem, if the set has it.
    pub fn file(&self, stem: StemName) -> Option<&StemFile> {
        self.made.files.iter().find(|file| file.stem == stem)
    }
}
