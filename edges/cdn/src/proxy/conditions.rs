//! Conditions and ranges of a request, answered from what is kept (RFC 9111 section 4.3.2, RFC 9110 sections 13 and 14).

use catalog::UnixMs;
use http::header::{
    DATE, ETAG, HeaderMap, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::{Method, StatusCode};
use stream::range::{self, Selection};

use super::date::date;
use super::head::{Bytes, Head};

/// What a date of HTTP is exact to.
// format: the seconds of RFC 9110 section 5.6.7
const DATE_MS: UnixMs = 1_000;

/// What a request gets of a kept answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// So many bytes from an offset on.
    Range { offset: u64, count: u64 },
    /// That it has it already.
    NotModified,
    /// That no such bytes are there.
    NotSatisfiable,
}

/// Whether a request has conditions that only the origin can judge (RFC 9111 section 4.3.2).
pub(crate) fn are_the_origins(request: &HeaderMap) -> bool {
    request.contains_key(IF_MATCH) || request.contains_key(IF_UNMODIFIED_SINCE)
}

/// Takes out the conditions that we answer ourselves, and the range with them, so that the origin speaks of the whole.
pub(crate) fn take_out(request: &mut HeaderMap) {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
        request.remove(name);
    }
}

/// Asks the origin whether what is kept is right still (section 4.3.1). False when it has nothing to be asked by.
pub(crate) fn put_in(request: &mut HeaderMap, head: &Head) -> bool {
    let pairs = [(IF_NONE_MATCH, ETAG), (IF_MODIFIED_SINCE, LAST_MODIFIED)];
    let mut is_asked = false;
    for (condition, validator) in pairs {
        if let Some(value) = head.fields.get(validator) {
            request.insert(condition, value.clone());
            is_asked = true;
        }
    }
    is_asked
}

/// What of an answer a request gets.
pub(crate) fn part(method: &Method, request: &HeaderMap, head: &Head) -> Part {
    // Conditions and ranges are about a representation, and only 200 gives one.
    if head.status != StatusCode::OK {
        return Part::Whole;
    }
    if is_not_modified(request, head) {
        return Part::NotModified;
    }
    let mut ranges = request.get_all(RANGE).iter();
    match (ranges.next(), ranges.next()) {
        (Some(range), None) if *method == Method::GET && range_counts(request, head) => {
            match range::select(range.as_bytes(), head.bytes.length()) {
                Selection::Whole(_) => Part::Whole,
                Selection::Single { offset, count } => Part::Range { offset, count },
                Selection::NotSatisfiable => Part::NotSatisfiable,
            }
        }
        _ => Part::Whole,
    }
}

/// Whether what is kept has the bytes of this: of a part no more is given than the ranges within it (RFC 9111 section 3.3).
pub(crate) fn is_there(part: Part, head: &Head) -> bool {
    let Bytes::Part { offset: first, count: bytes, .. } = head.bytes else { return true };
    matches!(part, Part::Range { offset, count } if offset >= first && offset + count <= first + bytes)
}

fn is_not_modified(request: &HeaderMap, head: &Head) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        let Some(tag) = head.fields.get(ETAG) else { return false };
        let tag = opaque(tag.as_bytes());
        return request.get_all(IF_NONE_MATCH).iter().any(|line| {
            line.as_bytes() == b"*" || members(line.as_bytes()).any(|member| opaque(member) == tag)
        });
    }
    let Some(since) = date(request, IF_MODIFIED_SINCE) else { return false };
    let changed = date(&head.fields, LAST_MODIFIED).or_else(|| date(&head.fields, DATE));
    changed.unwrap_or(head.times.received) <= since
}

/// `If-Range` holds for the very same bytes alone (RFC 9110 section 13.1.5).
fn range_counts(request: &HeaderMap, head: &Head) -> bool {
    let Some(wanted) = request.get(IF_RANGE) else { return true };
    let is = |name| head.fields.get(name).is_some_and(|value: &HeaderValue| value == wanted);
    (wanted.as_bytes().starts_with(b"\"") && is(ETAG)) || (is(LAST_MODIFIED) && is_settled(head))
}

/// Whether the date of what is kept names one run of bytes: what changed within the second in which it was sent may have
/// changed again in that second (RFC 9110 section 8.8.2.2).
fn is_settled(head: &Head) -> bool {
    let dates = (date(&head.fields, LAST_MODIFIED), date(&head.fields, DATE));
    matches!(dates, (Some(modified), Some(sent)) if sent - modified >= DATE_MS)
}

/// A tag without what says that it is weak, for which weak comparison does not care.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The members of a list of tags; commas within quotes part nothing.
fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    line.split(move |byte| {
        is_quoted ^= *byte == b'"';
        *byte == b',' && !is_quoted
    })
    .map(<[u8]>::trim_ascii)
    .filter(|member| !member.is_empty())
}

/// Whether an answer may change what is kept: a 304, or the answer to HEAD (sections 4.3.4 and 4.3.5). What it says of
/// validators is that of the kept one, as far as it says anything.
pub(crate) fn is_about(head: &Head, news: &HeaderMap) -> bool {
    let same = |name| news.get(&name).map(|value: &HeaderValue| head.fields.get(&name) == Some(value));
    match (same(ETAG), same(LAST_MODIFIED)) {
        (None, None) => true,
        // A weak tag says less than the date beside it.
        (tag, modified) => tag == Some(true) || modified == Some(true),
    }
}

#[cfg(test)]
mod tests;
