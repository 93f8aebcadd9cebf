//! What the head of an answer says of a file, and whether it can be true.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use budget::limits::{BLOB_BLOCK_BYTES, REMOTE_FIELD_BYTES_MAX, REMOTE_SETTLED_MS};
use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName,
    IF_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};
use http::{HeaderValue, StatusCode};

use super::trouble::{Trouble, TroubleKind};

/// What is known of a file at an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Length in bytes.
    pub(super) length: u64,
    /// The entity tag as it came, with its quotes.
    pub(super) tag: Option<Box<str>>,
    /// `Last-Modified` as it came.
    pub(super) modified: Option<Box<str>>,
    /// Whether that date is old enough to name one run of bytes.
    pub(super) is_settled: bool,
    pub(super) media_type: Option<Box<str>>,
    /// Whether it comes only from its first byte to its last, and is longer than one block.
    pub(super) comes_whole: bool,
}

/// The range that an opening asks for: one byte tells the length of the whole.
const FIRST: Range<u64> = 0..1;

impl Known {
    /// What an answer to a request for the first byte says of the whole.
    ///
    /// # Errors
    /// What the status says, a lie, or [`TroubleKind::NoRanges`] for a file that comes only whole, and nobody knows how
    /// long it is.
    pub(super) fn read(status: StatusCode, fields: &HeaderMap) -> Result<Known, Trouble> {
        let length = match status {
            StatusCode::PARTIAL_CONTENT => {
                let (range, whole) = content_range(fields)?;
                if range != Some(FIRST) || whole == 0 {
                    return Err(Trouble::lie("another range came than the one that was asked for"));
                }
                whole
            }
            StatusCode::RANGE_NOT_SATISFIABLE => match content_range(fields)? {
                (None, 0) => 0,
                _ => return Err(Trouble::lie("the first byte of a file that has one is refused")),
            },
            StatusCode::OK => {
                let whole = number(fields, CONTENT_LENGTH)?;
                whole.ok_or_else(|| Trouble::new(TroubleKind::NoRanges, "no length is told"))?
            }
            status => return Err(refused(status)),
        };
        let comes_whole = status == StatusCode::OK && length > BLOB_BLOCK_BYTES;
        Ok(Known { comes_whole, ..Known::told(length, fields)? })
    }

    /// What an answer to somebody else's request said of the whole, whose length it told in its own way.
    ///
    /// # Errors
    /// A lie.
    pub(super) fn told(length: u64, fields: &HeaderMap) -> Result<Known, Trouble> {
        is_plain(fields)?;
        let modified = short(fields, LAST_MODIFIED)?;
        Ok(Known {
            length,
            tag: tag(fields)?,
            is_settled: modified.is_some_and(|modified| is_settled(fields, modified)),
            modified: modified.map(Box::from),
            media_type: short(fields, CONTENT_TYPE)?.map(Box::from),
            comes_whole: false,
        })
    }

    /// The tag, if equal tags mean equal bytes.
    pub(super) fn strong_tag(&self) -> Option<&str> {
        self.tag.as_deref().filter(|tag| !tag.starts_with("W/"))
    }

    /// When the bytes changed last, as far as that is told.
    pub(super) fn modified_at(&self) -> SystemTime {
        self.modified
            .as_deref()
            .and_then(|text| httpdate::parse_http_date(text).ok())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    /// The fields of a request for a range of exactly this file.
    pub(super) fn fields(&self, range: &Range<u64>) -> HeaderMap {
        let mut fields = first_fields();
        let mut set = |name, text: &str| {
            if let Ok(value) = HeaderValue::from_str(text) {
                fields.insert(name, value);
            }
        };
        set(RANGE, &format!("bytes={}-{}", range.start, range.end - 1));
        if let Some(tag) = self.strong_tag() {
            set(IF_MATCH, tag);
            set(IF_RANGE, tag);
        } else if let Some(modified) = &self.modified {
            set(IF_UNMODIFIED_SINCE, modified);
        }
        fields
    }

    /// Whether an answer is this range of exactly this file.
    ///
    /// # Errors
    /// [`TroubleKind::Changed`] when it is another file by now; a lie; what the status says.
    pub(super) fn check(
        &self,
        status: StatusCode,
        fields: &HeaderMap,
        range: &Range<u64>,
    ) -> Result<(), Trouble> {
        let changed = || Trouble::new(TroubleKind::Changed, "the file at the origin is another by now");
        let is_whole = match status {
            StatusCode::PARTIAL_CONTENT => false,
            StatusCode::OK => true,
            StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE => return Err(changed()),
            status => return Err(refused(status)),
        };
        if !self.is_same(fields)? {
            return Err(changed());
        }
        let told = number(fields, CONTENT_LENGTH)?;
        if is_whole {
            if told.is_some_and(|told| told != self.length) {
                return Err(changed());
            }
            if *range != (0..self.length) {
                return Err(Trouble::lie("the whole file came where a part was asked for"));
            }
        } else {
            let (came, whole) = content_range(fields)?;
            if whole != self.length {
                return Err(changed());
            }
            if came.as_ref() != Some(range) {
                return Err(Trouble::lie("another range came than the one that was asked for"));
            }
        }
        if told.is_some_and(|told| told != range.end - range.start) {
            return Err(Trouble::lie("a length came that is not the range's"));
        }
        is_plain(fields)
    }

    /// Whether the validators of an answer are those that are known. One that was told must be told again.
    fn is_same(&self, fields: &HeaderMap) -> Result<bool, Trouble> {
        if self.tag.is_some() || fields.contains_key(ETAG) {
            return Ok(tag(fields)?.as_deref() == self.tag.as_deref());
        }
        Ok(short(fields, LAST_MODIFIED)? == self.modified.as_deref())
    }
}

/// The fields of a request for the first byte.
pub(super) fn first_fields() -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(8);
    fields.insert(http::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    fields.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
    fields.insert(http::header::USER_AGENT, HeaderValue::from_static("millpond"));
    fields.insert(RANGE, HeaderValue::from_static("bytes=0-0"));
    fields
}

fn refused(status: StatusCode) -> Trouble {
    Trouble::new(TroubleKind::Status(status.as_u16()), format!("the origin answered {}", status.as_u16()))
}

/// Bytes that are something else than the file's are refused: they were asked for as they are.
fn is_plain(fields: &HeaderMap) -> Result<(), Trouble> {
    for (name, fine) in [(CONTENT_ENCODING, "identity"), (TRANSFER_ENCODING, "chunked")] {
        if short(fields, name.clone())?.is_some_and(|text| !text.eq_ignore_ascii_case(fine)) {
            return Err(Trouble::lie(format!("the bytes came encoded, by {name}")));
        }
    }
    let kind = short(fields, CONTENT_TYPE)?.unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("multipart/byteranges") {
        return Err(Trouble::lie("several ranges came where one was asked for"));
    }
    Ok(())
}

/// The one value of a field, if it has one and its text is as short as it should be.
fn short(fields: &HeaderMap, name: HeaderName) -> Result<Option<&str>, Trouble> {
    let mut values = fields.get_all(&name).iter();
    let (first, second) = (values.next(), values.next());
    let Some(value) = first else { return Ok(None) };
    match value.to_str() {
        Ok(text) if second.is_none() && text.len() <= REMOTE_FIELD_BYTES_MAX => Ok(Some(text)),
        _ => Err(Trouble::lie(format!("the field {name} has no value that it could have"))),
    }
}

fn number(fields: &HeaderMap, name: HeaderName) -> Result<Option<u64>, Trouble> {
    let Some(text) = short(fields, name.clone())? else { return Ok(None) };
    digits(text).map(Some).ok_or_else(|| Trouble::lie(format!("the field {name} has no number")))
}

/// A number in digits alone, without the sign that the standard parser takes.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// `Content-Range` (RFC 9110 section 14.4): the range, none when it is unsatisfied, and the length of the whole.
fn content_range(fields: &HeaderMap) -> Result<(Option<Range<u64>>, u64), Trouble> {
    let wrong = || Trouble::lie("the field content-range says no range of a length");
    let text = short(fields, CONTENT_RANGE)?.ok_or_else(wrong)?;
    let (range, whole) =
        text.strip_prefix("bytes ").and_then(|text| text.split_once('/')).ok_or_else(wrong)?;
    let whole = digits(whole).ok_or_else(wrong)?;
    if range == "*" {
        return Ok((None, whole));
    }
    let (first, last) = range.split_once('-').ok_or_else(wrong)?;
    let (first, last) = (digits(first).ok_or_else(wrong)?, digits(last).ok_or_else(wrong)?);
    if first > last || last >= whole {
        return Err(wrong());
    }
    Ok((Some(first..last + 1), whole))
}

/// The entity tag as it came; none when it is not written as one is (RFC 9110 section 8.8.3).
fn tag(fields: &HeaderMap) -> Result<Option<Box<str>>, Trouble> {
    let Some(text) = short(fields, ETAG)? else { return Ok(None) };
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').and_then(|opaque| opaque.strip_suffix('"'));
    let is_tag = inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'));
    Ok(is_tag.then(|| text.into()))
}

fn is_settled(fields: &HeaderMap, modified: &str) -> bool {
    let date = |text: &str| httpdate::parse_http_date(text).ok();
    let sent = fields.get(DATE).and_then(|value| value.to_str().ok()).and_then(date);
    let (Some(sent), Some(modified)) = (sent, date(modified)) else { return false };
    sent.duration_since(modified).is_ok_and(|age| age >= Duration::from_millis(REMOTE_SETTLED_MS))
}

#[cfg(test)]
mod tests;
