//! What a blob is called: by its bytes, by the short form that users see, and by the place that keeps it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::hex;

/// The longest key of a blob, in bytes.
// format: short enough for every store and for a column of the catalog
const KEY_BYTES_MAX: usize = 200;

/// Which bytes: their SHA-256. Written as 64 lower hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        BlobId(bytes)
    }

    /// The digest itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The short form that users see.
    pub fn file_id(&self) -> FileId {
        let mut start = [0; 8];
        start.copy_from_slice(&self.0[..8]);
        FileId(start)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BlobId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        hex::parse(text).map(BlobId).ok_or_else(|| unlike("SHA-256 of 64 lower hexadecimal digits", text))
    }
}

/// The first eight bytes of a [`BlobId`], in 16 lower hexadecimal digits: short enough for a link, and not unique for
/// certain, so that whoever looks one up must be ready to find two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId([u8; 8]);

impl FileId {
    /// Whether this is the short form of that id.
    pub fn matches(&self, id: &BlobId) -> bool {
        id.0.starts_with(&self.0)
    }

    /// The first and the last id that it may stand for.
    pub fn range(&self) -> (BlobId, BlobId) {
        let (mut first, mut last) = ([0; 32], [0xff; 32]);
        first[..8].copy_from_slice(&self.0);
        last[..8].copy_from_slice(&self.0);
        (BlobId(first), BlobId(last))
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FileId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        hex::parse(text).map(FileId).ok_or_else(|| unlike("file id of 16 lower hexadecimal digits", text))
    }
}

/// The name under which a backend keeps a blob: letters `a` to `z`, digits, `/`, `-` and `.`, no empty part and no
/// part that begins with a dot, at most 200 bytes. The local backend uses the 64 digits of the [`BlobId`]; S3 must know
/// the key before the bytes and uses `audio/<uuid>.<ext>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobKey(Arc<str>);

impl BlobKey {
    /// Parses a key.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no blob could be kept under this name.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let is_part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        };
        if text.len() <= KEY_BYTES_MAX && text.split('/').all(is_part) {
            return Ok(BlobKey(text.into()));
        }
        Err(unlike("key of a blob", text))
    }

    /// The key of a blob that is kept under its own digest.
    pub fn of_digest(id: &BlobId) -> Self {
        BlobKey(id.to_string().into())
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobKey({})", self.0)
    }
}

/// What the name of an uploaded file ends in, without the dot: a closed list, so that no upload chooses its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Suffix(&'static str);

impl Suffix {
    /// Every suffix there is.
    pub const ALL: [Suffix; 15] = [
        Suffix("mp3"),
        Suffix("flac"),
        Suffix("wav"),
        Suffix("aiff"),
        Suffix("ogg"),
        Suffix("opus"),
        Suffix("m4a"),
        Suffix("webm"),
        Suffix("mp4"),
        Suffix("mov"),
        Suffix("mkv"),
        Suffix("jpg"),
        Suffix("png"),
        Suffix("webp"),
        Suffix("gif"),
    ];

    /// The suffix of that name, in lower case.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not on the list.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let found = Suffix::ALL.into_iter().find(|suffix| suffix.0 == text);
        found.ok_or_else(|| unlike("suffix of a file that may be uploaded", text))
    }

    /// The suffix, without a dot.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Suffix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An error that does not repeat a text of any length.
fn unlike(what: &str, text: &str) -> Error {
    let start: String = text.chars().take(80).collect();
    Error::new(ErrorKind::NotFound, format!("{start:?} is no {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_and_read_in_lower_hexadecimal_digits_only() {
        let id = BlobId::from_bytes(std::array::from_fn(|at| at as u8 * 7));
        assert_eq!(id.to_string().parse::<BlobId>().unwrap(), id);
        assert_eq!(id.to_string().len(), 64);
        let short = id.file_id();
        assert_eq!(short.to_string(), id.to_string()[..16]);
        assert_eq!(short.to_string().parse::<FileId>().unwrap(), short);
        let upper = id.to_string().to_uppercase();
        for wrong in ["", "0", &id.to_string()[..63], &format!("{id}0"), &upper, &"é".repeat(32)] {
            assert!(wrong.parse::<BlobId>().is_err(), "{wrong}");
            assert!(wrong.parse::<FileId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_file_id_stands_for_every_id_that_begins_with_it() {
        let id = BlobId::from_bytes([9; 32]);
        let (first, last) = id.file_id().range();
        assert!(first <= id && id <= last);
        for (id, expected) in [(first, true), (last, true), (BlobId::from_bytes([8; 32]), false)] {
            assert_eq!(BlobId::from_bytes([9; 32]).file_id().matches(&id), expected);
        }
    }

    #[test]
    fn a_key_leads_nowhere_but_to_a_blob() {
        let long = "a".repeat(KEY_BYTES_MAX);
        for right in ["a", "audio/0b9c-7.flac", "images/x-1.png", &long] {
            assert_eq!(BlobKey::parse(right).unwrap().as_str(), right);
        }
        let longer = format!("{long}a");
        for wrong in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", "a/.b", "A", "a b", "a_b", "a\n", "a\0", "ä",
            &longer,
        ] {
            assert_eq!(BlobKey::parse(wrong).unwrap_err().kind, ErrorKind::NotFound, "{wrong:?}");
        }
        let id = BlobId::from_bytes([255; 32]);
        assert_eq!(BlobKey::of_digest(&id), BlobKey::parse(&id.to_string()).unwrap());
    }

    #[test]
    fn a_suffix_is_on_the_list_or_is_none() {
        for suffix in Suffix::ALL {
            assert_eq!(Suffix::parse(suffix.as_str()).unwrap(), suffix);
        }
        for wrong in ["", "MP3", "exe", "mp3 ", ".mp3"] {
            assert!(Suffix::parse(wrong).is_err(), "{wrong}");
        }
    }
}
