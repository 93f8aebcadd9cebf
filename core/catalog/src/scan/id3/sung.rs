//! The frames of ID3 that hold what is sung (ID3v2.4 sections 4.8 and 4.9).

use super::texts::decode;
use crate::scan::lyrics::{Lyrics, language_of};

/// Times are counted in milliseconds, not in frames.
// format: ID3v2.4 section 4.9
const MILLISECONDS: u8 = 2;

/// Whether a frame holds what is sung.
pub(super) fn is_wanted(id: &[u8; 4]) -> bool {
    matches!(id, b"USLT" | b"ULT ") || is_synced(id)
}

fn is_synced(id: &[u8; 4]) -> bool {
    matches!(id, b"SYLT" | b"SLT ")
}

/// What a frame says; `None` when it says nothing that can be shown.
pub(super) fn read(id: &[u8; 4], content: &[u8]) -> Option<Lyrics> {
    let (&encoding, rest) = content.split_first()?;
    let (language, rest) = rest.split_at_checked(3)?;
    let language = std::str::from_utf8(language).ok().and_then(language_of);
    if !is_synced(id) {
        let text = decode(encoding, text_and_rest(encoding, rest).1);
        return Some(Lyrics::of_text(text.trim_end_matches('\0'), language));
    }
    let [format, _kind, rest @ ..] = rest else { return None };
    let (_description, mut rest) = text_and_rest(encoding, rest);
    let mut pieces = Vec::new();
    while *format == MILLISECONDS && !rest.is_empty() {
        let (text, behind) = text_and_rest(encoding, rest);
        let Some((time, behind)) = behind.split_first_chunk() else { break };
        pieces.push((u64::from(u32::from_be_bytes(*time)), decode(encoding, text)));
        rest = behind;
    }
    Some(Lyrics::of_pieces(pieces, language))
}

/// A text up to the zero that ends it, and what is behind that.
fn text_and_rest(encoding: u8, bytes: &[u8]) -> (&[u8], &[u8]) {
    let (end, zero_bytes) = match encoding {
        1 | 2 => (bytes.chunks_exact(2).position(|pair| pair == [0, 0]).map(|pairs| 2 * pairs), 2),
        _ => (bytes.iter().position(|byte| *byte == 0), 1),
    };
    match end {
        Some(end) => (&bytes[..end], &bytes[end + zero_bytes..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &[u8; 4], content: &[u8], expected: &[(Option<u64>, &str)]) {
        let lyrics = read(id, content).unwrap_or_default();
        let lines: Vec<_> = lyrics.lines.iter().map(|line| (line.start_ms, line.text.as_str())).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_sung_is_read_in_both_kinds_of_frames() {
        check(b"USLT", b"\x03engname\0One\nTwo", &[(None, "One"), (None, "Two")]);
        check(b"USLT", b"\x01eng\xff\xfe\0\0\xff\xfeO\0n\0", &[(None, "On")]);
        check(b"ULT ", b"\0eng\0[00:01.00]One", &[(Some(1_000), "One")]);
        check(
            b"SYLT",
            b"\x03eng\x02\x01name\0One\0\0\0\x01\0Two\0\0\0\x02\0",
            &[(Some(256), "One"), (Some(512), "Two")],
        );
        check(b"SYLT", b"\x02eng\x02\x01\0\0\0O\0\0\0\0\x01\0", &[(Some(256), "O")]);
        // In frames of MPEG; breaking off; hardly begun.
        check(b"SYLT", b"\x03eng\x01\x01\0One\0\0\0\x01\0", &[]);
        check(b"SYLT", b"\x03eng\x02\x01\0One\0\0\0\x01\0Two\0\0\0", &[(Some(256), "One")]);
        for short in [&b""[..], b"\x03", b"\x03en", b"\x03eng\x02"] {
            check(b"SYLT", short, &[]);
        }
        assert_eq!(read(b"USLT", b"\x03deu\0x").unwrap().language.as_deref(), Some("deu"));
        assert_eq!(read(b"USLT", b"\x03XXX\0x").unwrap().language, None);
    }
}
