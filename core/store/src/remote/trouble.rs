//! What went wrong with a request to another server.

use std::fmt;
use std::io;

use budget::Refused;

use crate::error::{Error, ErrorKind};

/// What kind of trouble it is, for those who decide what to do and what to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TroubleKind {
    /// The address is one that no request may go to, or is written in a way that no address should be.
    Address,
    /// The name of the server is not known, or nobody could be asked.
    Name,
    /// No connection could be opened.
    Connect,
    /// It took too long.
    Time,
    /// The server closed the connection before all was said.
    Closed,
    /// What came is not HTTP as it should be.
    Garbled,
    /// The connection failed in another way.
    Broken,
    /// The server answered with this status.
    Status(u16),
    /// The answer contradicts itself or what was asked for: nothing of it was given to anybody.
    Lie,
    /// The server cannot give a part of a file.
    NoRanges,
    /// The file is larger than is read from elsewhere.
    TooLarge,
    /// A redirect that is not followed: too many, to nowhere, or away from TLS.
    Redirect,
    /// The file is not what it was when it was opened.
    Changed,
    /// There was no memory for it; [`Trouble::refused`] says when to come back.
    Busy,
}

/// What went wrong, in a text that names the server and never a credential or a query.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// What kind of trouble it is.
    pub kind: TroubleKind,
    said: String,
    refused: Option<Refused>,
}

impl Trouble {
    pub(crate) fn new(kind: TroubleKind, said: impl Into<String>) -> Self {
        Trouble { kind, said: said.into(), refused: None }
    }

    /// With all causes that an error names.
    pub(crate) fn caused(kind: TroubleKind, said: &str, e: &dyn std::error::Error) -> Self {
        let mut said = format!("{said}: {e}");
        let mut cause = e.source();
        while let Some(e) = cause {
            let more = e.to_string();
            if !said.contains(&more) {
                said = format!("{said}: {more}");
            }
            cause = e.source();
        }
        Trouble::new(kind, said)
    }

    pub(crate) fn busy(refused: Refused) -> Self {
        Trouble { kind: TroubleKind::Busy, said: refused.to_string(), refused: Some(refused) }
    }

    pub(crate) fn late(what: &str) -> Self {
        Trouble::new(TroubleKind::Time, format!("{what} took too long"))
    }

    pub(crate) fn lie(said: impl Into<String>) -> Self {
        Trouble::new(TroubleKind::Lie, said)
    }

    /// The refusal of the law, of [`TroubleKind::Busy`].
    pub fn refused(&self) -> Option<&Refused> {
        self.refused.as_ref()
    }

    /// Whether the file itself is the reason, and not the server's state: asking again soon makes no sense.
    pub fn is_of_the_file(&self) -> bool {
        match self.kind {
            TroubleKind::Status(status) => status < 500 && status != 408 && status != 429,
            TroubleKind::Address | TroubleKind::NoRanges | TroubleKind::TooLarge | TroubleKind::Redirect => {
                true
            }
            TroubleKind::Name
            | TroubleKind::Connect
            | TroubleKind::Time
            | TroubleKind::Closed
            | TroubleKind::Garbled
            | TroubleKind::Broken
            | TroubleKind::Lie
            | TroubleKind::Changed
            | TroubleKind::Busy => false,
        }
    }

    fn error_kind(&self) -> ErrorKind {
        match self.kind {
            TroubleKind::Status(404 | 410) => ErrorKind::NotFound,
            TroubleKind::Address => ErrorKind::Escapes,
            TroubleKind::Changed => ErrorKind::Changed,
            _ => ErrorKind::Unreachable,
        }
    }

    /// The same as an error of this crate, about `what`.
    pub(crate) fn of(self, what: impl Into<String>) -> Error {
        Error {
            kind: self.error_kind(),
            context: what.into(),
            source: Some(io::Error::other(self)),
            unseen: None,
        }
    }
}

impl Error {
    /// What exactly another server did, if it was one.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.source.as_ref()?.get_ref()?.downcast_ref()
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> Self {
        let kind = match trouble.kind {
            TroubleKind::Status(404 | 410) => io::ErrorKind::NotFound,
            TroubleKind::Time => io::ErrorKind::TimedOut,
            TroubleKind::Changed => io::ErrorKind::StaleNetworkFileHandle,
            TroubleKind::Address => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::ConnectionAborted,
        };
        io::Error::new(kind, trouble)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl std::error::Error for Trouble {}
