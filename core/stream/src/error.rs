//! Why a body broke off.

use std::io;

/// Why a body broke off. It travels inside an [`io::Error`], and whoever sends the body breaks the connection: the
/// client must see that bytes are missing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source is no longer what it was when the answer began.
    #[error("the source changed while it was sent: {0}")]
    Changed(#[source] store::Error),
    /// The source is shorter than the answer promised.
    #[error("the source ended {missing_bytes} bytes too early")]
    Short {
        /// How many bytes are missing.
        missing_bytes: u64,
    },
    /// The source could not be read.
    #[error("the source could not be read: {0}")]
    Read(#[source] io::Error),
    /// What was sent while it was being made could not be made to its end.
    #[error("it could not be made to its end")]
    Unfinished,
    /// The stream was ended on purpose.
    #[error("the stream was ended: {0}")]
    Ended(Ending),
}

/// Why a stream was ended on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It made no progress for too long.
    Stalled,
    /// It was among the slowest while nearly all slots were taken.
    Crowded,
    /// Somebody asked for it.
    Asked,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Ending::Stalled => "no progress for too long",
            Ending::Crowded => "too slow while the server is crowded",
            Ending::Asked => "on request",
        })
    }
}

impl Error {
    /// Whether the client may ask again for the rest with any hope.
    pub fn worth_retrying(&self) -> bool {
        match self {
            Error::Changed(_) | Error::Short { .. } => false,
            Error::Read(_) | Error::Unfinished | Error::Ended(_) => true,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::other(error)
    }
}
