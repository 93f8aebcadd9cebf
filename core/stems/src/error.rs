//! What can go wrong while a song is taken apart.

use std::fmt;
use std::io;

/// What every step here returns.
pub type Result<T> = std::result::Result<T, Error>;

/// What kind of failure it is, for those who decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is nothing in it: no bytes, or no samples.
    Empty,
    /// It is no sound of any kind that is known.
    NotAudio,
    /// It is sound in a coding that is not decoded here; another program may.
    Coding,
    /// It has no channels, or more than [`STEMS_CHANNELS_MAX`](budget::limits::STEMS_CHANNELS_MAX).
    Channels,
    /// Its rate of samples is not one that is converted.
    Rate,
    /// It ends before the length that its own head promises.
    Truncated,
    /// It is broken in the middle.
    Damaged,
    /// It, or a model, could not be read, which another time may succeed.
    Read,
    /// A stem could not be written.
    Write,
    /// A stem does not fit into its format.
    TooLong,
    /// The engine does not make these stems.
    Stems,
    /// The weights that an engine needs cannot be read, or are not what they should be.
    Model,
    /// An engine would make these stems if its model were installed.
    ModelAbsent,
    /// There is no model of this name.
    ModelUnknown,
    /// The conditions of a model's weights were not accepted.
    Licence,
    /// A model gave what are no numbers, so that nothing that is made of it would be a sound.
    NoNumbers,
    /// The engine itself failed.
    Engine,
    /// Whoever watched wanted it to stop.
    Stopped,
}

/// A failure with what it happened to.
///
/// The text names no file: this crate knows none. It may be shown to whoever sent the song.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    what: String,
    source: Option<io::Error>,
}

impl Error {
    /// A failure in one line, without a full stop.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error { kind, what: what.into(), source: None }
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the song itself is the reason, so that another attempt would end in the same way.
    pub fn is_the_songs(&self) -> bool {
        use ErrorKind::{Channels, Coding, Damaged, Empty, NotAudio, Rate, Truncated};
        matches!(self.kind, Empty | NotAudio | Coding | Channels | Rate | Truncated | Damaged)
    }

    pub(crate) fn read(source: io::Error) -> Self {
        Error { kind: ErrorKind::Read, what: "the song cannot be read".to_owned(), source: Some(source) }
    }

    /// What a model is read from failed. Read another time it may be whole, unless it ends before it should: that is the file's fault.
    pub(crate) fn model_unread(what: impl Into<String>, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::UnexpectedEof => ErrorKind::Model,
            _ => ErrorKind::Read,
        };
        Error { kind, what: format!("{} cannot be read", what.into()), source: Some(source) }
    }

    pub(crate) fn write(source: io::Error) -> Self {
        Error { kind: ErrorKind::Write, what: "a stem cannot be written".to_owned(), source: Some(source) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
