//! A kept answer without its bytes, and how it is written down.

use catalog::UnixMs;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::freshness::{Rules, Times, age_ms};
use crate::settings::Kept;

/// Status, fields and times of an answer that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) times: Times,
    pub(crate) bytes: Bytes,
}

/// Where its bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bytes {
    /// There are none.
    None,
    /// In a file, so many.
    File(u64),
    /// In blocks, so many.
    Blocks(u64),
    /// A part of them, in a file (RFC 9111 section 3.3).
    Part { offset: u64, count: u64, length: u64 },
}

impl Bytes {
    /// How long all of it is.
    pub(crate) fn length(self) -> u64 {
        match self {
            Bytes::None => 0,
            Bytes::File(length) | Bytes::Blocks(length) | Bytes::Part { length, .. } => length,
        }
    }

    /// Which bytes are there: the first, and how many.
    pub(crate) fn range(self) -> (u64, u64) {
        match self {
            Bytes::Part { offset, count, .. } => (offset, count),
            whole => (0, whole.length()),
        }
    }
}

impl Head {
    /// What it says of how long it may be kept.
    pub(crate) fn rules(&self, kept: &Kept) -> Rules {
        Rules::of(self.status, &self.fields, self.times.received, kept)
    }

    /// How old it is.
    pub(crate) fn age_ms(&self, now: UnixMs) -> u64 {
        age_ms(&self.fields, self.times, now)
    }

    /// As bytes: a line of numbers, and a line for each field.
    // format: the heads in answers.db
    pub(crate) fn written(&self) -> Vec<u8> {
        let bytes = match self.bytes {
            Bytes::None => "n 0".to_owned(),
            Bytes::File(length) => format!("f {length}"),
            Bytes::Blocks(length) => format!("b {length}"),
            Bytes::Part { offset, count, length } => format!("p {length} {offset} {count}"),
        };
        let Times { requested, received } = self.times;
        let mut text = format!("1 {} {requested} {received} {bytes}\n", self.status.as_u16()).into_bytes();
        for (name, value) in &self.fields {
            // No value of a field has the end of a line in it.
            for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"] {
                text.extend_from_slice(part);
            }
        }
        text
    }

    /// Reads what [`Head::written`] wrote; nothing else is a head.
    pub(crate) fn read(text: &[u8]) -> Option<Head> {
        let mut lines = text.strip_suffix(b"\n")?.split(|byte| *byte == b'\n');
        let first = std::str::from_utf8(lines.next()?).ok()?;
        let mut words = first.split(' ');
        let mut word = || words.next();
        if word()? != "1" {
            return None;
        }
        let status = word()?.parse().ok()?;
        let times = Times { requested: word()?.parse().ok()?, received: word()?.parse().ok()? };
        let (kind, length) = (word()?, word()?.parse().ok()?);
        let bytes = match kind {
            "n" => Bytes::None,
            "f" => Bytes::File(length),
            "b" => Bytes::Blocks(length),
            "p" => Bytes::Part { offset: word()?.parse().ok()?, count: word()?.parse().ok()?, length },
            _ => return None,
        };
        let mut fields = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let name = HeaderName::from_bytes(&line[..colon]).ok()?;
            fields.append(name, HeaderValue::from_bytes(&line[colon + 1..]).ok()?);
        }
        Some(Head { status, fields, times, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else() {
        let mut fields = HeaderMap::new();
        for (name, value) in
            [("etag", &b"\"a:\xfc\""[..]), ("set-cookie", b"a=b"), ("set-cookie", b""), ("a", b"")]
        {
            fields.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let part = Bytes::Part { offset: 3, count: 2, length: 7 };
        for bytes in [Bytes::None, Bytes::File(7), Bytes::Blocks(1 << 40), part] {
            let times = Times { requested: -1, received: 1_800_000_000_000 };
            let head =
                Head { status: StatusCode::from_u16(599).unwrap(), fields: fields.clone(), times, bytes };
            let written = head.written();
            assert_eq!(Head::read(&written), Some(head));
            assert_eq!(Head::read(&written[..written.len() - 1]), None);
            assert_eq!(Head::read(&[b"2", &written[1..]].concat()), None);
        }
        assert_eq!(Head::read(b""), None);
    }
}
