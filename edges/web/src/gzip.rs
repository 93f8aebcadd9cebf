//! Text answers compressed with gzip (RFC 1952) when the client asks for it; media never.
//!
//! A compressor holds [`limits::GZIP_BYTES`] as long as its client takes, so it needs a permit; an answer that gets
//! none goes out as it is, which is always right. It is the pool of what is kept only for convenience: compressors
//! whose clients take nothing must not keep others from their lists. That, and that an answer is never turned into a 406, is why this
//! is not a ready-made layer.

use std::io::Write;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;
use budget::{Budget, Permit, Pool, limits};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body::{Body as _, Frame};

/// Fast rather than small: a listing of a large library must not hold up the listeners beside it.
const LEVEL: Compression = Compression::new(3);

/// What a request says about compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The client does not take gzip.
    No,
    /// It does, and wants the headers alone: the same as of the whole answer (RFC 9110 section 9.3.2).
    Head,
    /// It does.
    Yes,
}

impl Asked {
    /// Reads it from a request.
    pub(crate) fn by(method: &Method, headers: &HeaderMap) -> Self {
        match is_accepted(headers) {
            false => Asked::No,
            true if *method == Method::HEAD => Asked::Head,
            true => Asked::Yes,
        }
    }
}

/// Compresses an answer if it is a text, long enough, and the client takes gzip.
pub(crate) fn compress(answer: Response, asked: Asked, budget: &Budget) -> Response {
    if !is_compressible(&answer) {
        return answer;
    }
    let (mut head, body) = answer.into_parts();
    head.headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    let permit = match asked {
        Asked::No => return Response::from_parts(head, body),
        Asked::Head => None,
        Asked::Yes => match budget.take(Pool::Caches, limits::GZIP_BYTES) {
            Ok(permit) => Some(permit),
            Err(_) => return Response::from_parts(head, body),
        },
    };
    head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    head.headers.remove(CONTENT_LENGTH);
    head.headers.remove(ACCEPT_RANGES);
    weaken(&mut head.headers);
    Response::from_parts(head, Body::new(Gzip { inner: body, encoder: None, done: false, _permit: permit }))
}

/// Whether the client takes gzip.
fn is_accepted(headers: &HeaderMap) -> bool {
    takes(headers, "gzip")
}

/// Whether the client takes a coding (RFC 9110 section 12.5.3).
pub(crate) fn takes(headers: &HeaderMap, wanted_coding: &str) -> bool {
    let values = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut of_any = None;
    for choice in values.flat_map(|value| value.split(',')) {
        let mut parts = choice.split(';').map(str::trim);
        let coding = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let wanted = weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0));
        // Old clients say `x-gzip`, which is the same.
        let coding = coding.strip_prefix("x-").unwrap_or(coding);
        if coding.eq_ignore_ascii_case(wanted_coding) {
            return wanted;
        }
        if coding == "*" {
            of_any = Some(wanted);
        }
    }
    of_any.unwrap_or(false)
}

/// Whether an answer is a whole text of some length that nobody has encoded yet.
fn is_compressible(answer: &Response) -> bool {
    let headers = answer.headers();
    let whole = answer.status() != StatusCode::PARTIAL_CONTENT && !headers.contains_key(CONTENT_RANGE);
    let bare = !headers.contains_key(CONTENT_ENCODING);
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let long = declared
        .or_else(|| answer.body().size_hint().exact())
        .is_none_or(|bytes| bytes >= limits::GZIP_BYTES_MIN);
    whole && bare && long && is_text(headers)
}

/// Whether the content type is one of text. Media, archives and everything unknown are not.
fn is_text(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let application = essence.strip_prefix("application/").is_some_and(|kind| {
        ["json", "xml", "javascript", "openmetrics-text"].contains(&kind)
            || kind.ends_with("+json")
            || kind.ends_with("+xml")
    });
    // An event stream must come out event by event, which a compressor would delay.
    application || (essence.starts_with("text/") && essence != "text/event-stream")
}

/// A strong validator speaks of the bytes before compression, so it becomes a weak one (RFC 9110 section 8.8.3.3).
fn weaken(headers: &mut HeaderMap) {
    let Some(tag) = headers.get(ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/")) else { return };
    let weak = [b"W/", tag.as_bytes()].concat();
    if let Ok(weak) = HeaderValue::from_bytes(&weak) {
        headers.insert(ETAG, weak);
    }
}

/// A body on its way through a compressor. An error inside stays one: the text then has no end, and the client sees.
struct Gzip {
    inner: Body,
    /// Made with the first piece, so that an answer to HEAD never has one.
    encoder: Option<GzEncoder<Vec<u8>>>,
    done: bool,
    _permit: Option<Permit>,
}

impl http_body::Body for Gzip {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        while !this.done {
            let piece = match ready!(Pin::new(&mut this.inner).poll_frame(cx)) {
                Some(Err(error)) => {
                    this.done = true;
                    return Poll::Ready(Some(Err(error)));
                }
                // Trailers of a text answer would belong to the uncompressed one.
                Some(Ok(frame)) => frame.into_data().ok(),
                None => {
                    this.done = true;
                    None
                }
            };
            let encoder = this.encoder.get_or_insert_with(|| GzEncoder::new(Vec::new(), LEVEL));
            let written = match piece {
                Some(piece) => encoder.write_all(&piece),
                None if this.done => encoder.try_finish(),
                None => Ok(()),
            };
            if let Err(error) = written {
                this.done = true;
                return Poll::Ready(Some(Err(axum::Error::new(error))));
            }
            let out = std::mem::take(encoder.get_mut());
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(out)))));
            }
        }
        this.encoder = None;
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.done
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;

    use super::*;
    use crate::tests::{unzipped, whole};

    #[test]
    fn gzip_is_accepted_as_the_rfc_says() {
        let cases = [
            ("gzip", true),
            ("gzip, deflate, br", true),
            ("br;q=1.0, GZIP;q=0.1", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0, *", false),
            ("identity;q=1, *;q=0", false),
            ("identity", false),
            ("gzip;q=x", false),
            ("", false),
        ];
        for (accept, expected) in cases {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            assert_eq!(is_accepted(&headers), expected, "{accept}");
        }
        assert!(!is_accepted(&HeaderMap::new()));
    }

    #[test]
    fn only_whole_texts_are_compressible() {
        let long = "x".repeat(2_000);
        let cases = [
            ("application/json", 200, None, long.as_str(), true),
            ("text/xml; charset=utf-8", 200, None, long.as_str(), true),
            ("application/vnd.api+json", 200, None, long.as_str(), true),
            ("text/html", 404, None, long.as_str(), true),
            ("text/html", 200, None, "short", false),
            ("text/plain", 206, None, long.as_str(), false),
            ("text/plain", 200, Some("br"), long.as_str(), false),
            ("text/event-stream", 200, None, long.as_str(), false),
            ("audio/mpeg", 200, None, long.as_str(), false),
            ("image/svg+xml", 200, None, long.as_str(), false),
            ("video/mp4", 200, None, long.as_str(), false),
            ("application/octet-stream", 200, None, long.as_str(), false),
        ];
        for (content_type, status, encoding, text, expected) in cases {
            let mut answer = Response::new(Body::from(text.to_owned()));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
            if let Some(encoding) = encoding {
                answer.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
            assert_eq!(is_compressible(&answer), expected, "{content_type} {status} {encoding:?}");
        }
    }

    fn streamed(pieces: Vec<Result<&'static str, std::io::Error>>) -> Response {
        let frames = pieces.into_iter().map(|piece| piece.map(|text| Frame::data(Bytes::from(text))));
        let mut answer = Response::new(Body::new(StreamBody::new(futures_util::stream::iter(frames))));
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        answer.headers_mut().insert(ETAG, HeaderValue::from_static("\"a\""));
        answer
    }

    #[tokio::test]
    async fn a_streamed_text_comes_out_whole_and_its_permit_goes_back() {
        let budget = Budget::new(256 * limits::MIB).unwrap();
        let used = |budget: &Budget| budget.figures().iter().map(|pool| pool.used_bytes).sum::<u64>();
        let before = used(&budget);
        let answer = compress(streamed(vec![Ok("{\"a\":"), Ok("[1,2"), Ok("]}")]), Asked::Yes, &budget);
        assert_eq!(answer.headers()[CONTENT_ENCODING], "gzip");
        assert_eq!(answer.headers()[ETAG], "W/\"a\"");
        assert_eq!(used(&budget), before + limits::GZIP_BYTES);
        let bytes = whole(answer.into_body()).await.unwrap();
        assert_eq!(unzipped(&bytes), b"{\"a\":[1,2]}");
        assert_eq!(used(&budget), before);
    }

    #[tokio::test]
    async fn a_text_that_breaks_off_stays_broken() {
        let budget = Budget::new(256 * limits::MIB).unwrap();
        let answer =
            compress(streamed(vec![Ok("{\"a\":"), Err(std::io::Error::other("gone"))]), Asked::Yes, &budget);
        assert!(whole(answer.into_body()).await.is_err());
    }

    #[test]
    fn a_text_without_a_permit_goes_out_as_it_is() {
        let budget = Budget::new(256 * limits::MIB).unwrap();
        let mut held = Vec::new();
        while let Ok(permit) = budget.take(Pool::Caches, limits::GZIP_BYTES) {
            held.push(permit);
        }
        let answer = compress(streamed(vec![Ok("{}")]), Asked::Yes, &budget);
        assert!(!answer.headers().contains_key(CONTENT_ENCODING));
        assert_eq!(answer.headers()[VARY], "accept-encoding");
    }
}
