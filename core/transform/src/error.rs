//! What can go wrong between a recipe and a rendition.

use std::fmt;
use std::io;
use std::time::Duration;

use budget::Refused;
use store::{Trouble, TroubleKind};

/// What kind of failure it is, for those who decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The source is none of the formats that are read, or is broken.
    Unsupported,
    /// A picture was asked of something that has none.
    NoPicture,
    /// Sound was asked of something that has none.
    NoSound,
    /// What was asked for lies behind the end of the source.
    BehindTheEnd,
    /// It needs more than there is at any time; the context names the need and the limit.
    TooLarge,
    /// Not now: too many wait, or there is no memory or room on the disk.
    Busy {
        /// When asking again makes sense.
        retry_after: Duration,
        /// Whether it is the caller's own limit.
        is_callers: bool,
    },
    /// The child made nothing for [`CHILD_STALL_MS`](budget::limits::CHILD_STALL_MS).
    Stalled,
    /// The system killed the child, as it does where memory is short; another attempt may go well.
    Killed,
    /// The child ended with an error.
    Failed,
    /// There is no ffmpeg here, or not what it needs to run safely.
    NoFfmpeg,
    /// The source could not be read.
    Source,
    /// Whoever has the source did not send what was promised: another length, another range, no end.
    Lied,
    /// The source became another one while it was read. What is made of it now has another key.
    Changed,
    /// Nobody waited any more, or the server stops.
    Gone,
    /// The operating system failed in another way.
    Io,
}

/// A failure with what it happened to. It can be told to everybody who waits for the same rendition.
///
/// The context is for whoever asked: it names no file of this machine and nothing that a child said. What a child said
/// is for logs.
#[derive(Clone, Debug)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened, in one line.
    pub context: String,
    /// The last words of a child, for the log.
    pub words: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Error {
        Error { kind, context: context.into(), words: String::new() }
    }

    /// Of a source that cannot be read, also when the reason lies with another server.
    pub(crate) fn unread(error: &io::Error) -> Error {
        let trouble = error.get_ref().and_then(|error| error.downcast_ref::<Trouble>());
        if let Some(refused) = trouble.and_then(Trouble::refused) {
            return refused.clone().into();
        }
        let (kind, context) = match trouble.map(|trouble| trouble.kind) {
            Some(TroubleKind::Changed) => (ErrorKind::Changed, CHANGED),
            Some(TroubleKind::Lie | TroubleKind::Broken | TroubleKind::Garbled | TroubleKind::NoRanges) => {
                (ErrorKind::Lied, "the source is not what its server promised")
            }
            _ => (ErrorKind::Source, "the source cannot be read"),
        };
        Error::new(kind, context).with_words(error.to_string())
    }

    /// With what a child said beside what is known already.
    pub(crate) fn and_words(mut self, words: &str) -> Error {
        let between = if words.is_empty() { "" } else { "; " };
        self.words = format!("{}{between}{words}", self.words);
        self
    }

    pub(crate) fn with_words(mut self, words: impl Into<String>) -> Error {
        self.words = words.into();
        self
    }
}

const CHANGED: &str = "the source changed while it was read";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.context)
    }
}

impl std::error::Error for Error {}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Error {
        let kind = match refused.fault {
            budget::Fault::Never => ErrorKind::TooLarge,
            fault => ErrorKind::Busy {
                retry_after: refused.retry_after,
                is_callers: fault == budget::Fault::Caller,
            },
        };
        Error::new(kind, refused.to_string())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Error {
        let kind = match error.kind {
            store::ErrorKind::Changed => {
                return Error::new(ErrorKind::Changed, CHANGED).with_words(error.to_string());
            }
            store::ErrorKind::Full => {
                ErrorKind::Busy { retry_after: budget::limits::RETRY_AFTER, is_callers: false }
            }
            store::ErrorKind::NotFound | store::ErrorKind::Corrupt | store::ErrorKind::Unreachable => {
                ErrorKind::Source
            }
            _ => ErrorKind::Io,
        };
        Error::new(kind, error.shown()).with_words(error.to_string())
    }
}
