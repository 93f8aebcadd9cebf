//! One error for everything that the catalog may have to say "no" with.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// What happened, in the words that a face maps to a status once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// There is no such thing, or the viewer may not know of it.
    NotFound,
    /// A name or a path is taken.
    Exists,
    /// It is not what the caller knows any more: somebody changed it meanwhile.
    Changed,
    /// A short id fits more than one thing that the viewer may see.
    Ambiguous,
    /// The caller sent what can never be right: a bad name, a rating of 6.
    Invalid,
    /// The thing is there and the rules forbid the change: the last admin cannot go.
    NotAllowed,
    /// The owner would have more bytes than he may.
    Quota,
    /// The database or a permit is busy; the same call may succeed later.
    Busy,
    /// The database cannot be read or written: a full or broken disk, a damaged file.
    Unavailable,
}

/// An error with its kind, what was tried, and what lies beneath.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    context: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error without a deeper cause. The context is shown to people who run the server; it never holds a secret.
    pub fn new(kind: ErrorKind, context: impl Into<Cow<'static, str>>) -> Self {
        Error { kind, context: context.into(), source: None }
    }

    /// The same error with what caused it.
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error for another one who has to hear of it.
    pub(crate) fn again(&self) -> Self {
        let Error { kind, context, source } = self;
        let source = source.as_ref().map(|source| source.to_string().into());
        Error { kind: *kind, context: context.clone(), source }
    }

    /// `NotFound` of something.
    pub fn not_found(what: &'static str) -> Self {
        Error::new(ErrorKind::NotFound, what)
    }

    /// `Invalid` with what a caller would have to change.
    pub fn invalid(why: impl Into<Cow<'static, str>>) -> Self {
        Error::new(ErrorKind::Invalid, why)
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What was tried or what is wrong, for the log and for people who run the server.
    pub fn context(&self) -> &str {
        &self.context
    }

    /// Whether the one who asked is at fault, so that asking again without a change is useless.
    pub fn is_callers_fault(&self) -> bool {
        match self.kind {
            ErrorKind::NotFound
            | ErrorKind::Exists
            | ErrorKind::Changed
            | ErrorKind::Ambiguous
            | ErrorKind::Invalid
            | ErrorKind::NotAllowed
            | ErrorKind::Quota => true,
            ErrorKind::Busy | ErrorKind::Unavailable => false,
        }
    }

    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        self.kind == ErrorKind::Busy
    }

    /// What the user may see: the context where it is about his own input, else a sentence without internals.
    pub fn public(&self) -> &str {
        match self.kind {
            ErrorKind::NotFound => "not found",
            ErrorKind::Exists
            | ErrorKind::Changed
            | ErrorKind::Ambiguous
            | ErrorKind::Invalid
            | ErrorKind::NotAllowed
            | ErrorKind::Quota => &self.context,
            ErrorKind::Busy => "the database is busy; try again",
            ErrorKind::Unavailable => "the database is not available",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::NotFound => "not found",
            ErrorKind::Exists => "exists already",
            ErrorKind::Changed => "changed meanwhile",
            ErrorKind::Ambiguous => "ambiguous",
            ErrorKind::Invalid => "invalid",
            ErrorKind::NotAllowed => "not allowed",
            ErrorKind::Quota => "too many bytes",
            ErrorKind::Busy => "busy",
            ErrorKind::Unavailable => "database unavailable",
        };
        write!(f, "{what}: {}", self.context)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// A statement that failed. A row that is not there is the caller's; a lock that did not come in time is nobody's.
impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let (kind, context) = match &error {
            sqlx::Error::RowNotFound => (ErrorKind::NotFound, "no such row"),
            sqlx::Error::PoolTimedOut => (ErrorKind::Busy, "no database connection came free in time"),
            sqlx::Error::Database(inner) if inner.is_unique_violation() => {
                (ErrorKind::Exists, "it is there already")
            }
            // SQLITE_BUSY is 5 and SQLITE_LOCKED is 6; extended codes keep the primary one in the low byte.
            sqlx::Error::Database(inner) if matches!(primary_code(inner.code()), Some(5 | 6)) => {
                (ErrorKind::Busy, "another writer held the database for too long")
            }
            _ => (ErrorKind::Unavailable, "a statement failed"),
        };
        Error::new(kind, context).because(error)
    }
}

/// A statement of a reader that failed.
impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, context) = match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                (ErrorKind::Busy, "another writer held the database for too long")
            }
            _ => (ErrorKind::Unavailable, "a statement failed"),
        };
        Error::new(kind, context).because(error)
    }
}

fn primary_code(code: Option<Cow<'_, str>>) -> Option<i64> {
    code.and_then(|code| code.parse::<i64>().ok()).map(|code| code & 0xff)
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Error::new(ErrorKind::Unavailable, "the tables could not be brought to this release").because(error)
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Error::new(ErrorKind::Unavailable, "a library folder could not be read").because(error)
    }
}

impl From<budget::Refused> for Error {
    fn from(refused: budget::Refused) -> Self {
        Error::new(ErrorKind::Busy, "no permit for the memory it needs").because(refused)
    }
}
