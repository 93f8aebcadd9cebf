//! The target of a request as it should have been written.
//!
//! Apps write quotation marks, angle brackets and letters of Latin-1 into addresses as they are, and hyper takes that for no
//! request. On the way to hyper they become escapes, as in browsers: `query=""` is `query=%22%22`. What else a target may
//! not have, as `{` and `|`, hyper takes as it is.
//!
//! RFC 9112, section 3.2, would rather have such a request refused than mended, since two readers who divide a line in
//! different ways are how one gets past a filter. So nothing is touched that divides anything, be it a blank, a control
//! character, `?` or `#`, nothing outside of the target, and everybody behind this sees what became of it.

use std::ops::Range;

use hyper::Uri;

/// Where in a request's first line the bytes are that come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FirstLine {
    /// In the method, or before it.
    #[default]
    Method,
    /// Where the target begins.
    Start,
    Target,
    /// Behind the target, or in what is no first line.
    Behind,
}

impl FirstLine {
    /// Goes past these bytes, which are given back with the target mended; nothing where they are right as they are.
    pub(crate) fn mend(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let target = self.pass(bytes);
        let strange = bytes[target.clone()].iter().filter(|byte| is_strange(**byte)).count();
        if strange == 0 {
            return None;
        }
        let mut mended = Vec::with_capacity(bytes.len() + 2 * strange);
        mended.extend_from_slice(&bytes[..target.start]);
        escape(&bytes[target.clone()], is_strange, &mut mended);
        mended.extend_from_slice(&bytes[target.end..]);
        Some(mended)
    }

    /// Which of these bytes are the target's.
    fn pass(&mut self, bytes: &[u8]) -> Range<usize> {
        let mut start = 0;
        if *self == FirstLine::Method {
            let is_method = |byte: &u8| byte.is_ascii_uppercase() || matches!(byte, b'\r' | b'\n');
            let Some(end) = bytes.iter().position(|byte| !is_method(byte)) else { return 0..0 };
            // What has no such beginning may be the middle of a field, of a request that was sent behind another.
            *self = if bytes[end] == b' ' { FirstLine::Start } else { FirstLine::Behind };
            start = end + 1;
        }
        if *self == FirstLine::Start
            && let Some(first) = bytes.get(start)
        {
            *self = if *first == b'/' { FirstLine::Target } else { FirstLine::Behind };
        }
        if *self != FirstLine::Target {
            return 0..0;
        }
        let length = bytes[start..].iter().position(|byte| *byte <= b' ');
        if length.is_some() {
            *self = FirstLine::Behind;
        }
        start..length.map_or(bytes.len(), |length| start + length)
    }
}

/// What came of the target in a head that hyper did not take, which may be anything. What it lacks for a target is mended.
pub(crate) fn of_head(head: &[u8]) -> Option<Uri> {
    let line = head.split(|byte| matches!(byte, b'\r' | b'\n')).next()?;
    let start = line.iter().position(|byte| *byte == b' ')? + 1;
    let version = line.windows(6).rposition(|part| part == b" HTTP/");
    let end = version.filter(|end| *end > start).unwrap_or(line.len());
    let mut target = Vec::new();
    escape(&line[start..end], |byte| is_strange(byte) || !byte.is_ascii_graphic(), &mut target);
    Uri::try_from(target).ok()
}

/// Whether hyper takes a target with that byte for none: of these beyond ASCII, unless they are UTF-8.
fn is_strange(byte: u8) -> bool {
    matches!(byte, b'"' | b'<' | b'>' | b'`' | 0x80..)
}

fn escape(bytes: &[u8], is_escaped: impl Fn(u8) -> bool, into: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        if is_escaped(*byte) {
            into.extend([b'%', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        } else {
            into.push(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a head that comes in two pieces, cut there.
    fn cut(head: &[u8], at: usize) -> Vec<u8> {
        let mut line = FirstLine::default();
        let (first, second) = head.split_at(at);
        [first, second].map(|part| line.mend(part).unwrap_or_else(|| part.to_vec())).concat()
    }

    #[test]
    fn a_target_is_mended_and_nothing_else() {
        // head, what hyper sees of it
        let cases: [(&[u8], &[u8]); 10] = [
            (
                b"GET /rest/search3?query=\"\"&f=json HTTP/1.1\r\nIf-None-Match: \"<a>\"\r\n\r\n\"",
                b"GET /rest/search3?query=%22%22&f=json HTTP/1.1\r\nIf-None-Match: \"<a>\"\r\n\r\n\"",
            ),
            (
                b"\r\nPOST /a<b>`?c=Bj\xf6rk HTTP/1.0\r\n\r\n",
                b"\r\nPOST /a%3Cb%3E%60?c=Bj%F6rk HTTP/1.0\r\n\r\n",
            ),
            ("GET /ä HTTP/1.1\r\n\r\n".as_bytes(), b"GET /%C3%A4 HTTP/1.1\r\n\r\n"),
            // What divides, and what hyper takes, stays.
            (b"GET /a|b{c}%22#\"\\^ HTTP/1.1\r\n\r\n", b"GET /a|b{c}%22#%22\\^ HTTP/1.1\r\n\r\n"),
            (b"GET /a \"b\" HTTP/1.1\r\n\r\n", b"GET /a \"b\" HTTP/1.1\r\n\r\n"),
            (b"GET /a\t\"b\" HTTP/1.1\r\n\r\n", b"GET /a\t\"b\" HTTP/1.1\r\n\r\n"),
            // No first line, or none of a target that begins with a slash.
            (b"G\"T /\" HTTP/1.1\r\n\r\n", b"G\"T /\" HTTP/1.1\r\n\r\n"),
            (b"X: GET /\"\r\n\r\n", b"X: GET /\"\r\n\r\n"),
            (b"rest of a \"field\"\r\n\r\n", b"rest of a \"field\"\r\n\r\n"),
            (b"GET http://\"/ HTTP/1.1\r\n\r\n", b"GET http://\"/ HTTP/1.1\r\n\r\n"),
        ];
        for (head, expected) in cases {
            let shown = String::from_utf8_lossy(head).into_owned();
            assert_eq!(FirstLine::default().mend(head).is_some(), head != expected, "{shown:?}");
            for at in 0..=head.len() {
                assert_eq!(cut(head, at), expected, "{shown:?} at {at}");
            }
            assert_eq!(cut(expected, 9), expected, "{shown:?} is mended twice");
        }
    }

    #[test]
    fn what_came_of_a_target_is_known() {
        for (head, expected) in [
            (
                &b"GET /rest/search3?query=a b&f=json HTTP/1.1\r\nHost: a\r\n"[..],
                Some("/rest/search3?query=a%20b&f=json"),
            ),
            (
                b"GET /rest/createPlaylist?f=json&songId=tr-1&songI",
                Some("/rest/createPlaylist?f=json&songId=tr-1&songI"),
            ),
            (b"GET /a?\x01\x7f\xff\" HTTP/3\r\n\r\n", Some("/a?%01%7F%FF%22")),
            (b"GET  HTTP/1.1\r\n", None),
            (b"GET\r\n\r\n", None),
            (b"", None),
            (b"\0\0\0\0", None),
        ] {
            let found = of_head(head).map(|target| target.to_string());
            assert_eq!(found.as_deref(), expected, "{:?}", String::from_utf8_lossy(head));
        }
    }
}
