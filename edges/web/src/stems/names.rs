//! What a song that is sent may be called.

use budget::limits::SEPARATE_NAME_BYTES_MAX;

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

/// A name as it was sent, if it is one. Nothing of it is ever a path here: the rules are for whoever saves what comes back.
///
/// # Errors
/// 400 that says which rule it breaks.
pub(super) fn check(name: &str) -> Result<&str, Error> {
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
    for letter in name.chars() {
        if letter == '\0' {
            return refuse("the file name contains NUL".to_owned());
        }
        if letter.is_control() {
            return refuse(format!("the file name contains the control character U+{:04X}", letter as u32));
        }
        if let Some((_, called)) = REFUSED.iter().find(|(refused, _)| *refused == letter) {
            return refuse(format!("the file name contains {called}, which no file name may"));
        }
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
