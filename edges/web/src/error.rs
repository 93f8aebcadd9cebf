//! The one shape of every error, and the total tables from other crates' errors to it.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use budget::{Fault, Refused, limits};
use serde::Serialize;
use utoipa::ToSchema;

use crate::json;
use crate::stems::{SplitError, SplitErrorKind};

/// What kind of failure it is, in the words of the API; each has one status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Invalid,
    UnknownField,
    Empty,
    LengthConflict,
    BrokenOff,
    SignInNeeded,
    SignInWrong,
    NotAllowed,
    OtherOrigin,
    LinkWrong,
    LinkExpired,
    NotFound,
    FileMissing,
    MethodNotAllowed,
    BodyStalled,
    TooSlow,
    Exists,
    Changed,
    Ambiguous,
    OffsetConflict,
    TakenOver,
    Gone,
    OtherVersion,
    BodyTooLarge,
    TooLarge,
    NotJson,
    NotMedia,
    Unsupported,
    Missing,
    TooMany,
    TooManyUploads,
    ChecksumMismatch,
    Broken,
    Busy,
    NeverFits,
    DiskFull,
    Quota,
}

impl Code {
    /// The status and the word that programs may rely on.
    fn known(self) -> (StatusCode, &'static str) {
        match self {
            Code::Invalid => (StatusCode::BAD_REQUEST, "invalid"),
            Code::UnknownField => (StatusCode::BAD_REQUEST, "unknown_field"),
            Code::SignInNeeded => (StatusCode::UNAUTHORIZED, "sign_in_needed"),
            Code::SignInWrong => (StatusCode::UNAUTHORIZED, "sign_in_wrong"),
            Code::NotAllowed => (StatusCode::FORBIDDEN, "not_allowed"),
            Code::OtherOrigin => (StatusCode::FORBIDDEN, "other_origin"),
            Code::LinkWrong => (StatusCode::FORBIDDEN, "link_wrong"),
            Code::LinkExpired => (StatusCode::FORBIDDEN, "link_expired"),
            Code::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Code::FileMissing => (StatusCode::NOT_FOUND, "file_missing"),
            Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Code::BodyStalled => (StatusCode::REQUEST_TIMEOUT, "body_stalled"),
            Code::Exists => (StatusCode::CONFLICT, "exists"),
            Code::Changed => (StatusCode::CONFLICT, "changed"),
            Code::Ambiguous => (StatusCode::CONFLICT, "ambiguous"),
            Code::OffsetConflict => (StatusCode::CONFLICT, "offset_conflict"),
            Code::TakenOver => (StatusCode::CONFLICT, "taken_over"),
            Code::Gone => (StatusCode::GONE, "gone"),
            Code::OtherVersion => (StatusCode::PRECONDITION_FAILED, "other_version"),
            Code::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow"),
            Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Code::NotMedia => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_media"),
            Code::Unsupported => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported"),
            Code::Empty => (StatusCode::BAD_REQUEST, "empty"),
            Code::LengthConflict => (StatusCode::BAD_REQUEST, "length_conflict"),
            Code::BrokenOff => (StatusCode::BAD_REQUEST, "broken_off"),
            Code::Missing => (StatusCode::UNPROCESSABLE_ENTITY, "missing"),
            Code::TooManyUploads => (StatusCode::TOO_MANY_REQUESTS, "too_many_uploads"),
            // To a tus client it is said by tus's own number.
            Code::ChecksumMismatch => (StatusCode::BAD_REQUEST, "checksum_mismatch"),
            Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Code::NotJson => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json"),
            Code::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
            Code::Broken => (StatusCode::INTERNAL_SERVER_ERROR, "broken"),
            Code::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            Code::NeverFits => (StatusCode::INSUFFICIENT_STORAGE, "never_fits"),
            Code::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            Code::Quota => (StatusCode::INSUFFICIENT_STORAGE, "quota"),
        }
    }
}

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Error {
    code: Code,
    message: Cow<'static, str>,
    hint: Option<Cow<'static, str>>,
    retry_after: Option<Duration>,
}

impl Error {
    /// A failure with what the user may read about it.
    pub(crate) fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Error { code, message: message.into(), hint: None, retry_after: None }
    }

    /// Adds what the user may do about it.
    pub(crate) fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds when asking again makes sense.
    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// A fault of ours: the user reads that there was one, the log reads which.
    pub(crate) fn broken(what: &'static str, why: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = why, what, "a request failed");
        Error::new(Code::Broken, what).hint("the server's log has more under this X-Request-ID")
    }

    /// Whether there is nothing of that, or nothing for these eyes.
    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.code, Code::NotFound)
    }

    #[cfg(test)]
    pub(crate) fn status(&self) -> StatusCode {
        self.code.known().0
    }
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorAnswer<'a> {
    /// What went wrong.
    error: ErrorWords<'a>,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
pub(crate) struct ErrorWords<'a> {
    /// A word that programs may rely on.
    #[schema(example = "not_found")]
    code: &'a str,
    /// A sentence for people.
    message: &'a str,
    /// What to do about it, where something can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.code.known();
        let words = ErrorWords { code, message: &self.message, hint: self.hint.as_deref() };
        let mut answer = json::answer(status, &ErrorAnswer { error: words });
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::UNAUTHORIZED {
            challenge(headers);
        }
        if let Some(after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds_up(after)));
        }
        answer
    }
}

/// An error in the words of the audio platform, on its own paths: `{"detail"}`.
#[derive(Debug)]
pub(crate) struct Detail(Error);

impl<E: Into<Error>> From<E> for Detail {
    fn from(error: E) -> Self {
        Detail(error.into())
    }
}

/// The body of such an error.
#[derive(Serialize)]
struct DetailAnswer<'a> {
    detail: &'a str,
}

impl IntoResponse for Detail {
    fn into_response(self) -> Response {
        let Detail(error) = self;
        let text = serde_json::to_vec(&DetailAnswer { detail: &error.message }).unwrap_or_default();
        // There, what is no audio is a bad request.
        let is_other_media = matches!(error.code, Code::NotMedia);
        let (mut head, _) = error.into_response().into_parts();
        if is_other_media {
            head.status = StatusCode::BAD_REQUEST;
        }
        head.headers.remove(CONTENT_LENGTH);
        Response::from_parts(head, Body::from(text))
    }
}

/// The two ways that a client may take without a page (RFC 9110 section 11.6.1; RFC 7617, RFC 6750).
fn challenge(headers: &mut HeaderMap) {
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Millpond\", charset=\"UTF-8\""));
    headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Millpond\""));
}

/// Takes the way back that a browser shows a window of its own for: what a page asks for must not open one, the page has a
/// form. The other challenge stays, because there must be one.
pub(crate) fn only_bearer(headers: &mut HeaderMap) {
    if headers.remove(WWW_AUTHENTICATE).is_some() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"Millpond\""));
    }
}

/// Whole seconds, at least one: `Retry-After: 0` would invite a busy loop.
pub(crate) fn seconds_up(after: Duration) -> u64 {
    after.as_secs().saturating_add(u64::from(after.subsec_nanos() > 0)).max(1)
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let code = match refused.fault {
            Fault::Caller => Code::TooMany,
            Fault::Server => Code::Busy,
            Fault::Never => return Error::new(Code::NeverFits, refused.to_string()),
        };
        Error::new(code, refused.to_string()).retry_after(refused.retry_after)
    }
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Self {
        use catalog::ErrorKind;
        let shown = error.public().to_owned();
        match error.kind() {
            ErrorKind::NotFound => {
                Error::new(Code::NotFound, "there is no such thing here, or it is not yours to see")
            }
            ErrorKind::Exists => Error::new(Code::Exists, shown),
            ErrorKind::Changed => {
                Error::new(Code::Changed, shown).hint("read it again, and change what it is now")
            }
            ErrorKind::Ambiguous => Error::new(Code::Ambiguous, shown),
            ErrorKind::Invalid => Error::new(Code::Invalid, shown),
            ErrorKind::NotAllowed => Error::new(Code::NotAllowed, shown),
            ErrorKind::Quota => Error::new(Code::Quota, shown),
            ErrorKind::Busy => {
                Error::new(Code::Busy, "the database is busy").retry_after(limits::RETRY_AFTER)
            }
            ErrorKind::Unavailable => Error::broken("the database does not answer", &error),
        }
    }
}

impl From<catalog::Refusal> for Error {
    fn from(refusal: catalog::Refusal) -> Self {
        use catalog::Refusal;
        match refusal {
            Refusal::Wrong => {
                Error::new(Code::SignInWrong, "the name, password, key or session is not valid")
            }
            Refusal::TooManyFailures { retry_after } => {
                Error::new(Code::TooMany, "too many failed sign-ins").retry_after(retry_after)
            }
            Refusal::Busy(refused) => refused.into(),
            Refusal::TokenNotSupported => {
                Error::new(Code::SignInWrong, "this way to sign in does not work for this user")
            }
            Refusal::Failed(error) => error.into(),
        }
    }
}

impl From<SplitError> for Error {
    fn from(SplitError { kind, said }: SplitError) -> Self {
        let (code, retry_after) = match kind {
            SplitErrorKind::NotFound => (Code::NotFound, None),
            SplitErrorKind::Empty => (Code::Empty, None),
            SplitErrorKind::TooLarge => (Code::TooLarge, None),
            SplitErrorKind::NoModel => (Code::Missing, None),
            SplitErrorKind::NeverFits => (Code::NeverFits, None),
            SplitErrorKind::TooMany { retry_after } => (Code::TooMany, Some(retry_after)),
            SplitErrorKind::Busy { retry_after } => (Code::Busy, Some(retry_after)),
            SplitErrorKind::Full => (Code::DiskFull, Some(limits::RETRY_AFTER)),
            SplitErrorKind::Broken => (Code::Broken, None),
        };
        let error = Error::new(code, said);
        match retry_after {
            Some(after) => error.retry_after(after),
            None => error,
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        use store::ErrorKind;
        match error.kind {
            ErrorKind::NotFound | ErrorKind::NotAFile => {
                Error::new(Code::FileMissing, "the file is not in its library now")
                    .hint("a scan notices what moved")
            }
            ErrorKind::Escapes => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a name leads out of its library folder"
                );
                Error::new(Code::FileMissing, "the file is not in its library now")
            }
            ErrorKind::Changed => {
                Error::new(Code::Busy, "the file is being changed").retry_after(limits::RETRY_AFTER)
            }
            ErrorKind::Full => Error::new(Code::NeverFits, "the disk or a limit of its folder is full"),
            ErrorKind::Unreachable => {
                Error::new(Code::Busy, "the store cannot be reached now").retry_after(limits::RETRY_AFTER)
            }
            ErrorKind::ReadOnly
            | ErrorKind::Locked
            | ErrorKind::Format
            | ErrorKind::Lost
            | ErrorKind::Broken
            | ErrorKind::Corrupt
            | ErrorKind::Io => Error::broken("the file cannot be read", &error),
        }
    }
}

/// What could not be made of a picture or a video.
impl From<transform::Error> for Error {
    fn from(error: transform::Error) -> Self {
        use transform::ErrorKind;
        let said = error.context.clone();
        match error.kind {
            ErrorKind::NoFfmpeg | ErrorKind::NoPicture | ErrorKind::NoSound | ErrorKind::BehindTheEnd => {
                Error::new(Code::NotFound, said)
            }
            ErrorKind::Unsupported => Error::new(Code::NotMedia, said),
            ErrorKind::TooLarge => Error::new(Code::NeverFits, said),
            ErrorKind::Busy { retry_after, is_callers } => {
                Error::new(if is_callers { Code::TooMany } else { Code::Busy }, said).retry_after(retry_after)
            }
            ErrorKind::Gone | ErrorKind::Changed | ErrorKind::Killed => {
                Error::new(Code::Busy, said).retry_after(limits::RETRY_AFTER)
            }
            ErrorKind::Stalled | ErrorKind::Failed | ErrorKind::Source | ErrorKind::Lied | ErrorKind::Io => {
                Error::broken("the picture cannot be made", &error)
            }
        }
    }
}

impl From<ingest::Error> for Error {
    fn from(error: ingest::Error) -> Self {
        use ingest::ErrorKind;
        let said = error.said.clone();
        let again = |code, said| Error::new(code, said).retry_after(limits::RETRY_AFTER);
        match error.kind {
            ErrorKind::NotFound => Error::new(Code::NotFound, said),
            ErrorKind::Gone => Error::new(Code::Gone, said),
            ErrorKind::Conflict { .. } => {
                Error::new(Code::OffsetConflict, said).hint("HEAD says in Upload-Offset where to go on")
            }
            ErrorKind::TakenOver => Error::new(Code::TakenOver, said),
            ErrorKind::Mismatch => Error::new(Code::ChecksumMismatch, said),
            ErrorKind::TooLarge { .. } => Error::new(Code::TooLarge, said)
                .hint("send a smaller file, or ask an admin to take larger ones"),
            ErrorKind::LengthConflict => Error::new(Code::LengthConflict, said),
            ErrorKind::NotMedia => Error::new(Code::NotMedia, said)
                .hint("mp3, flac, wav, aiff, ogg, opus, m4a, webm, mp4, mov, mkv; jpg, png, webp, gif"),
            ErrorKind::Empty => Error::new(Code::Empty, said)
                .hint("look at the file where it came from, and choose it again when it is whole"),
            ErrorKind::Full { .. } => {
                again(Code::DiskFull, said).hint("ask an admin to make room, and go on then")
            }
            ErrorKind::Quota { .. } => {
                Error::new(Code::Quota, said).hint("remove something that you sent, or ask an admin for more")
            }
            ErrorKind::TooManyUploads => {
                again(Code::TooManyUploads, said).hint("your account on the page of the server lists them")
            }
            ErrorKind::Refused(refused) => refused.into(),
            ErrorKind::TooSlow => Error::new(Code::TooSlow, said),
            ErrorKind::BrokenOff => Error::new(Code::BrokenOff, said),
            ErrorKind::BadRequest => Error::new(Code::Invalid, said),
            ErrorKind::Unsupported => Error::new(Code::Unsupported, said),
            ErrorKind::NotAllowed => Error::new(Code::NotAllowed, said),
            ErrorKind::Store => Error::broken("the file could not be kept", &error),
            ErrorKind::Catalog => {
                let beneath = std::error::Error::source(&error);
                let is_busy = beneath
                    .and_then(|beneath| beneath.downcast_ref::<catalog::Error>())
                    .is_some_and(|beneath| beneath.kind() == catalog::ErrorKind::Busy);
                if !is_busy {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "an upload met a database that failed"
                    );
                }
                again(Code::Busy, said)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_of_an_upload_says_what_to_do_about_it() {
        use ingest::ErrorKind;
        let cases = [
            (ErrorKind::TooLarge { max: 1 }, 413, false),
            (ErrorKind::Empty, 400, false),
            (ErrorKind::TooManyUploads, 429, true),
            (ErrorKind::Quota { max: 1 }, 507, false),
            (ErrorKind::Full { free: 1 }, 507, true),
        ];
        for (kind, status, comes_later) in cases {
            let error = Error::from(ingest::Error::new(kind.clone(), "no"));
            assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "{kind:?}");
            let answer = error.into_response();
            let says_when = answer.headers().contains_key(RETRY_AFTER);
            assert_eq!((answer.status().as_u16(), says_when), (status, comes_later), "{kind:?}");
        }
    }

    #[test]
    fn a_refusal_says_whose_limit_it_was_and_when_to_come_back() {
        let cases = [
            (Fault::Caller, Duration::from_secs(3), 429, Some("3")),
            (Fault::Server, Duration::from_millis(1), 503, Some("1")),
            (Fault::Server, Duration::ZERO, 503, Some("1")),
            (Fault::Never, Duration::from_secs(9), 507, None),
        ];
        for (fault, retry_after, status, header) in cases {
            let answer = Error::from(Refused { what: "streams", fault, retry_after }).into_response();
            assert_eq!(answer.status().as_u16(), status, "{fault:?}");
            let said = answer.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(said, header, "{fault:?}");
        }
    }
}
