//! JSON in and out: bodies with a limit, a type and no unknown fields; ids and queries that exist only parsed.

use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{fmt, io};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use budget::{Budget, Permit, Pool, limits};
use catalog::UnixMs;
use http_body_util::BodyExt;
use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::App;
use crate::error::{Code, Error};

/// A JSON answer that is small by its nature; long ones go through [`crate::held`].
pub(crate) fn answer<T: Serialize>(status: StatusCode, what: &T) -> Response {
    // Serialising our own types into memory cannot fail: their keys are strings and no map is read twice.
    let text = serde_json::to_vec(what).unwrap_or_default();
    typed(status, "application/json", Body::from(text))
}

/// An answer of a type.
pub(crate) fn typed(status: StatusCode, content_type: &'static str, body: Body) -> Response {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// The current moment.
pub(crate) fn now() -> UnixMs {
    jiff::Timestamp::now().as_millisecond()
}

/// A moment as RFC 3339 text.
pub(crate) fn moment(at: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(at).unwrap_or_default().to_string()
}

/// A moment of the system's clock as RFC 3339 text, in whole milliseconds like every other.
pub(crate) fn system_moment(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    moment(UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX))
}

/// The names that a JSON body may have.
pub(crate) trait Fields: DeserializeOwned {
    /// All of them.
    const NAMES: &'static [&'static str];
}

/// A parsed JSON body of at most [`limits::FORM_BYTES_MAX`] bytes.
pub(crate) struct Form<T>(pub(crate) T);

impl<T: Fields> FromRequest<Arc<App>> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Error> {
        let (head, body) = request.into_parts();
        if !is_json(&head.headers) {
            let text = "the body must be JSON, with Content-Type: application/json";
            return Err(Error::new(Code::NotJson, text));
        }
        let declared =
            head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if declared.is_some_and(|length| length > limits::FORM_BYTES_MAX) {
            return Err(too_large());
        }
        // However it trickles, it must be whole within a time.
        let whole = tokio::time::timeout(Duration::from_millis(limits::FORM_MS), gather(&app.budget, body));
        let (text, _permit) = whole.await.map_err(|_| stalled())??;
        parse(&text).map(Form)
    }
}

/// The text of a body and the permit that it is held under, which grows with the bytes that came.
async fn gather(budget: &Budget, mut body: Body) -> Result<(Vec<u8>, Option<Permit>), Error> {
    let (mut text, mut permit) = (Vec::new(), None);
    while let Some(frame) = body.frame().await {
        // Trailers say nothing that we ask for.
        let Ok(piece) = frame.map_err(broken)?.into_data() else { continue };
        let bytes = text.len() + piece.len();
        if bytes > limits::FORM_BYTES_MAX {
            return Err(too_large());
        }
        if bytes > text.capacity() {
            let room = bytes.next_power_of_two().clamp(limits::FORM_FIRST_BYTES, limits::FORM_BYTES_MAX);
            // While the text moves, both places are held.
            let larger = budget.wait(Pool::Listings, room as u64).await?;
            text.reserve_exact(room - text.len());
            permit = Some(larger);
        }
        text.extend_from_slice(&piece);
    }
    Ok((text, permit))
}

/// Whose fault it is that a body has no end. The connection ends one of which nothing came for too long, and says so
/// by the kind of its error.
pub(crate) fn broken(error: axum::Error) -> Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<io::Error>().is_some_and(|inner| inner.kind() == io::ErrorKind::TimedOut) {
            return stalled();
        }
        cause = inner.source();
    }
    Error::new(Code::Invalid, "the request body broke off")
}

pub(crate) fn stalled() -> Error {
    Error::new(Code::BodyStalled, "the request body stopped coming")
}

fn too_large() -> Error {
    let text = format!("the body is longer than {} bytes", limits::FORM_BYTES_MAX);
    Error::new(Code::BodyTooLarge, text)
}

/// Whether the body calls itself JSON (RFC 9110 section 8.3; `+json` by RFC 6839).
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads the names first, so that every unknown one can be named, then the values.
fn parse<T: Fields>(text: &[u8]) -> Result<T, Error> {
    let not_json = |error: serde_json::Error| {
        Error::new(Code::Invalid, format!("the body is not what is expected: {error}"))
    };
    let unknown = serde_json::Deserializer::from_slice(text)
        .deserialize_map(Unknown { known: T::NAMES })
        .map_err(not_json)?;
    if !unknown.is_empty() {
        let message = format!("unknown fields: {}", unknown.join(", "));
        return Err(
            Error::new(Code::UnknownField, message).hint(format!("known are: {}", T::NAMES.join(", ")))
        );
    }
    serde_json::from_slice(text).map_err(not_json)
}

/// Collects the names of an object that are not known, without keeping any value.
struct Unknown {
    known: &'static [&'static str],
}

impl<'de> Visitor<'de> for Unknown {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
        let mut unknown = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            map.next_value::<IgnoredAny>()?;
            if !self.known.contains(&name.as_str()) && unknown.len() < limits::UNKNOWN_NAMED_MAX {
                unknown.push(name.chars().take(limits::UNKNOWN_NAME_CHARS_MAX).collect());
            }
        }
        Ok(unknown)
    }
}

/// The `{id}` of a path, or the `{file_id}`. What is no id of its kind is not found.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(head: &mut request::Parts, state: &S) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(head, state).await.map_err(|_| no_such_id())?;
        let id = params
            .iter()
            .find(|(name, _)| matches!(*name, "id" | "file_id"))
            .and_then(|(_, value)| value.parse().ok());
        id.map(Id).ok_or_else(no_such_id)
    }
}

fn no_such_id() -> Error {
    Error::new(Code::NotFound, "there is no such thing here, or it is not yours to see")
}

/// A parsed query string; what it does not know it ignores.
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Error;

    async fn from_request_parts(head: &mut request::Parts, _: &S) -> Result<Self, Error> {
        let query = Query::<T>::try_from_uri(&head.uri);
        query.map(|Query(asked)| Asked(asked)).map_err(|error| {
            let why =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Error::new(Code::Invalid, format!("the query is not what is expected: {why}"))
        })
    }
}

/// How many rows somebody wants: 1 to [`limits::PAGE_ROWS_MAX`].
pub(crate) fn rows(limit: Option<usize>) -> Result<usize, Error> {
    match limit {
        None => Ok(ROWS_DEFAULT),
        Some(rows) if (1..=limits::PAGE_ROWS_MAX).contains(&rows) => Ok(rows),
        Some(_) => {
            let text = format!("limit must be a number from 1 to {}", limits::PAGE_ROWS_MAX);
            Err(Error::new(Code::Invalid, text))
        }
    }
}

/// Rows of a page when nobody says how many.
const ROWS_DEFAULT: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget {
        Budget::new(128 * limits::MIB).unwrap()
    }

    fn held(budget: &Budget) -> u64 {
        budget.figures().into_iter().find(|figures| figures.pool == Pool::Listings).unwrap().used_bytes
    }

    #[test]
    fn a_moment_of_the_systems_clock_has_whole_milliseconds() {
        let at = |nanos| SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanos);
        for (nanos, expected) in [
            (1_769_883_605_123_456_789, "2026-01-31T18:20:05.123Z"),
            (1_769_883_605_000_999_999, "2026-01-31T18:20:05Z"),
            (0, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(system_moment(at(nanos)), expected);
        }
    }

    #[tokio::test]
    async fn a_body_that_the_connection_ended_for_its_silence_is_a_timeout_and_any_other_end_is_not() {
        for (kind, status) in [(io::ErrorKind::TimedOut, 408), (io::ErrorKind::ConnectionReset, 400)] {
            let pieces = futures_util::stream::iter([Ok("{"), Err(io::Error::from(kind))]);
            let error = gather(&budget(), Body::from_stream(pieces)).await.unwrap_err();
            assert_eq!(error.status().as_u16(), status, "{kind:?}");
        }
    }

    #[tokio::test]
    async fn p05_a_body_holds_what_came_of_it_and_not_what_may_come() {
        let budget = budget();
        for (bytes, expected) in [(0, 0), (1, 16), (16 << 10, 16), (20 << 10, 32), (200 << 10, 256)] {
            let came = (bytes > 0).then(|| Ok::<_, io::Error>(vec![b' '; bytes]));
            let pieces = futures_util::stream::StreamExt::chain(
                futures_util::stream::iter(came),
                futures_util::stream::pending(),
            );
            let mut reading = std::pin::pin!(gather(&budget, Body::from_stream(pieces)));
            assert!(futures_util::FutureExt::now_or_never(reading.as_mut()).is_none());
            assert_eq!(held(&budget), expected << 10, "{bytes} bytes came");
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Sample {
        title: Option<String>,
    }

    impl Fields for Sample {
        const NAMES: &'static [&'static str] = &["title"];
    }

    #[test]
    fn a_body_is_parsed_or_its_fault_is_named() {
        let cases: &[(&str, Result<Option<&str>, &str>)] = &[
            (r#"{"title":"a"}"#, Ok(Some("a"))),
            (r#"{}"#, Ok(None)),
            (r#"{"title":null}"#, Ok(None)),
            (r#"{"owner":1,"title":"a","path":[{}]}"#, Err("unknown fields: owner, path")),
            (r#"{"title":1}"#, Err("expected a string")),
            (r#"{"title":"a"} x"#, Err("trailing characters")),
            (r#"{"title":"a","title":"b"}"#, Err("duplicate field")),
            (r#"["title"]"#, Err("a JSON object")),
            ("", Err("EOF")),
        ];
        for (text, expected) in cases {
            match (parse::<Sample>(text.as_bytes()), expected) {
                (Ok(sample), Ok(title)) => assert_eq!(sample.title.as_deref(), *title, "{text}"),
                (Err(error), Err(part)) => {
                    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
                    assert!(format!("{error:?}").contains(part), "{text}: {error:?}");
                }
                (other, _) => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_calls_itself_json() {
        let cases = [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/merge-patch+json", true),
            ("text/plain", false),
            ("text/json", false),
            ("application/x-www-form-urlencoded", false),
        ];
        for (text, expected) in cases {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(text))]);
            assert_eq!(is_json(&headers), expected, "{text}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
