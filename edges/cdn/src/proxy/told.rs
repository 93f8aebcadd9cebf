//! What an answer says of how it came about: `Cache-Status` (RFC 9211), `Age`, `Via`.

use std::fmt::Write as _;

use axum::body::Body;
use axum::response::Response;
use http::header::{AGE, CACHE_CONTROL, HeaderMap, HeaderValue};
use http::{HeaderName, StatusCode};
use stream::Foreign;

use super::ask::Ask;
use super::fields;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Why the origin was asked, in the words of RFC 9211 section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its method is not for caches.
    Method,
    /// The request would have nothing else.
    Request,
    /// Nothing was kept that it means.
    Miss,
    /// What was kept was too old.
    Stale,
}

/// How an answer came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// It was kept.
    Hit,
    /// It was another's, who asked a moment before.
    Collapsed,
    /// The origin was asked.
    Asked { why: Why, status: StatusCode, is_stored: bool },
}

impl Told {
    fn words(self) -> String {
        match self {
            Told::Hit => "millpond; hit".to_owned(),
            Told::Collapsed => "millpond; fwd=miss; collapsed".to_owned(),
            Told::Asked { why, status, is_stored } => {
                let why = match why {
                    Why::Method => "method",
                    Why::Request => "request",
                    Why::Miss => "miss",
                    Why::Stale => "stale",
                };
                let mut words = format!("millpond; fwd={why}; fwd-status={}", status.as_u16());
                if is_stored {
                    // Writing to a String cannot fail.
                    let _ = write!(words, "; stored");
                }
                words
            }
        }
    }
}

/// Status, fields and body as one answer, that nobody changes on its way out.
pub(crate) fn answer(
    ask: &Ask,
    status: StatusCode,
    mut fields: HeaderMap,
    body: Body,
    told: Told,
) -> Response {
    if let Ok(words) = HeaderValue::try_from(told.words()) {
        fields.append(CACHE_STATUS, words);
    }
    fields::via(&mut fields);
    if !ask.origin.public {
        // What needs a sign-in is each browser's own.
        fields.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    }
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response.extensions_mut().insert(Foreign);
    response.extensions_mut().insert(told);
    response
}

/// Says how old it is, in whole seconds (RFC 9111 section 5.1).
pub(crate) fn aged(fields: &mut HeaderMap, age_ms: u64) {
    fields.insert(AGE, HeaderValue::from(age_ms / 1_000));
}
