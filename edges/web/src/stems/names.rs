//! What a song that is sent may be called.

use std::borrow::Cow;

use axum::http::HeaderMap;
use axum::http::header::CONTENT_DISPOSITION;
use budget::limits::SEPARATE_NAME_BYTES_MAX;
use percent_encoding::percent_decode_str;

use crate::error::{Code, Error};

/// The names of formats that are taken apart, as files end in them.
pub(super) const EXTENSIONS: [&str; 5] = ["mp3", "wav", "ogg", "flac", "m4a"];

/// What no name may have, and what people call it.
const REFUSED: [(char, &str); 9] = [
    ('<', "<"),
    ('>', ">"),
    (':', ":"),
    ('"', "a quotation mark"),
    ('|', "|"),
    ('?', "?"),
    ('*', "*"),
    ('/', "/"),
    ('\\', "a backslash"),
];

/// The name of a part's file, if it is one: that of `filename*` (RFC 8187) where there is one, which no form needs (RFC 7578
/// section 4.2) and some clients send all the same; otherwise `plain`, which is that of `filename`.
///
/// # Errors
/// As [`check`], also for what browsers write as `%22`, `%0D` and `%0A` (HTML, multipart/form-data encoding algorithm).
pub(super) fn named(head: &HeaderMap, plain: &str) -> Result<String, Error> {
    let disposition = head.get(CONTENT_DISPOSITION).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let name = match extended(&disposition.unwrap_or_default()) {
        Some(name) => Cow::Owned(name?),
        None => Cow::Borrowed(plain),
    };
    let escaped = percent_decode_str(&name).decode_utf8_lossy();
    match escaped.chars().find(|letter| letter.is_control() || *letter == '"') {
        Some(letter) if !name.contains(letter) => Err(has(letter).unwrap_or_else(|| unreadable("filename"))),
        _ => Ok(check(&name)?.to_owned()),
    }
}

/// What `filename*` says, if it is there: in UTF-8, the only one of its encodings that must be known.
fn extended(disposition: &str) -> Option<Result<String, Error>> {
    let value = parameters(disposition).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("filename*").then_some(value.trim())
    })?;
    let (encoding, text) = value.split_once('\'').map_or((value, ""), |(encoding, rest)| {
        (encoding, rest.split_once('\'').map_or("", |(_, text)| text))
    });
    let text = encoding.eq_ignore_ascii_case("utf-8").then(|| percent_decode_str(text).decode_utf8().ok());
    Some(text.flatten().map(Cow::into_owned).ok_or_else(|| unreadable("filename*")))
}

/// What stands between semicolons, those in quoted strings left out (RFC 9110 section 5.6.4).
fn parameters(disposition: &str) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    disposition.split(move |letter| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match letter {
            '"' if !was_escaped => is_quoted = !is_quoted,
            '\\' => is_escaped = is_quoted && !was_escaped,
            _ => {}
        }
        letter == ';' && !is_quoted
    })
}

fn unreadable(parameter: &str) -> Error {
    Error::new(Code::Invalid, format!("{parameter} is not readable as UTF-8"))
}

/// What is wrong with a name that has this letter, if anything is.
fn has(letter: char) -> Option<Error> {
    let said = match REFUSED.iter().find(|(refused, _)| *refused == letter) {
        Some((_, called)) => format!("the file name contains {called}, which no file name may"),
        None if letter == '\0' => "the file name contains NUL".to_owned(),
        None if letter.is_control() => {
            format!("the file name contains the control character U+{:04X}", letter as u32)
        }
        None => return None,
    };
    Some(Error::new(Code::Invalid, said))
}

/// A name as it was sent, if it is one. Nothing of it is ever a path here: the rules are for whoever saves what comes back.
///
/// # Errors
/// 400 that says which rule it breaks.
fn check(name: &str) -> Result<&str, Error> {
    let refuse = |why: String| Err(Error::new(Code::Invalid, why));
    if name.is_empty() {
        return refuse("the file has no name".to_owned());
    }
    if name.len() > SEPARATE_NAME_BYTES_MAX {
        return refuse(format!(
            "the file name has {} bytes; it may have {SEPARATE_NAME_BYTES_MAX}",
            name.len()
        ));
    }
    if let Some(error) = name.chars().find_map(has) {
        return Err(error);
    }
    let extension = name.rsplit_once('.').map(|(stem, extension)| (stem, extension.to_ascii_lowercase()));
    match extension {
        Some((stem, extension)) if !stem.is_empty() && EXTENSIONS.contains(&extension.as_str()) => Ok(name),
        Some((stem, extension)) if !stem.is_empty() => refuse(format!(
            "files that end in .{extension} are not taken apart; allowed are {}",
            EXTENSIONS.join(", ")
        )),
        _ => refuse(format!("the file name does not end in one of {}", EXTENSIONS.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_written_with_escapes_is_heard_and_held_to_the_same_rules() {
        let cases = [
            ("filename=\"plain.mp3\"", Ok("plain.mp3")),
            ("filename*=UTF-8''S%C3%A4nger.mp3; filename=\"plain.mp3\"", Ok("S\u{e4}nger.mp3")),
            ("filename=\"plain.mp3\"; FileName* = utf-8'de'Lied.flac", Ok("Lied.flac")),
            ("filename=\"a; filename*=b.mp3\"", Ok("plain.mp3")),
            ("filename=\"a\\\"; filename*=b.mp3\"; filename*=UTF-8''c.mp3", Ok("c.mp3")),
            ("filename*=UTF-8''so%01ng.mp3", Err("U+0001")),
            ("filename*=UTF-8''so%00ng.mp3", Err("NUL")),
            ("filename*=UTF-8''so%3Ang.mp3", Err("contains :")),
            ("filename*=UTF-8''..%2Fsong.mp3", Err("contains /")),
            ("filename*=UTF-8''so%FFng.mp3", Err("filename* is not readable as UTF-8")),
            ("filename*=latin1''song.mp3", Err("filename* is not readable as UTF-8")),
            ("filename*=song.mp3", Err("filename* is not readable as UTF-8")),
        ];
        for (parameters, expected) in cases {
            let disposition = format!("form-data; name=\"file\"; {parameters}");
            let head = HeaderMap::from_iter([(CONTENT_DISPOSITION, disposition.parse().unwrap())]);
            let found = named(&head, "plain.mp3").map_err(|error| format!("{error:?}"));
            match (found, expected) {
                (Ok(name), Ok(expected)) => assert_eq!(name, expected, "{parameters}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{parameters}: {error}"),
                (other, _) => panic!("{parameters}: {other:?}"),
            }
        }
        // As browsers write what would end the name.
        for (plain, part) in [
            ("so%0Ang.mp3", "U+000A"),
            ("so%0dng.mp3", "U+000D"),
            ("so%22ng.mp3", "a quotation mark"),
            ("so%7Fng.mp3", "U+007F"),
            ("so%00ng.mp3", "NUL"),
        ] {
            let error = format!("{:?}", named(&HeaderMap::new(), plain).unwrap_err());
            assert!(error.contains(part), "{plain}: {error}");
        }
        assert_eq!(named(&HeaderMap::new(), "100%25 %41.mp3").unwrap(), "100%25 %41.mp3", "kept as it is");
    }

    #[test]
    fn a_name_is_taken_or_the_rule_that_it_breaks_is_named() {
        let long = format!("{}.mp3", "n".repeat(252));
        let fits = format!("{}.mp3", "n".repeat(251));
        let cases = [
            ("song.mp3", None),
            ("Ein Lied – für uns.FLAC", None),
            ("a.b.m4a", None),
            (fits.as_str(), None),
            (long.as_str(), Some("256 bytes; it may have 255")),
            ("", Some("no name")),
            ("so:ng.mp3", Some("contains :")),
            ("so<ng.mp3", Some("contains <")),
            ("so>ng.mp3", Some("contains >")),
            ("so\"ng.mp3", Some("a quotation mark")),
            ("so|ng.mp3", Some("contains |")),
            ("song?.mp3", Some("contains ?")),
            ("song*.mp3", Some("contains *")),
            ("so\0ng.mp3", Some("NUL")),
            ("so\u{7}ng.mp3", Some("U+0007")),
            ("so\u{85}ng.mp3", Some("U+0085")),
            ("../song.mp3", Some("contains /")),
            ("C\\song.mp3", Some("a backslash")),
            ("song", Some("does not end in one of mp3, wav, ogg, flac, m4a")),
            (".mp3", Some("does not end in one of")),
            ("song.txt", Some(".txt are not taken apart")),
        ];
        for (name, expected) in cases {
            match (check(name), expected) {
                (Ok(taken), None) => assert_eq!(taken, name),
                (Err(error), Some(part)) => {
                    assert_eq!(error.status().as_u16(), 400);
                    assert!(format!("{error:?}").contains(part), "{name:?}: {error:?}");
                }
                (other, _) => panic!("{name:?}: {other:?}"),
            }
        }
    }
}
