//! What the server and a child say to each other: one line of JSON each.

use serde::{Deserialize, Serialize};

/// A song that is to be taken apart. With it come open files: the song, and one for each stem, in the set's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Order {
    /// How many stems.
    pub(super) stems: usize,
    /// Whether the accompaniment is written behind them, of a set that has none.
    pub(super) accompaniment: bool,
    /// By which engine.
    pub(super) engine: String,
    /// The hashes of its model's files; nothing without a model.
    pub(super) model: String,
    /// What the child may need in memory, by which its model was chosen.
    pub(super) reserve_bytes: u64,
    /// What masks say above a network's range.
    pub(super) extension: String,
    /// What the song's name ended with, for decoders that look at that.
    pub(super) suffix: Option<String>,
    /// As what stems are written.
    pub(super) format: String,
}

/// What a child is told after each [`Said::Far`]: that there is room for what it writes until the next. It waits for that.
pub(super) const GO_ON: &str = "go on";

/// What a child says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum Said {
    /// How far it is, in samples of one side at 44.1 kHz.
    Far {
        /// That every stem has.
        samples: u64,
        /// That there will be, as far as that is known.
        of: Option<u64>,
        /// Whether that is certain.
        is_exact: bool,
    },
    /// Every stem is written.
    Done {
        /// What to say about how it was made.
        notes: Vec<String>,
        /// Samples that every stem has.
        samples: u64,
        /// What was written, in the order of the files.
        files: Vec<Written>,
    },
    /// It cannot be done.
    Failed {
        /// Whose fault it is.
        why: Why,
        /// In one line, for whoever asked.
        reason: String,
    },
}

/// One file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Written {
    /// The stem's name.
    pub(super) stem: String,
    /// Its length.
    pub(super) length_bytes: u64,
    /// The CRC-32 of its bytes.
    pub(super) crc32: u32,
}

/// Why a song could not be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    /// The song is none, or is broken.
    Song,
    /// It is in a coding or a container that at most another program knows.
    Coding,
    /// There is no such engine, or not its model.
    Wish,
    /// The model is not what it should be, and would not be the next time.
    Model,
    /// Something else.
    Server,
}
