//! What a face hands over: one part of a source, and how it is to be named.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::limits::DISPOSITION_NAME_CHARS_MAX;
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{Source, Validator};

use crate::condition::Current;

/// One representation: a run of bytes of a source, its type, its name and what tells that it changed.
///
/// Ranges are counted inside the segment: its first byte is byte 0 and its length is `count`.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Where the bytes are.
    pub source: Source,
    /// The first byte, from the start of the source.
    pub offset: u64,
    /// How many bytes.
    pub count: u64,
    /// The media type.
    pub content_type: HeaderValue,
    /// Whether a browser shows or saves it.
    pub disposition: Disposition,
    /// What tells these bytes from others; for a slice, [`Validator::derived`].
    pub validator: Validator,
}

/// Whether a browser shows or saves an answer (RFC 6266).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Shown or played; no field is sent, because this is what its absence means.
    Inline,
    /// Saved under this name, which may be any text.
    Attachment(String),
}

impl Segment {
    /// All of a source.
    pub fn whole(source: Source, content_type: HeaderValue, disposition: Disposition) -> Segment {
        let (count, validator) = (source.len(), source.validator().clone());
        Segment { source, offset: 0, count, content_type, disposition, validator }
    }

    /// Bytes inside a source that are something by themselves, such as a picture in a song; without a count, all from
    /// `offset` on. `None` when they do not lie inside it, which means that it is not the file that was looked at.
    pub fn slice(
        source: Source,
        offset: u64,
        count: Option<u64>,
        content_type: HeaderValue,
        disposition: Disposition,
    ) -> Option<Segment> {
        let behind = source.len().checked_sub(offset)?;
        let count = count.unwrap_or(behind);
        if count > behind {
            return None;
        }
        if (offset, count) == (0, source.len()) {
            return Some(Segment::whole(source, content_type, disposition));
        }
        let validator = source.validator().derived(&format!("{offset}-{count}"));
        Some(Segment { source, offset, count, content_type, disposition, validator })
    }

    /// The `ETag` field (RFC 9110 section 8.8.3).
    pub(crate) fn etag(&self) -> Option<HeaderValue> {
        let open = if self.validator.is_strong() { "\"" } else { "W/\"" };
        HeaderValue::try_from([open, self.validator.tag(), "\""].concat()).ok()
    }

    /// What `Last-Modified` may say (RFC 9110 section 8.8.2.1): nothing that lies in the future or that a date cannot
    /// express, and nothing while the validator is weak. Nobody is told a date that may still come to mean other bytes.
    pub(crate) fn modified(&self, now: SystemTime) -> Option<SystemTime> {
        let modified = self.source.modified();
        let last = UNIX_EPOCH + Duration::from_secs(LAST_DATE_SECONDS);
        (self.validator.is_strong() && UNIX_EPOCH <= modified && modified <= now.min(last))
            .then_some(modified)
    }

    /// What conditions are compared with.
    pub(crate) fn current(&self, now: SystemTime) -> Current<'_> {
        let stamp = self.source.stamp();
        Current {
            tag: self.validator.tag(),
            tag_is_strong: self.validator.is_strong(),
            modified: self.modified(now),
            // Where a program set the modification time (a copy that keeps times), it says nothing about when the bytes
            // came to be, and two files may well share it. The change time is the kernel's own.
            modified_is_strong: stamp.modified_ns.div_euclid(NANOSECONDS)
                == stamp.changed_ns.div_euclid(NANOSECONDS),
        }
    }
}

const NANOSECONDS: i64 = 1_000_000_000;

/// The last second of the year 9999, which is the last that an HTTP date can say.
const LAST_DATE_SECONDS: u64 = 253_402_300_799;

/// What may stand unescaped in an extended parameter: `attr-char` (RFC 8187 section 3.2.1).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

impl Disposition {
    /// The `Content-Disposition` field, if one is needed. Whatever the name is, it ends neither the quoted string nor
    /// the field, and it names no folder (RFC 6266 sections 4.3 and 7).
    pub fn header(&self) -> Option<HeaderValue> {
        let Disposition::Attachment(name) = self else { return None };
        let name: String = name.chars().take(DISPOSITION_NAME_CHARS_MAX).map(harmless).collect();
        let name = name.trim();
        if name.chars().all(|letter| letter == '.') {
            return Some(HeaderValue::from_static("attachment"));
        }
        // Old clients read this one: no escapes, because they disagree about them.
        let plain = |letter: char| matches!(letter, ' '..='~') && !matches!(letter, '"' | '\\' | '%');
        let fallback: String = name.chars().map(|letter| if plain(letter) { letter } else { '_' }).collect();
        let field = if fallback == name {
            format!("attachment; filename=\"{fallback}\"")
        } else {
            let extended = utf8_percent_encode(name, ESCAPED);
            format!("attachment; filename=\"{fallback}\"; filename*=UTF-8''{extended}")
        };
        HeaderValue::try_from(field).ok()
    }
}

/// Separators of folders and invisible characters that change how a name reads become `_`.
fn harmless(letter: char) -> char {
    let turns_text =
        matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if letter.is_control() || matches!(letter, '/' | '\\' | '\u{2028}' | '\u{2029}') || turns_text {
        '_'
    } else {
        letter
    }
}

#[cfg(test)]
mod tests;
