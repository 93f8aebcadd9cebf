//! From a request and a segment to an answer.

use std::fmt;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use budget::Refused;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use httpdate::HttpDate;
use store::{Growing, Pieces};

use crate::body::Body;
use crate::condition::{self, Decision};
use crate::peer::{Client, Peer};
use crate::range::{self, Reason, Selection};
use crate::registry::{Settings, Streams};
use crate::segment::Segment;

/// Media needs sign-in, and rights can be taken away: so no shared cache may keep it (`private`), and whoever keeps it
/// asks each time (`no-cache`), which costs one 304 because the validator is sent along. `no-store` would throw away
/// what a player has already loaded each time somebody jumps back (RFC 9111 section 5.2.2).
const CACHE: HeaderValue = HeaderValue::from_static("private, no-cache");
const BYTES: HeaderValue = HeaderValue::from_static("bytes");

/// How many fields an answer has, with those that come on its way out.
const FIELDS: usize = 20;

/// Three numbers of 64 bits and what stands between them in `Content-Range` are 68 letters.
// format: the longest value of that field
const WRITTEN_BYTES_MAX: usize = 80;

/// What a stream is to the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A song or a video: it takes a slot of its user's and of the server's.
    Media,
    /// A picture. A page of albums asks for a hundred at once, so they take no slots of streams, and have a ceiling of
    /// their own for each user.
    Picture,
}

/// For whom a stream runs.
#[derive(Clone, Debug)]
pub struct Listener {
    /// What it counts as.
    pub kind: Kind,
    /// The user whose limit counts.
    pub user: i64,
    /// That user's name, for the list of streams.
    pub user_name: Arc<str>,
    /// What is played, for the list of streams.
    pub what: String,
    /// Where to.
    pub client: Client,
    /// The connection that the answer goes out on, or its stream where a connection carries many.
    pub peer: Arc<Peer>,
}

impl Streams {
    /// Answers a request for a segment: 200, 206, 304, 412 or 416 (RFC 9110 sections 13 to 15).
    ///
    /// HEAD gets the fields of GET without the bytes, and no slot. Conditions and ranges count for GET and HEAD, and
    /// ranges for GET alone; any other method (a form sent by POST) gets the whole.
    ///
    /// # Errors
    /// [`Refused`] when the user has all his streams or all his pictures and small answers, or the server has no slot or
    /// no memory left.
    pub fn answer(
        &self,
        method: &Method,
        headers: &HeaderMap,
        segment: Segment,
        listener: Listener,
    ) -> Result<Response<Body>, Refused> {
        let now = SystemTime::now();
        let ranges = match condition::decide(method, headers, &segment.current(now)) {
            Decision::NotModified => return Ok(not_modified(&segment)),
            Decision::Failed => return Ok(bare(StatusCode::PRECONDITION_FAILED)),
            Decision::Send { ranges } => ranges,
        };
        let selection = select(method, headers, ranges, segment.count);
        self.inner.metrics.range(selection, segment.count);
        let (status, offset, count) = match selection {
            Selection::NotSatisfiable => return Ok(not_satisfiable(segment.count)),
            Selection::Whole(_) => (StatusCode::OK, 0, segment.count),
            Selection::Single { offset, count } => (StatusCode::PARTIAL_CONTENT, offset, count),
        };
        let body = if method == Method::HEAD {
            Body::empty()
        } else {
            // A segment that reaches beyond all numbers ends where its source does, with an error.
            Body::of(&self.inner, &segment.source, (segment.offset.saturating_add(offset), count), listener)?
        };
        let Settings { segment_bytes_range, segment_bytes_whole, .. } = self.inner.settings;
        let is_range = status == StatusCode::PARTIAL_CONTENT;
        let offer = body.offer(if is_range { segment_bytes_range } else { segment_bytes_whole });
        let mut response = Response::new(body);
        *response.status_mut() = status;
        // Room for those of the layers too: a map that grows moves all that it has.
        *response.headers_mut() = HeaderMap::with_capacity(FIELDS);
        if let Some(offer) = offer {
            response.extensions_mut().insert(offer);
        }
        describe(response.headers_mut(), &segment, count, now);
        if is_range {
            set(response.headers_mut(), CONTENT_RANGE, content_range(offset, count, segment.count));
        }
        Ok(response)
    }
}

impl Streams {
    /// The body of an answer that another server gives, as it comes. Status and fields are the caller's, who says by
    /// [`Foreign`](crate::Foreign) that nobody else changes them.
    ///
    /// # Errors
    /// As [`Streams::answer`].
    pub fn pass(&self, pieces: Pieces, listener: Listener) -> Result<Body, Refused> {
        Body::passing(&self.inner, pieces, listener)
    }

    /// Answers a request for something that is being made: 200 without a length, a validator or ranges, which nobody
    /// keeps. It breaks off when it cannot be made to its end.
    ///
    /// # Errors
    /// As [`Streams::answer`].
    pub fn answer_growing(
        &self,
        method: &Method,
        growing: Growing,
        content_type: HeaderValue,
        listener: Listener,
    ) -> Result<Response<Body>, Refused> {
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::following(&self.inner, growing, None, listener)?,
        };
        Ok(passing(body, content_type))
    }

    /// The same for something of which it is certain how long it will be: a range is given as soon as it is there. It
    /// breaks off, too, when it ends before the length that was said.
    ///
    /// A range on a condition is no range here, because nothing tells yet what is being made from another one (RFC 9110
    /// section 13.1.5).
    ///
    /// # Errors
    /// As [`Streams::answer`].
    pub fn answer_foreseen(
        &self,
        method: &Method,
        headers: &HeaderMap,
        (growing, length): (Growing, u64),
        content_type: HeaderValue,
        listener: Listener,
    ) -> Result<Response<Body>, Refused> {
        let ranges = !headers.contains_key(IF_RANGE);
        let (status, offset, count) = match select(method, headers, ranges, length) {
            Selection::NotSatisfiable => return Ok(not_satisfiable(length)),
            Selection::Whole(_) => (StatusCode::OK, 0, length),
            Selection::Single { offset, count } => (StatusCode::PARTIAL_CONTENT, offset, count),
        };
        let part = offset..offset.saturating_add(count);
        let mut response = self.answer_part(method, growing, part, content_type, listener)?;
        *response.status_mut() = status;
        response.headers_mut().insert(ACCEPT_RANGES, BYTES);
        if status == StatusCode::PARTIAL_CONTENT {
            set(response.headers_mut(), CONTENT_RANGE, content_range(offset, count, length));
        }
        Ok(response)
    }

    /// The same for a part of it that is something by itself, and that is there already: it has a length.
    ///
    /// # Errors
    /// As [`Streams::answer`].
    pub fn answer_part(
        &self,
        method: &Method,
        growing: Growing,
        part: Range<u64>,
        content_type: HeaderValue,
        listener: Listener,
    ) -> Result<Response<Body>, Refused> {
        let length = HeaderValue::from(part.end.saturating_sub(part.start));
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::following(&self.inner, growing, Some(part), listener)?,
        };
        let mut response = passing(body, content_type);
        response.headers_mut().insert(CONTENT_LENGTH, length);
        Ok(response)
    }
}

/// An answer that nobody keeps.
fn passing(body: Body, content_type: HeaderValue) -> Response<Body> {
    let mut response = Response::new(body);
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, content_type);
    fields.insert(ACCEPT_RANGES, HeaderValue::from_static("none"));
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn select(method: &Method, headers: &HeaderMap, ranges: bool, length: u64) -> Selection {
    let mut values = headers.get_all(RANGE).iter();
    match (values.next(), values.next()) {
        (None, _) => Selection::Whole(Reason::NotAsked),
        (Some(_), _) if method != Method::GET => Selection::Whole(Reason::NotGet),
        (Some(_), _) if !ranges => Selection::Whole(Reason::Changed),
        (Some(_), Some(_)) => Selection::Whole(Reason::Several),
        (Some(value), None) => range::select(value.as_bytes(), length),
    }
}

/// The fields of 200 and 206. Fields are set and never cleared: what others put there stays.
fn describe(fields: &mut HeaderMap, segment: &Segment, count: u64, now: SystemTime) {
    fields.insert(CONTENT_TYPE, segment.content_type.clone());
    fields.insert(CONTENT_LENGTH, HeaderValue::from(count));
    fields.insert(ACCEPT_RANGES, BYTES);
    fields.insert(CACHE_CONTROL, CACHE);
    set(fields, ETAG, segment.etag());
    set(fields, LAST_MODIFIED, segment.modified(now).map(date));
    set(fields, CONTENT_DISPOSITION, segment.disposition.header());
}

fn set(fields: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        fields.insert(name, value);
    }
}

/// 304 with the fields that section 15.4.5 asks for. `Content-Length` would have to be that of the 200, and is left out.
fn not_modified(segment: &Segment) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response.headers_mut().insert(CACHE_CONTROL, CACHE);
    set(response.headers_mut(), ETAG, segment.etag());
    response
}

/// 416 says how long the representation is (section 14.4), so that the client can ask for what exists.
fn not_satisfiable(length: u64) -> Response<Body> {
    let mut response = bare(StatusCode::RANGE_NOT_SATISFIABLE);
    response.headers_mut().insert(ACCEPT_RANGES, BYTES);
    set(response.headers_mut(), CONTENT_RANGE, written(format_args!("bytes */{length}")));
    response
}

fn bare(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
    response
}

/// `count` is at least one here.
fn content_range(offset: u64, count: u64, length: u64) -> Option<HeaderValue> {
    let last = offset.saturating_add(count).saturating_sub(1);
    written(format_args!("bytes {offset}-{last}/{length}"))
}

fn date(time: SystemTime) -> HeaderValue {
    written(format_args!("{}", HttpDate::from(time)))
        .unwrap_or(HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"))
}

/// A value of few letters. It is written on the stack, because a text that grows as it is written costs more than all
/// the rest of making a value.
fn written(text: fmt::Arguments<'_>) -> Option<HeaderValue> {
    let mut room = [0; WRITTEN_BYTES_MAX];
    let mut rest = &mut room[..];
    rest.write_fmt(text).ok()?;
    let left = rest.len();
    HeaderValue::from_bytes(&room[..WRITTEN_BYTES_MAX - left]).ok()
}

#[cfg(test)]
mod tests;
