//! JSON in and out: bodies with a limit, a type and no unknown fields; ids and queries that exist only parsed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Query, RawPathParams, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use budget::{Pool, limits};
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

/// A moment of the system's clock as RFC 3339 text.
pub(crate) fn system_moment(at: SystemTime) -> String {
    jiff::Timestamp::try_from(at).unwrap_or_default().to_string()
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
        let mut text = Vec::new();
        let mut permit = None;
        let mut body = body;
        while let Some(piece) = piece(&mut body).await? {
            if text.len() + piece.len() > limits::FORM_BYTES_MAX {
                return Err(too_large());
            }
            // Up to a few KiB belong to the connection; what is longer asks once for the most it can become.
            if permit.is_none() && (text.len() + piece.len()) as u64 > limits::SMALL_BODY_BYTES_MAX {
                permit = Some(app.budget.take(Pool::Uploads, limits::FORM_BYTES_MAX as u64)?);
            }
            text.extend_from_slice(&piece);
        }
        parse(&text).map(Form)
    }
}

/// The next piece of a body, or an error that says whose fault it is that there is none.
async fn piece(body: &mut Body) -> Result<Option<bytes::Bytes>, Error> {
    let stall = Duration::from_millis(limits::BODY_STALL_MS);
    loop {
        match tokio::time::timeout(stall, body.frame()).await {
            Err(_) => return Err(Error::new(Code::BodyStalled, "the request body stopped coming")),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => return Err(Error::new(Code::Invalid, "the request body broke off")),
            Ok(Some(Ok(frame))) => {
                // Trailers say nothing that we ask for.
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
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

/// The `{id}` of a path. What is no id of its kind is not found.
pub(crate) struct Id<T>(pub(crate) T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Id<T> {
    type Rejection = Error;

    async fn from_request_parts(head: &mut request::Parts, state: &S) -> Result<Self, Error> {
        let params = RawPathParams::from_request_parts(head, state).await.map_err(|_| no_such_id())?;
        let id = params.iter().find(|(name, _)| *name == "id").and_then(|(_, value)| value.parse().ok());
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

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stops_coming_is_not_waited_for() {
        let frames =
            futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>();
        let error = piece(&mut Body::new(http_body_util::StreamBody::new(frames))).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
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
