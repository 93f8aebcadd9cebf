//! What an uploaded file says it is, and what it is called.

use budget::limits::{SNIFF_BYTES, TAG_TEXT_CHARS_MAX, UPLOAD_NAME_BYTES_MAX};
use ingest::name;
use ingest::sniff::{Format, Sniffed, Sort, sniff as look};

/// The first line is the file's name, the rest its first bytes. A file is the same however small the pieces are in which
/// it comes: what was refused early would have been refused late, and a picture is never taken for anything else.
pub fn sniff(data: &[u8]) {
    let line_end = data.iter().position(|byte| *byte == b'\n').unwrap_or(0);
    let (line, rest) = data.split_at(line_end);
    let file = name::file_name(&String::from_utf8_lossy(line));
    let head = rest.get(1..).unwrap_or_default();
    let head = &head[..head.len().min(SNIFF_BYTES)];
    let verdict = look(head, true, &file);
    check(verdict, "whole");
    assert!(verdict != Sniffed::Unknown, "nothing more will come");
    let is_picture =
        |found: Sniffed| matches!(found, Sniffed::Format(format) if format.sort() == Sort::Image);
    let step = head.len() / 64 + 1;
    for end in (0..=head.len()).step_by(step) {
        match look(&head[..end], false, &file) {
            Sniffed::Unknown => assert!(end < SNIFF_BYTES, "there are as many bytes as are asked for"),
            early => {
                check(early, "cut");
                let refused = |found| matches!(found, Sniffed::Refused(_));
                assert_eq!(refused(early), refused(verdict), "{early:?} after {end} bytes, then {verdict:?}");
                assert_eq!(is_picture(early), is_picture(verdict), "{early:?} after {end}, then {verdict:?}");
            }
        }
    }
}

fn check(found: Sniffed, what: &str) {
    match found {
        Sniffed::Format(format) => {
            assert!(Format::ALL.contains(&format), "{what}: {format:?}");
            let sort = match format.sort() {
                Sort::Audio => "audio/",
                Sort::Video => "video/",
                Sort::Image => "image/",
            };
            assert!(format.content_type().starts_with(sort), "{what}: {format:?}");
            assert!(!format.suffix().is_empty() && !format.suffix().contains(['/', '.']), "{what}");
        }
        Sniffed::Refused(why) => assert!(!why.is_empty(), "{what}"),
        Sniffed::Unknown => {}
    }
}

/// A name and a text that a client gives. What comes out is safe as the last part of a path and as one line of a list,
/// and stays as it is when it is given again.
pub fn file_names(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    let made = name::file_name(&given);
    assert!(!made.is_empty() && made.len() <= UPLOAD_NAME_BYTES_MAX, "{given:?} → {made:?}");
    assert!(!made.contains(['/', '\\']) && made != "." && made != "..", "{given:?} → {made:?}");
    assert!(!made.chars().any(misleads), "{given:?} → {made:?}");
    assert_eq!(name::file_name(&made), made, "a clean name stays as it is");
    let path = store::RelPath::parse(&format!("a/{made}"));
    assert!(path.is_ok_and(|path| path.file_name() == made), "{made:?} is no part of a path");
    let Some(line) = name::text(&given) else { return };
    assert!(!line.is_empty() && line.chars().count() <= TAG_TEXT_CHARS_MAX, "{given:?} → {line:?}");
    assert!(!line.chars().any(misleads) && line.trim() == line, "{given:?} → {line:?}");
    assert_eq!(name::text(&line).as_deref(), Some(line.as_str()), "a clean text stays as it is");
}

/// Breaks a line, moves what stands before it, or is not seen.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
