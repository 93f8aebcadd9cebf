//! As much of Rust as the rules need: where comments, strings, functions and tests are. Not a parser; a scan over
//! characters that knows what may hide a brace.

use std::ops::Range;

/// A text of which every character inside a comment or a literal is a space; lines and offsets stay what they were.
pub(super) fn blanked(text: &str) -> String {
    let mut out: Vec<u8> = text.as_bytes().to_vec();
    let mut at = 0;
    while at < text.len() {
        let end = hidden_end(text, at);
        if end > at {
            out.get_mut(at..end)
                .into_iter()
                .flatten()
                .filter(|byte| **byte != b'\n')
                .for_each(|byte| *byte = b' ');
            at = end;
        } else {
            at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Where the comment or literal that starts here ends; `at` itself when none starts here.
fn hidden_end(text: &str, at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let before = text.as_bytes().get(at.wrapping_sub(1)).copied().unwrap_or(b' ');
    let in_a_word = before.is_ascii_alphanumeric() || before == b'_';
    if rest.starts_with("//") {
        return at + rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return at + comment_length(rest);
    }
    if rest.starts_with('"') {
        return at + string_length(rest);
    }
    if rest.starts_with('\'') {
        return at + char_length(rest).unwrap_or(0);
    }
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix("cr")).or_else(|| rest.strip_prefix('r'));
    match raw {
        Some(opening) if !in_a_word => {
            let hashes = opening.len() - opening.trim_start_matches('#').len();
            let Some(body) = opening.get(hashes..).and_then(|body| body.strip_prefix('"')) else { return at };
            let closing = format!("\"{}", "#".repeat(hashes));
            let length = body.find(&closing).map_or(body.len(), |end| end + closing.len());
            text.len() - body.len() + length
        }
        _ => at,
    }
}

fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = rest.as_bytes();
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string_length(rest: &str) -> usize {
    let mut escaped = true;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal; none for a lifetime.
fn char_length(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        return rest.get(3..)?.find('\'').map(|end| end + 4);
    }
    let (at, second) = characters.next()?;
    (second == '\'').then_some(at + 1)
}

/// A function, by the place of its `fn`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    /// From 1.
    pub(super) line: usize,
    /// From the line of `fn` to that of the closing brace, both counted.
    pub(super) lines: usize,
    /// From `fn` to the closing brace, in bytes.
    pub(super) bytes: Range<usize>,
}

/// Every function with a body, of a blanked text.
pub(super) fn functions(blank: &str) -> Vec<Function> {
    let mut found = Vec::new();
    for (at, _) in blank.match_indices("fn ") {
        let word =
            blank.as_bytes().get(at.wrapping_sub(1)).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        let rest = blank.get(at + 3..).unwrap_or_default();
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if word || name.is_empty() {
            continue;
        }
        if let Some(end) = body_end(blank, at) {
            let lines = blank.get(at..end).unwrap_or_default().matches('\n').count() + 1;
            found.push(Function { name, line: line(blank, at), lines, bytes: at..end });
        }
    }
    found
}

/// The byte ranges of a blanked text that are compiled only into tests.
pub(super) fn test_regions(blank: &str) -> Vec<Range<usize>> {
    let starts = blank.match_indices("#[cfg(test)]").map(|(at, _)| at);
    starts.filter_map(|at| body_end(blank, at).map(|end| at..end)).collect()
}

/// Where the first block after an offset ends; none when a `;` outside of brackets comes first.
fn body_end(blank: &str, from: usize) -> Option<usize> {
    let (mut braces, mut brackets) = (0_usize, 0_isize);
    for (at, byte) in blank.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets -= 1,
            b';' if braces == 0 && brackets == 0 => return None,
            b'{' => braces += 1,
            b'}' if braces <= 1 => return (braces == 1).then_some(at + 1),
            b'}' => braces -= 1,
            _ => {}
        }
    }
    None
}

/// The line of a byte, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or(text).matches('\n').count() + 1
}
