//! What a protocol answers, before a face gives it a body.

use std::time::{Duration, SystemTime};

use catalog::{UnixMs, UploadId, UploadRow};
use http::header::{CACHE_CONTROL, LOCATION};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::error::Error;
use crate::fields::UPLOAD_EXPIRES;

/// What an answer has to say beyond its status and its fields.
#[derive(Debug)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// The upload as it is now; the face writes it as it writes uploads.
    Upload(Box<UploadRow>),
    /// A problem document (RFC 9457) in JSON; its type is [`PROBLEM`].
    Problem(String),
}

/// The media type of [`Content::Problem`].
pub const PROBLEM: &str = "application/problem+json";

/// A request that was not done. The face has one table from kinds of errors to statuses; `headers` go with it.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: Error,
    /// What the protocol wants said along.
    pub headers: HeaderMap,
}

impl<E: Into<Error>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Refusal { error: error.into(), headers: HeaderMap::new() }
    }
}

/// What a protocol answers.
pub type Answer = Result<Response<Content>, Refusal>;

/// An answer without content.
pub(crate) fn bare(status: StatusCode) -> Response<Content> {
    let mut answer = Response::new(Content::Nothing);
    *answer.status_mut() = status;
    answer
}

/// A number as a field's value.
pub(crate) fn number(n: u64) -> HeaderValue {
    HeaderValue::from(n)
}

/// A text as a field's value. Every text that is put there consists of ASCII that we made or checked.
pub(crate) fn text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// Where an upload is: below the address that the client knows us by.
pub(crate) fn put_location(headers: &mut HeaderMap, base: &str, id: UploadId) {
    headers.insert(LOCATION, text(&format!("{base}/uploads/{id}")));
}

/// When it goes if nothing more comes.
pub(crate) fn put_expires(headers: &mut HeaderMap, expires: UnixMs) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(expires).unwrap_or(0));
    headers.insert(UPLOAD_EXPIRES, text(&httpdate::fmt_http_date(at)));
}

/// What was true a moment ago must be asked again.
pub(crate) fn put_no_store(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
