//! Names that clients give to files and things, made harmless. What comes out is for display and for the last part of a
//! path in the catalog; no file of the server is ever called so.

use budget::limits::{TAG_TEXT_CHARS_MAX, UPLOAD_NAME_BYTES_MAX};

/// What a file is called when its name has nothing left.
const NAMELESS: &str = "upload";

/// The last part of a file name, without control characters, without dots and blanks at its ends, not too long. It is
/// never empty, never `.` or `..`, and holds no `/`, no `\` and no line break.
pub fn file_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).find(|part| !part.trim_matches(blank).is_empty()).unwrap_or_default();
    let mut name = String::new();
    for c in last.chars().filter(|c| !is_hidden(*c)) {
        if name.len() + c.len_utf8() > UPLOAD_NAME_BYTES_MAX {
            break;
        }
        name.push(c);
    }
    let name = name.trim_matches(blank);
    if name.is_empty() { NAMELESS.to_owned() } else { name.to_owned() }
}

/// A title, an artist, a tag: one line without control characters, not too long; `None` when nothing is left.
pub fn text(text: &str) -> Option<String> {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        let word: String = word.chars().filter(|c| !is_hidden(*c)).collect();
        if word.is_empty() {
            continue;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if let Some((end, _)) = line.char_indices().nth(TAG_TEXT_CHARS_MAX) {
        line.truncate(end);
    }
    let line = line.trim_end().to_owned();
    (!line.is_empty()).then_some(line)
}

/// The name without its extension, if it has one.
pub(crate) fn stem(name: &str) -> &str {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 8 => stem,
        _ => name,
    }
}

/// The extension in lower case; empty when there is none.
pub(crate) fn extension(name: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 8 => extension.to_ascii_lowercase(),
        _ => String::new(),
    }
}

fn blank(c: char) -> bool {
    c == '.' || c.is_whitespace() || is_hidden(c)
}

/// Control characters, and those that change the direction of text or have no width: a name must look like what it is.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_out_harmless() {
        let check = |given: &str, expected: &str| assert_eq!(file_name(given), expected, "{given:?}");
        check("song.mp3", "song.mp3");
        check("../../etc/passwd", "passwd");
        check("C:\\Music\\a b.flac", "a b.flac");
        check("..", "upload");
        check("", "upload");
        check("/", "upload");
        check("a\r\nSet-Cookie: x=1.mp3", "aSet-Cookie: x=1.mp3");
        check(".hidden", "hidden");
        check("dir/", "dir");
        check("\u{202e}3pm.exe", "3pm.exe");
        check("\0\0", "upload");
        check(&"ö".repeat(200), &"ö".repeat(100));
    }

    #[test]
    fn texts_are_one_line() {
        let check = |given: &str, expected: Option<&str>| {
            assert_eq!(text(given).as_deref(), expected, "{given:?}");
        };
        check("  A\ttitle\r\n here ", Some("A title here"));
        check("\n\u{0}", None);
        check("", None);
        assert_eq!(text(&"x".repeat(1_000)).map(|t| t.len()), Some(TAG_TEXT_CHARS_MAX));
    }

    proptest::proptest! {
        #[test]
        fn whatever_comes_is_a_name(given in "\\PC*|[./\\\\\\s\\x00-\\x1f]*") {
            let name = file_name(&given);
            proptest::prop_assert!(!name.is_empty() && name.len() <= UPLOAD_NAME_BYTES_MAX);
            proptest::prop_assert!(!name.contains(['/', '\\', '\n', '\r', '\0']) && name != "." && name != "..");
            proptest::prop_assert_eq!(file_name(&name), name.clone(), "a clean name stays as it is");
        }
    }
}
