//! The one table from everything that can go wrong to what a Subsonic client is told.
//!
//! Errors travel with status 200, because clients drop the body of anything else. Refusals keep their status and
//! `Retry-After`, so that proxies and well-made clients see them, and carry the envelope all the same.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::http::StatusCode;
use budget::Fault;
use budget::limits::{HEADER_BYTES_MAX, HEADERS_MAX, RETRY_AFTER};
use catalog::Refusal;

/// How much of a value that is wrong is shown to whoever sent it.
const VALUE_CHARS_SHOWN: usize = 32;
/// How much of why a document is wrong is shown, which may tell what stands there.
const REASON_CHARS_SHOWN: usize = 160;
/// The place that is all of a document, as `serde_path_to_error` calls it.
pub(crate) const WHOLE_DOCUMENT: &str = ".";

/// The error codes of the protocol: 1.16.1 and the additions of OpenSubsonic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 0: what no other code says.
    Generic,
    /// 10: a required parameter is missing.
    MissingParameter,
    /// 20: the client speaks a version that is too old.
    ClientTooOld,
    /// 30: the client speaks a version that is too new for us.
    ServerTooOld,
    /// 40: wrong name or password.
    WrongLogin,
    /// 41: this user has nothing that token authentication can be checked against.
    TokenNotSupported,
    /// 42: a way to sign in that this face does not have.
    MechanismNotSupported,
    /// 43: two ways to sign in at once.
    Conflicting,
    /// 44: no such API key.
    WrongKey,
    /// 50: known, and not allowed.
    NotAllowed,
    /// 70: not there, or not for this user's eyes.
    NotFound,
}

impl ErrorKind {
    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            ErrorKind::Generic => 0,
            ErrorKind::MissingParameter => 10,
            ErrorKind::ClientTooOld => 20,
            ErrorKind::ServerTooOld => 30,
            ErrorKind::WrongLogin => 40,
            ErrorKind::TokenNotSupported => 41,
            ErrorKind::MechanismNotSupported => 42,
            ErrorKind::Conflicting => 43,
            ErrorKind::WrongKey => 44,
            ErrorKind::NotAllowed => 50,
            ErrorKind::NotFound => 70,
        }
    }
}

/// What a request ends with when it is not answered. The message may be shown to the user; what went wrong inside is
/// kept apart for the log.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    status: StatusCode,
    retry_after: Option<Duration>,
    inside: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error that the caller can mend.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Error { kind, message: message.into(), status: StatusCode::OK, retry_after: None, inside: None }
    }

    /// A required parameter is not there.
    pub(crate) fn missing(name: &str) -> Self {
        Self::new(ErrorKind::MissingParameter, format!("Required parameter is missing: {name}"))
    }

    /// A parameter says something that it cannot mean.
    pub(crate) fn bad(name: &str, wanted: &str) -> Self {
        Self::new(ErrorKind::Generic, format!("Parameter {name} must be {wanted}"))
    }

    /// The same, of a parameter that says this.
    pub(crate) fn bad_value(name: &str, value: &str, wanted: &str) -> Self {
        let start: String = value.chars().take(VALUE_CHARS_SHOWN).collect();
        let more = if start.len() < value.len() { "…" } else { "" };
        Self::new(ErrorKind::Generic, format!("Parameter {name} must be {wanted}, and is {start:?}{more}"))
    }

    /// The JSON document of a request is none, or says at this place, as `profiles[0].channels`, what it cannot say.
    pub(crate) fn bad_document(place: &str, why: &serde_json::Error) -> Self {
        let why = why.to_string();
        let start: String = why.chars().take(REASON_CHARS_SHOWN).collect();
        let more = if start.len() < why.len() { "…" } else { "" };
        let what = if place == WHOLE_DOCUMENT { "The body" } else { place };
        Self::new(ErrorKind::Generic, format!("{what} is not what is expected: {start}{more}"))
    }

    /// Something is not there, or not for this user's eyes.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Self::new(ErrorKind::NotFound, what)
    }

    /// The request has more bytes than it may.
    pub(crate) fn too_large() -> Self {
        Error {
            status: StatusCode::PAYLOAD_TOO_LARGE,
            ..Self::new(ErrorKind::Generic, "The request body is too large")
        }
    }

    /// It cannot be had now, and asking again makes sense.
    pub(crate) fn later(why: &'static str) -> Self {
        Error {
            status: StatusCode::SERVICE_UNAVAILABLE,
            retry_after: Some(Duration::from_secs(budget::limits::RENDITION_RETRY_SECONDS)),
            ..Self::new(ErrorKind::Generic, why)
        }
    }

    /// Nothing is made by this server.
    pub(crate) fn no_maker() -> Self {
        Self::new(ErrorKind::Generic, "This server has no ffmpeg, so it sends files as they are")
    }

    /// The endpoint takes a JSON document by POST, and nothing else.
    pub(crate) fn needs_document() -> Self {
        Self::new(ErrorKind::MissingParameter, "This is asked by POST, with a JSON document as body")
    }

    /// The request body stopped coming.
    pub(crate) fn stalled() -> Self {
        Error {
            status: StatusCode::REQUEST_TIMEOUT,
            ..Self::new(ErrorKind::Generic, "The request body did not come")
        }
    }

    /// The request's head was not read to its end, or is none, for which HTTP has this status.
    pub(crate) fn unheard(status: StatusCode) -> Self {
        let (message, retry_after) = match status {
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
                let message = format!(
                    "The head of this request has more than {HEADER_BYTES_MAX} bytes or {HEADERS_MAX} fields, which is the limit; \
                     ask by POST, with the parameters as a form"
                );
                (message.into(), None)
            }
            StatusCode::SERVICE_UNAVAILABLE => (Cow::from("The server is full"), Some(RETRY_AFTER)),
            _ => (
                "This is no request that HTTP/1.1 knows; in an address, a blank is written as %20".into(),
                None,
            ),
        };
        Error { status, retry_after, ..Self::new(ErrorKind::Generic, message) }
    }

    /// The request's method is none of GET, HEAD and POST.
    pub(crate) fn method() -> Self {
        Error {
            status: StatusCode::METHOD_NOT_ALLOWED,
            ..Self::new(ErrorKind::Generic, "Only GET, HEAD and POST are understood")
        }
    }

    /// Something failed in here.
    pub(crate) fn inside(
        kind: ErrorKind,
        message: &'static str,
        inside: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Error { inside: Some(inside.into()), ..Self::new(kind, message) }
    }

    /// Wrong credentials, as error 40 whatever they were.
    pub(crate) fn wrong_login() -> Self {
        Self::new(ErrorKind::WrongLogin, "Wrong username or password")
    }

    /// What kind of error it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What the user may read.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status: 200 for everything that clients must be able to read.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Whether asking again later makes sense.
    pub fn worth_retrying(&self) -> bool {
        self.retry_after.is_some()
    }

    /// When asking again makes sense, in whole seconds and at least one.
    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after.map(|wait| wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).map(|s| s.max(1))
    }

    /// What went wrong inside, if it was not the caller's doing.
    pub(crate) fn reason(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.inside.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.kind.code(), self.message)
    }
}

impl std::error::Error for Error {}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        use catalog::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound => Self::not_found("Not found"),
            Kind::NotAllowed => Self::new(ErrorKind::NotAllowed, error.public().to_owned()),
            Kind::Exists | Kind::Changed | Kind::Ambiguous | Kind::Invalid | Kind::Quota => {
                Self::new(ErrorKind::Generic, error.public().to_owned())
            }
            Kind::Busy => Error {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: Some(RETRY_AFTER),
                ..Self::inside(ErrorKind::Generic, "The database is busy", error)
            },
            Kind::Unavailable => Self::inside(ErrorKind::Generic, "The database does not answer", error),
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        use store::ErrorKind as Kind;
        match error.kind {
            Kind::NotFound | Kind::Escapes | Kind::NotAFile => {
                Self::inside(ErrorKind::NotFound, "The file is not there", error)
            }
            Kind::Changed => {
                Self::inside(ErrorKind::NotFound, "The file has changed; scan the library again", error)
            }
            Kind::Full
            | Kind::ReadOnly
            | Kind::Locked
            | Kind::Format
            | Kind::Lost
            | Kind::Broken
            | Kind::Corrupt
            | Kind::Unreachable
            | Kind::Io => Self::inside(ErrorKind::Generic, "The file cannot be read", error),
        }
    }
}

/// What could not be made of a picture, a video or a song.
impl From<transform::Error> for Error {
    fn from(error: transform::Error) -> Self {
        use transform::ErrorKind as Kind;
        match error.kind {
            Kind::NoFfmpeg | Kind::NoPicture => {
                Self::inside(ErrorKind::NotFound, "There is no such picture", error)
            }
            Kind::NoSound | Kind::BehindTheEnd => Self::new(ErrorKind::NotFound, error.context),
            Kind::Unsupported | Kind::TooLarge => Self::new(ErrorKind::Generic, error.context),
            Kind::Busy { retry_after, is_callers } => Error {
                status: if is_callers {
                    StatusCode::TOO_MANY_REQUESTS
                } else {
                    StatusCode::SERVICE_UNAVAILABLE
                },
                retry_after: Some(retry_after),
                ..Self::new(ErrorKind::Generic, error.context)
            },
            Kind::Gone | Kind::Changed | Kind::Killed => Error {
                status: StatusCode::SERVICE_UNAVAILABLE,
                retry_after: Some(RETRY_AFTER),
                ..Self::new(ErrorKind::Generic, error.context)
            },
            Kind::Stalled | Kind::Failed | Kind::Source | Kind::Lied | Kind::Io => {
                Self::inside(ErrorKind::Generic, "It cannot be made", error)
            }
        }
    }
}

impl From<budget::Refused> for Error {
    fn from(refused: budget::Refused) -> Self {
        let (status, retry_after) = match refused.fault {
            Fault::Caller => (StatusCode::TOO_MANY_REQUESTS, Some(refused.retry_after)),
            Fault::Server => (StatusCode::SERVICE_UNAVAILABLE, Some(refused.retry_after)),
            Fault::Never => (StatusCode::INSUFFICIENT_STORAGE, None),
        };
        Error { status, retry_after, ..Self::new(ErrorKind::Generic, refused.to_string()) }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong => Self::wrong_login(),
            Refusal::TooManyFailures { retry_after } => Error {
                status: StatusCode::TOO_MANY_REQUESTS,
                retry_after: Some(retry_after),
                ..Self::new(ErrorKind::WrongLogin, "Too many failed sign-ins; try again later")
            },
            Refusal::Busy(refused) => refused.into(),
            Refusal::TokenNotSupported => Self::new(
                ErrorKind::TokenNotSupported,
                "Token authentication needs an app password; make one, or send the password itself",
            ),
            Refusal::Failed(error) => error.into(),
        }
    }
}

/// Our own structs always encode; if one does not, the answer must not pass for a whole one.
macro_rules! cannot_encode {
    ($($error:ty),*) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::inside(ErrorKind::Generic, "The answer could not be written", error)
            }
        })*
    };
}

cannot_encode!(serde_json::Error, crate::reply::NotAnElement);

#[cfg(test)]
mod tests;
