//! What can go wrong with a feed or an episode, in words for those who follow it.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use budget::limits::PODCAST_FAILURE_BYTES_MAX;
use http::StatusCode;

/// What happened, for whoever decides what is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It is no feed, or no whole one. The next reading may find another.
    NoFeed,
    /// It is larger than is taken.
    TooLarge,
    /// Its server says that it cannot be had.
    Denied,
    /// Its server could not be reached, broke off, or says that it may pass.
    Unreachable,
    /// Our own database, disk or memory has no room for it now.
    Busy,
    /// What came is nothing that is kept here, or its user may not have it.
    Unwanted,
}

/// A failure with what people are told about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What happened.
    pub kind: ErrorKind,
    said: String,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, said: impl Into<String>) -> Self {
        let mut said = said.into();
        if said.len() > PODCAST_FAILURE_BYTES_MAX {
            said.truncate(said.floor_char_boundary(PODCAST_FAILURE_BYTES_MAX));
        }
        Error { kind, said }
    }

    /// What people are told.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// Whether the same may succeed later without anybody's help.
    pub(crate) fn may_pass(&self) -> bool {
        match self.kind {
            ErrorKind::Unreachable | ErrorKind::Busy => true,
            ErrorKind::NoFeed | ErrorKind::TooLarge | ErrorKind::Denied | ErrorKind::Unwanted => false,
        }
    }

    /// What the reader of XML says: the input failed, or is no XML.
    pub(crate) fn reading(error: impl Into<quick_xml::Error>) -> Self {
        match error.into() {
            quick_xml::Error::Io(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                Error::new(ErrorKind::TooLarge, "a text of the feed is too long")
            }
            quick_xml::Error::Io(error) => match error.get_ref().and_then(|error| error.downcast_ref()) {
                Some(error) => Error::asking(error),
                None => Error::new(ErrorKind::Unreachable, error.to_string()),
            },
            error => Error::new(ErrorKind::NoFeed, format!("it is no feed: {error}")),
        }
    }

    /// What another server did, or why it may not be asked.
    pub(crate) fn asking(error: &store::Error) -> Self {
        let kind = match error.trouble() {
            None => ErrorKind::Busy,
            Some(trouble) => match trouble.kind {
                store::TroubleKind::Busy => ErrorKind::Busy,
                store::TroubleKind::TooLarge => ErrorKind::TooLarge,
                _ if trouble.is_of_the_file() => ErrorKind::Denied,
                _ => ErrorKind::Unreachable,
            },
        };
        let said = error.trouble().map_or_else(|| error.shown().to_owned(), ToString::to_string);
        Error::new(kind, said)
    }

    /// What a status means that is none of success.
    pub(crate) fn status(status: StatusCode) -> Self {
        let may_pass = status.is_server_error()
            || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
        let kind = if may_pass { ErrorKind::Unreachable } else { ErrorKind::Denied };
        Error::new(kind, format!("its server answers {status}"))
    }
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        Error::new(ErrorKind::Busy, error.to_string())
    }
}

impl From<budget::Refused> for Error {
    fn from(refused: budget::Refused) -> Self {
        Error::new(ErrorKind::Busy, refused.to_string())
    }
}

/// What became of an upload that takes an episode in. One that is over, or that somebody else has, is begun anew.
impl From<ingest::Error> for Error {
    fn from(error: ingest::Error) -> Self {
        use ingest::ErrorKind as Kind;
        let kind = match &error.kind {
            Kind::NotMedia
            | Kind::Empty
            | Kind::Quota { .. }
            | Kind::NotAllowed
            | Kind::BadRequest
            | Kind::Unsupported => ErrorKind::Unwanted,
            Kind::TooLarge { .. } | Kind::LengthConflict => ErrorKind::TooLarge,
            Kind::BrokenOff | Kind::TooSlow => ErrorKind::Unreachable,
            Kind::NotFound
            | Kind::Gone
            | Kind::Conflict { .. }
            | Kind::TakenOver
            | Kind::Mismatch
            | Kind::Full { .. }
            | Kind::TooManyUploads
            | Kind::Refused(_)
            | Kind::Store
            | Kind::Catalog => ErrorKind::Busy,
        };
        Error::new(kind, error.to_string())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl StdError for Error {}
