//! What upload requests say in their header fields, read strictly: a field that cannot be meant is an error that names
//! it, or, where the protocol says so, as if it were not there.

use data_encoding::BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, Item, Parser};
use store::BlobId;

use budget::limits;

use crate::error::Error;

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: HeaderName = HeaderName::from_static($text);)*
    };
}

names! {
    TUS_RESUMABLE = "tus-resumable";
    TUS_VERSION = "tus-version";
    TUS_EXTENSION = "tus-extension";
    TUS_MAX_SIZE = "tus-max-size";
    TUS_CHECKSUM_ALGORITHM = "tus-checksum-algorithm";
    UPLOAD_OFFSET = "upload-offset";
    UPLOAD_LENGTH = "upload-length";
    UPLOAD_DEFER_LENGTH = "upload-defer-length";
    UPLOAD_METADATA = "upload-metadata";
    UPLOAD_EXPIRES = "upload-expires";
    UPLOAD_CONCAT = "upload-concat";
    UPLOAD_COMPLETE = "upload-complete";
    UPLOAD_LIMIT = "upload-limit";
    UPLOAD_DRAFT_INTEROP_VERSION = "upload-draft-interop-version";
    X_HTTP_METHOD_OVERRIDE = "x-http-method-override";
}

/// The text of a field that may stand once.
///
/// # Errors
/// When it stands twice or has other than visible ASCII.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Error> {
    let mut lines = headers.get_all(name).iter();
    let Some(first) = lines.next() else { return Ok(None) };
    if lines.next().is_some() {
        return Err(Error::bad_request(format!("the field {name} stands twice")));
    }
    let text = first.to_str().map_err(|_| Error::bad_request(format!("the field {name} is not ASCII")))?;
    Ok(Some(text.trim()))
}

/// A whole number from 0, as tus has them: digits and nothing else.
///
/// # Errors
/// For everything else, and for numbers that no file has.
pub(crate) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Error> {
    let Some(text) = one(headers, name)? else { return Ok(None) };
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse::<u64>().ok().filter(|n| plain && i64::try_from(*n).is_ok());
    number.map(Some).ok_or_else(|| Error::bad_request(format!("{name} must be a whole number from 0")))
}

/// The length of the request's own content, when it is known beforehand.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(http::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether the content is of this type, whatever its parameters are.
pub(crate) fn is_type(headers: &HeaderMap, wanted: &str) -> bool {
    let value = headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| {
        value.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(wanted))
    })
}

/// A structured field of one integer (RFC 9651); one that is malformed, negative or missing is `None`, as the draft and
/// the RFC want it.
pub(crate) fn integer(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    match item(headers, name)?.bare_item {
        BareItem::Integer(n) => u64::try_from(i64::from(n)).ok(),
        _ => None,
    }
}

/// A structured field of one boolean, likewise.
pub(crate) fn boolean(headers: &HeaderMap, name: &HeaderName) -> Option<bool> {
    match item(headers, name)?.bare_item {
        BareItem::Boolean(b) => Some(b),
        _ => None,
    }
}

fn item(headers: &HeaderMap, name: &HeaderName) -> Option<Item> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    // Several lines are one list to a parser, and no item.
    if lines.next().is_some() {
        return None;
    }
    Parser::new(first.as_bytes()).parse::<Item>().ok()
}

/// A boolean as a structured field.
pub(crate) const fn boolean_value(yes: bool) -> HeaderValue {
    HeaderValue::from_static(if yes { "?1" } else { "?0" })
}

/// How an upload of tus begins with others (concatenation).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Concat {
    /// It will be a part.
    Partial,
    /// It is these, one behind the other; addresses as sent.
    Final(Vec<String>),
}

/// `Upload-Concat: partial`, or `final;URL URL`.
///
/// # Errors
/// For everything else, and for more parts than there may be.
pub(crate) fn concat(text: &str) -> Result<Concat, Error> {
    if text == "partial" {
        return Ok(Concat::Partial);
    }
    let wrong = || {
        Error::bad_request("Upload-Concat must be `partial`, or `final;` and the parts with spaces between")
    };
    let urls = text.strip_prefix("final;").ok_or_else(wrong)?;
    let urls: Vec<String> = urls
        .split(' ')
        .filter(|url| !url.is_empty())
        .take(limits::UPLOAD_PARTS_MAX + 1)
        .map(str::to_owned)
        .collect();
    match urls.len() {
        0 => Err(wrong()),
        n if n > limits::UPLOAD_PARTS_MAX => {
            Err(Error::bad_request(format!("there may be {} parts at most", limits::UPLOAD_PARTS_MAX)))
        }
        _ => Ok(Concat::Final(urls)),
    }
}

/// `Upload-Metadata` of tus: pairs of a key and a value in base64, with commas between. Values that are no text are
/// kept out of the answer; what was sent is kept as it is.
///
/// # Errors
/// A key twice or none, a value that is no base64, and more than fits.
pub(crate) fn metadata(text: &str) -> Result<Vec<(&str, Option<String>)>, Error> {
    if text.len() > limits::UPLOAD_METADATA_BYTES_MAX {
        let said = format!("Upload-Metadata may have {} bytes at most", limits::UPLOAD_METADATA_BYTES_MAX);
        return Err(Error::bad_request(said));
    }
    let mut pairs: Vec<(&str, Option<String>)> = Vec::new();
    if text.trim().is_empty() {
        return Ok(pairs);
    }
    for pair in text.split(',') {
        let pair = pair.trim();
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        if key.is_empty() {
            return Err(Error::bad_request("Upload-Metadata has a value without a key"));
        }
        if pairs.iter().any(|(known, _)| *known == key) {
            return Err(Error::bad_request("Upload-Metadata has a key twice"));
        }
        let value = BASE64
            .decode(value.trim().as_bytes())
            .map_err(|_| Error::bad_request("Upload-Metadata has a value that is no base64"))?;
        pairs.push((key, String::from_utf8(value).ok()));
    }
    Ok(pairs)
}

/// The same the other way round, for uploads that did not come by tus.
pub(crate) fn metadata_of(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().filter(|(_, value)| !value.is_empty());
    let mut text =
        pairs.map(|(key, value)| format!("{key} {}", BASE64.encode(value.as_bytes()))).collect::<Vec<_>>();
    // Whole pairs or none: half a value would be another one.
    while text.iter().map(|pair| pair.len() + 1).sum::<usize>() > limits::UPLOAD_METADATA_BYTES_MAX {
        text.pop();
    }
    text.join(",")
}

/// A SHA-256 in 64 hexadecimal digits of either case.
///
/// # Errors
/// When it is none.
pub(crate) fn sha256(text: &str) -> Result<BlobId, Error> {
    let id = text.trim().to_ascii_lowercase().parse();
    id.map_err(|_| Error::bad_request("sha256 must be 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests;
