//! What can go wrong while bytes come in, in the words that a face maps to a status once.

use std::error::Error as StdError;
use std::fmt;

use budget::Refused;

/// What happened. Each face has one total table from these to its statuses; the status named here is what HTTP means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no such upload, or it is somebody else's: 404.
    NotFound,
    /// The upload existed and is over: cancelled, expired, failed, or its bytes were lost: 410.
    Gone,
    /// The request starts at another place than the bytes that are kept end: 409.
    Conflict {
        /// Where they end.
        offset: u64,
    },
    /// A newer request for the same upload ended this one: 409, if anybody still listens.
    TakenOver,
    /// The bytes of a request, or of the whole upload, are not those that its checksum names: 460 in tus, else 400.
    Mismatch,
    /// Larger than a limit: 413.
    TooLarge {
        /// The limit, in bytes.
        max: u64,
    },
    /// The lengths that were named contradict each other or the bytes that came: 400.
    LengthConflict,
    /// The first bytes, or the whole, are of no format that is kept here: 415.
    NotMedia,
    /// There is nothing in it: 400.
    Empty,
    /// The disk has no room for it now; the upload stays resumable: 507.
    Full {
        /// What uploads could still take, in bytes.
        free: u64,
    },
    /// The user has as much as `limits.bytes_per_user` allows: 507.
    Quota {
        /// That limit, in bytes.
        max: u64,
    },
    /// The user has as many open uploads as `limits.uploads_per_user` allows: 429.
    TooManyUploads,
    /// The law refused: 429, 503 or 507 as it says.
    Refused(Refused),
    /// The client sent less than the minimum speed; the upload stays resumable: 408.
    TooSlow,
    /// The client broke off; the upload stays resumable: 400, if anybody still listens.
    BrokenOff,
    /// What was asked is not right, and the text says what: 400.
    BadRequest,
    /// A method, a type or an algorithm that is not offered: 400 or 415, as the protocol wants.
    Unsupported,
    /// The user may not do this: 403.
    NotAllowed,
    /// The disk or the remote store failed: 500, or 503 when the text says that it may pass.
    Store,
    /// The database failed: 503.
    Catalog,
}

impl ErrorKind {
    /// A short name of the kind, for metrics and for the types of problem documents.
    pub const fn slug(&self) -> &'static str {
        match self {
            ErrorKind::NotFound => "not-found",
            ErrorKind::Gone => "gone",
            ErrorKind::Conflict { .. } => "offset-conflict",
            ErrorKind::TakenOver => "taken-over",
            ErrorKind::Mismatch => "checksum-mismatch",
            ErrorKind::TooLarge { .. } => "too-large",
            ErrorKind::LengthConflict => "length-conflict",
            ErrorKind::NotMedia => "not-media",
            ErrorKind::Empty => "empty",
            ErrorKind::Full { .. } => "disk-full",
            ErrorKind::Quota { .. } => "quota",
            ErrorKind::TooManyUploads => "too-many-uploads",
            ErrorKind::Refused(_) => "refused",
            ErrorKind::TooSlow => "too-slow",
            ErrorKind::BrokenOff => "broken-off",
            ErrorKind::BadRequest => "bad-request",
            ErrorKind::Unsupported => "unsupported",
            ErrorKind::NotAllowed => "not-allowed",
            ErrorKind::Store => "store",
            ErrorKind::Catalog => "catalog",
        }
    }

    /// Whether the client did it by itself or to itself, so that it says nothing about this server's health.
    pub const fn is_callers(&self) -> bool {
        match self {
            ErrorKind::Full { .. } | ErrorKind::Refused(_) | ErrorKind::Store | ErrorKind::Catalog => false,
            ErrorKind::NotFound
            | ErrorKind::Gone
            | ErrorKind::Conflict { .. }
            | ErrorKind::TakenOver
            | ErrorKind::Mismatch
            | ErrorKind::TooLarge { .. }
            | ErrorKind::LengthConflict
            | ErrorKind::NotMedia
            | ErrorKind::Empty
            | ErrorKind::Quota { .. }
            | ErrorKind::TooManyUploads
            | ErrorKind::TooSlow
            | ErrorKind::BrokenOff
            | ErrorKind::BadRequest
            | ErrorKind::Unsupported
            | ErrorKind::NotAllowed => true,
        }
    }
}

/// A failure: its kind, what the user may read, and what lies beneath for the log.
#[derive(Debug)]
pub struct Error {
    /// What happened.
    pub kind: ErrorKind,
    /// One sentence for the user; it names no file and no folder of the server.
    pub said: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind with what the user may read.
    pub fn new(kind: ErrorKind, said: impl Into<String>) -> Self {
        Error { kind, said: said.into(), source: None }
    }

    /// A request that is not right, with what would have to change.
    pub fn bad_request(said: impl Into<String>) -> Self {
        Error::new(ErrorKind::BadRequest, said)
    }

    pub(crate) fn not_found() -> Self {
        Error::new(ErrorKind::NotFound, "there is no such upload")
    }

    pub(crate) fn gone(why: impl Into<String>) -> Self {
        Error::new(ErrorKind::Gone, why)
    }

    pub(crate) fn taken_over() -> Self {
        Error::new(ErrorKind::TakenOver, "a newer request for this upload ended this one")
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What happened.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Whether the same request may succeed a little later without anybody's help.
    pub fn worth_retrying(&self) -> bool {
        match &self.kind {
            ErrorKind::Refused(refused) => refused.fault != budget::Fault::Never,
            ErrorKind::Full { .. }
            | ErrorKind::TooManyUploads
            | ErrorKind::TooSlow
            | ErrorKind::BrokenOff
            | ErrorKind::TakenOver
            | ErrorKind::Conflict { .. }
            | ErrorKind::Mismatch
            | ErrorKind::Store
            | ErrorKind::Catalog => true,
            ErrorKind::NotFound
            | ErrorKind::Gone
            | ErrorKind::TooLarge { .. }
            | ErrorKind::LengthConflict
            | ErrorKind::NotMedia
            | ErrorKind::Empty
            | ErrorKind::Quota { .. }
            | ErrorKind::BadRequest
            | ErrorKind::Unsupported
            | ErrorKind::NotAllowed => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.said),
            None => f.write_str(&self.said),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Error::new(ErrorKind::Refused(refused.clone()), refused.to_string())
    }
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        match error.kind() {
            catalog::ErrorKind::NotFound => Error::not_found(),
            catalog::ErrorKind::Invalid => Error::bad_request(error.public().to_owned()),
            catalog::ErrorKind::NotAllowed => {
                Error::new(ErrorKind::NotAllowed, error.public().to_owned()).because(error)
            }
            _ => Error::new(ErrorKind::Catalog, error.public().to_owned()).because(error),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error.kind() {
            store::ErrorKind::Full => {
                Error::new(ErrorKind::Full { free: 0 }, "there is no room left on the server's disk")
                    .because(error)
            }
            _ => Error::new(ErrorKind::Store, error.shown()).because(error),
        }
    }
}
