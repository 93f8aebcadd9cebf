//! A kept answer, given: whole, a part of it, or that the client has it already.

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use http::{Method, StatusCode};
use store::{ErrorKind, Forwarded, Growing, Source};
use stream::{Disposition, Segment};

use super::Proxy;
use super::ask::{Ask, now_ms};
use super::conditions::{self, Part};
use super::flights::Coming;
use super::head::{Bytes, Head};
use super::keep::Stored;
use super::told::{self, Told};
use crate::error::Refused;

const BYTES: HeaderValue = HeaderValue::from_static("bytes");

impl Proxy {
    /// Gives what is kept; nothing when its bytes are gone, and then the rest of it is too.
    pub(crate) async fn give(
        &self,
        ask: &Ask,
        stored: &Stored,
        told: Told,
    ) -> Result<Option<Response>, Refused> {
        let head = &stored.head;
        let part = conditions::part(&ask.method, &ask.fields, head);
        if !conditions::is_there(part, head) {
            return Ok(None);
        }
        let (status, range) = match part {
            Part::NotModified => return Ok(Some(not_modified(ask, head, told))),
            Part::NotSatisfiable => return Ok(Some(not_satisfiable(ask, head, told))),
            Part::Whole => (head.status, (0, head.bytes.length())),
            Part::Range { offset, count } => (StatusCode::PARTIAL_CONTENT, (offset, count)),
        };
        let mut fields = described(head);
        let body = if ask.method == Method::HEAD || head.bytes == Bytes::None {
            Body::empty()
        } else {
            match self.source(ask, stored).await? {
                Some(source) => self.body(ask, source, (range.0 - head.bytes.range().0, range.1))?,
                None => {
                    self.drop_answer(ask, stored).await;
                    return Ok(None);
                }
            }
        };
        let (offset, count) = range;
        if !matches!(status, StatusCode::NO_CONTENT) {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(count));
        }
        if let Part::Range { .. } = part {
            let text = format!("bytes {offset}-{}/{}", offset + count - 1, head.bytes.length());
            set_range(&mut fields, &text);
        }
        Ok(Some(told::answer(ask, status, fields, body, told)))
    }

    /// Gives a part of something that comes, as the origin gives it.
    pub(crate) fn give_part(
        &self,
        ask: &Ask,
        answer: Forwarded,
        growing: Growing,
        told: Told,
    ) -> Result<Response, Refused> {
        let Forwarded { status, mut fields, length, .. } = answer;
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length.unwrap_or(0)));
        let (media_type, listener) = (HeaderValue::from_static(""), ask.listener.clone());
        let body = self.0.streams.answer_growing(&ask.method, growing, media_type, listener)?.into_body();
        Ok(told::answer(ask, status, fields, Body::new(body), told))
    }

    /// Gives what comes for somebody else at this moment: all of it, since its end is not there yet.
    pub(crate) fn give_coming(&self, ask: &Ask, coming: &Coming, told: Told) -> Result<Response, Refused> {
        let head = &coming.head;
        if conditions::part(&ask.method, &ask.fields, head) == Part::NotModified {
            return Ok(not_modified(ask, head, told));
        }
        let mut fields = described(head);
        fields.insert(CONTENT_LENGTH, HeaderValue::from(head.bytes.length()));
        let media_type = HeaderValue::from_static("");
        let (growing, listener) = (coming.growing.clone(), ask.listener.clone());
        let body = self.0.streams.answer_growing(&ask.method, growing, media_type, listener)?.into_body();
        Ok(told::answer(ask, head.status, fields, Body::new(body), told))
    }

    async fn source(&self, ask: &Ask, stored: &Stored) -> Result<Option<Source>, Refused> {
        match (stored.head.bytes, stored.key) {
            (bytes @ (Bytes::File(_) | Bytes::Part { .. }), Some(key)) => {
                let made = self.0.cache.get(key).await?;
                Ok(made.map(|made| made.source).filter(|source| source.len() == bytes.range().1))
            }
            (Bytes::Blocks(length), _) => {
                let Some(file) = ask.remote.file(&ask.path) else { return Ok(None) };
                match ask.remote.open_told(&file, length, &stored.head.fields).await {
                    Ok(found) => Ok(Some(found.source)),
                    Err(e) if e.kind == ErrorKind::Changed => Ok(None),
                    Err(e) => Err(e.into()),
                }
            }
            _ => Ok(None),
        }
    }

    fn body(&self, ask: &Ask, source: Source, (offset, count): (u64, u64)) -> Result<Body, Refused> {
        let (media_type, disposition) = (HeaderValue::from_static(""), Disposition::Inline);
        let validator = source.validator().clone();
        let segment = Segment { source, offset, count, content_type: media_type, disposition, validator };
        let (nothing, listener) = (HeaderMap::new(), ask.listener.clone());
        let response = self.0.streams.answer(&Method::GET, &nothing, segment, listener)?;
        Ok(Body::new(response.into_body()))
    }
}

/// The kept fields, and how old they are.
fn described(head: &Head) -> HeaderMap {
    let mut fields = head.fields.clone();
    told::aged(&mut fields, head.age_ms(now_ms()));
    if head.status == StatusCode::OK && !fields.contains_key(ACCEPT_RANGES) {
        fields.insert(ACCEPT_RANGES, BYTES);
    }
    fields
}

/// 304 (RFC 9110 section 15.4.5): without what speaks of the bytes, which do not come.
fn not_modified(ask: &Ask, head: &Head, told: Told) -> Response {
    let mut fields = described(head);
    for name in [CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING, CONTENT_RANGE, ACCEPT_RANGES] {
        fields.remove(name);
    }
    told::answer(ask, StatusCode::NOT_MODIFIED, fields, Body::empty(), told)
}

fn not_satisfiable(ask: &Ask, head: &Head, told: Told) -> Response {
    let mut fields = HeaderMap::new();
    fields.insert(ACCEPT_RANGES, BYTES);
    fields.insert(CONTENT_LENGTH, HeaderValue::from(0));
    set_range(&mut fields, &format!("bytes */{}", head.bytes.length()));
    told::answer(ask, StatusCode::RANGE_NOT_SATISFIABLE, fields, Body::empty(), told)
}

fn set_range(fields: &mut HeaderMap, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        fields.insert(CONTENT_RANGE, value);
    }
}
