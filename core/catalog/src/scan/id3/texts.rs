//! The frames of ID3 that hold text, each kind with its own order of parts.

use lofty::id3::v1::GENRES;

use crate::scan::fields::{self, Field};
use crate::scan::words::Words;

/// Whose ids of recordings are looked at.
const MUSICBRAINZ: &str = "http://musicbrainz.org";

/// Whether a frame holds text that is looked at.
pub(super) fn is_wanted(id: &[u8; 4]) -> bool {
    is_own_text(id)
        || is_comment(id)
        || is_file_id(id)
        || is_list_of_people(id)
        || fields::of_frame(id).is_some()
}

fn is_own_text(id: &[u8; 4]) -> bool {
    matches!(id, b"TXXX" | b"TXX ")
}

fn is_comment(id: &[u8; 4]) -> bool {
    matches!(id, b"COMM" | b"COM ")
}

fn is_file_id(id: &[u8; 4]) -> bool {
    matches!(id, b"UFID" | b"UFI ")
}

fn is_list_of_people(id: &[u8; 4]) -> bool {
    matches!(id, b"TIPL" | b"TMCL" | b"IPLS" | b"IPL ")
}

/// Adds what a frame says.
pub(super) fn add(words: &mut Words, id: &[u8; 4], content: &[u8]) {
    if is_file_id(id) {
        let mut parts = content.splitn(2, |byte| *byte == 0);
        if parts.next() == Some(MUSICBRAINZ.as_bytes()) {
            words.add(Field::RecordingId, &latin_1(parts.next().unwrap_or_default()));
        }
        return;
    }
    let Some((&encoding, text)) = content.split_first() else { return };
    if is_comment(id) {
        // Behind the language. Comments that have a name are notes of programs for themselves.
        let text = decode(encoding, text.get(3..).unwrap_or_default());
        if let Some((name, comment)) = text.split_once('\0')
            && is_blank(name)
        {
            words.add(Field::Comment, comment);
        }
        return;
    }
    let text = decode(encoding, text);
    if is_own_text(id) {
        let (name, values) = text.split_once('\0').unwrap_or_default();
        if let Some(field) = fields::named(name.trim_start_matches('\u{feff}')) {
            values.split('\0').for_each(|value| words.add(field, value));
        }
    } else if is_list_of_people(id) {
        add_people(words, id == b"TMCL", &text);
    } else if let Some(field) = fields::of_frame(id) {
        // A slash separates names in version 2.3 too, and is part of so many that it is left where it stands.
        text.split('\0').for_each(|value| add_value(words, field, value));
    }
}

fn is_blank(text: &str) -> bool {
    text.trim_start_matches('\u{feff}').is_empty()
}

/// Pairs of what somebody did, or the instrument that he plays, and his name.
fn add_people(words: &mut Words, are_musicians: bool, text: &str) {
    let mut parts = text.split('\0').map(|part| part.trim_start_matches('\u{feff}').trim());
    while let (Some(part), Some(name)) = (parts.next(), parts.next()) {
        match fields::of_part(part) {
            _ if name.is_empty() => {}
            Some(field) if !are_musicians => words.add(field, name),
            _ if are_musicians && !part.is_empty() => {
                words.add(Field::Performer, &format!("{name} ({part})"))
            }
            _ if are_musicians => words.add(Field::Performer, name),
            _ => {}
        }
    }
}

/// Adds a value; genres may be numbers of the list in [`GENRES`]: `17`, `(17)`, `(17)Rock`.
fn add_value(words: &mut Words, field: Field, value: &str) {
    if field != Field::Genre {
        return words.add(field, value);
    }
    let named = |number: &str| number.parse::<usize>().ok().and_then(|number| GENRES.get(number).copied());
    let mut rest = value.trim();
    if let Some(name) = named(rest) {
        return words.add(field, name);
    }
    while let Some((number, behind)) = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')) {
        let Some(name) = named(number) else { break };
        words.add(field, name);
        rest = behind;
    }
    words.add(field, rest);
}

/// Text in one of the four encodings (ID3v2.4 section 4).
pub(super) fn decode(encoding: u8, bytes: &[u8]) -> String {
    let utf_16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
    };
    match (encoding, bytes) {
        (0, _) => latin_1(bytes),
        (1, [0xfe, 0xff, text @ ..]) | (2, text) => utf_16(text, u16::from_be_bytes),
        (1, [0xff, 0xfe, text @ ..]) | (1, text) => utf_16(text, u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Text in UTF-16 whose first character is the mark that tells the order of bytes.
pub(in crate::scan) fn utf_16(bytes: &[u8]) -> String {
    decode(1, bytes)
}

pub(in crate::scan) fn latin_1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(id: &[u8; 4], content: &[u8], field: Field, expected: &[&str]) {
        let mut words = Words::default();
        assert!(is_wanted(id));
        add(&mut words, id, content);
        assert_eq!(words.values(field), expected, "{}", String::from_utf8_lossy(content));
    }

    fn utf_16(text: &str) -> Vec<u8> {
        let words = text.split('\0').map(|part| format!("\u{feff}{part}")).collect::<Vec<_>>().join("\0");
        [1].into_iter().chain(words.encode_utf16().flat_map(u16::to_le_bytes)).collect()
    }

    #[test]
    fn each_kind_of_frame_has_its_own_parts() {
        check(b"TPE1", b"\x03A\0B/C\0", Field::Artist, &["A", "B/C"]);
        check(b"TXXX", b"\x03ARTISTS\0A\0B", Field::Artists, &["A", "B"]);
        check(b"TXXX", &utf_16("replaygain_track_gain\0-1 dB"), Field::TrackGain, &["-1 dB"]);
        check(b"TXXX", b"\x03nothing", Field::Artists, &[]);
        check(b"COMM", b"\0eng\0a note", Field::Comment, &["a note"]);
        check(b"COMM", b"\0engiTunNORM\0 0000", Field::Comment, &[]);
        check(b"COMM", b"\x01eng\xff\xfe\0\0\xff\xfen\0o\0", Field::Comment, &["no"]);
        check(b"COM ", b"\0e", Field::Comment, &[]);
        check(b"UFID", b"http://musicbrainz.org\0an id", Field::RecordingId, &["an id"]);
        check(b"UFID", b"http://elsewhere\0an id", Field::RecordingId, &[]);
        check(b"TIPL", b"\x03producer\0P\0mix\0M\0friend\0F\0odd", Field::Producer, &["P"]);
        check(b"IPLS", &utf_16("DJ-mix\0D"), Field::DjMixer, &["D"]);
        check(b"TMCL", b"\x03oboe\0O\0\0V\0flute\0", Field::Performer, &["O (oboe)", "V"]);
        check(b"TIPL", b"", Field::Producer, &[]);
    }
}
