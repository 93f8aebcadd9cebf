//! Whether a request's conditions hold (RFC 9110 section 13).

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, Method};

/// The state of a representation that conditions are compared with.
#[derive(Clone, Copy, Debug)]
pub struct Current<'a> {
    /// The opaque tag, without quotes.
    pub tag: &'a str,
    /// Whether equal tags mean equal bytes (section 8.8.1).
    pub tag_is_strong: bool,
    /// What `Last-Modified` says, if it is sent.
    pub modified: Option<SystemTime>,
    /// Whether equal dates mean equal bytes (section 8.8.2.2).
    pub modified_is_strong: bool,
}

/// What the conditions decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Send the representation; a `Range` field counts only if `ranges` is true.
    Send {
        /// False when `If-Range` names another state.
        ranges: bool,
    },
    /// 304: the client has it already.
    NotModified,
    /// 412: it is not what the client takes it for.
    Failed,
}

/// Evaluates all conditional fields in the order of section 13.2.2. For methods other than GET and HEAD nothing is
/// evaluated: they do not select a representation here.
pub fn decide(method: &Method, headers: &HeaderMap, current: &Current<'_>) -> Decision {
    if method != Method::GET && method != Method::HEAD {
        return Decision::Send { ranges: false };
    }
    if headers.contains_key(IF_MATCH) {
        if !current.is_listed(headers, IF_MATCH, Comparison::Strong) {
            return Decision::Failed;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, IF_UNMODIFIED_SINCE), current.seconds())
        && modified > date
    {
        return Decision::Failed;
    }
    if headers.contains_key(IF_NONE_MATCH) {
        if current.is_listed(headers, IF_NONE_MATCH, Comparison::Weak) {
            return Decision::NotModified;
        }
    } else if let (Some(date), Some(modified)) = (date(headers, IF_MODIFIED_SINCE), current.seconds())
        && modified <= date
    {
        return Decision::NotModified;
    }
    Decision::Send { ranges: current.if_range(headers) }
}

/// How two tags are compared (section 8.8.3.2).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// The same bytes: both tags are strong and equal.
    Strong,
    /// As good as the same: the opaque parts are equal.
    Weak,
}

impl Current<'_> {
    /// Whether one of a field's tags is ours, or the field is `*`, which any representation matches.
    fn is_listed(&self, headers: &HeaderMap, name: HeaderName, comparison: Comparison) -> bool {
        let mut values = headers.get_all(&name).iter();
        if let (Some(only), None) = (values.next(), values.next())
            && only.as_bytes().trim_ascii() == b"*"
        {
            return true;
        }
        let tags = headers.get_all(&name).iter().flat_map(|value| Tags { rest: value.as_bytes() });
        tags.into_iter().any(|tag| self.matches(tag, comparison))
    }

    fn matches(&self, theirs: Tag<'_>, comparison: Comparison) -> bool {
        let strong = self.tag_is_strong && !theirs.is_weak;
        (strong || comparison == Comparison::Weak) && theirs.opaque == self.tag.as_bytes()
    }

    /// Whether a `Range` may be honoured (section 13.1.5). A weak tag, or a date that may stand for two runs of bytes,
    /// never lets a client join parts of different files.
    fn if_range(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(IF_RANGE).iter();
        let (value, more) = (values.next(), values.next());
        let Some(value) = value else { return true };
        if more.is_some() {
            return false;
        }
        let mut tags = Tags { rest: value.as_bytes() };
        if let Some(tag) = tags.next() {
            return tags.rest.is_empty() && self.matches(tag, Comparison::Strong);
        }
        let date = date(headers, IF_RANGE);
        self.modified_is_strong && date.is_some() && date == self.seconds()
    }

    /// When it was modified, in the whole seconds that a date can say.
    fn seconds(&self) -> Option<u64> {
        self.modified.and_then(seconds)
    }
}

/// The date of a field. A field with several values or without a valid date is as good as absent (sections 13.1.3 and
/// 13.1.4). All three formats of section 5.6.7 are understood.
fn date(headers: &HeaderMap, name: HeaderName) -> Option<u64> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    seconds(httpdate::parse_http_date(value.to_str().ok()?).ok()?)
}

fn seconds(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}

/// One entity tag of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag<'a> {
    opaque: &'a [u8],
    is_weak: bool,
}

/// The entity tags of a list (section 8.8.3), with empty elements passed over (section 5.6.1.2). It ends at the first
/// thing that is no tag: what stands behind it could be read in more than one way.
///
/// ```text
/// entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE         etagc = %x21 / %x23-7E / obs-text
/// ```
struct Tags<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        let start = self.rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b','))?;
        let text = &self.rest[start..];
        let (text, is_weak) = text.strip_prefix(b"W/").map_or((text, false), |text| (text, true));
        let text = text.strip_prefix(b"\"")?;
        let end = text.iter().position(|byte| !matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))?;
        let (opaque, behind) = (&text[..end], text[end..].strip_prefix(b"\"")?);
        let behind = behind.trim_ascii_start();
        if !behind.is_empty() && !behind.starts_with(b",") {
            return None;
        }
        self.rest = behind;
        Some(Tag { opaque, is_weak })
    }
}

#[cfg(test)]
mod tests;
