//! Lists of songs as players write them: M3U, plain and extended. There is no standard; this reads what is about.
//!
//! A line is a path, or an address, or begins with `#`: `#EXTINF:123,Artist - Title` tells of the song on the next line, and
//! `#PLAYLIST:Name` of the whole. Lines are UTF-8, and where they are not, they pass for Latin-1, as old players write them.
//! Paths are those of the machine that wrote the list.

use std::borrow::Cow;
use std::fmt::Write as _;

use budget::limits::M3U_LINE_BYTES_MAX;
use catalog::{Track, Wanted};

/// A song of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The number of its line, from 1.
    pub(super) line: u64,
    /// The line.
    pub(super) text: String,
    /// What it says.
    pub(super) wanted: Wanted,
}

/// Reads a list that comes in pieces. Of a line that is too long, the end is passed over.
#[derive(Debug, Default)]
pub(super) struct Reader {
    line: Vec<u8>,
    lines: u64,
    /// What was said of the song on the next line.
    told: Option<(Option<String>, String)>,
    /// What the list calls itself.
    pub(super) name: Option<String>,
}

impl Reader {
    /// The next song; takes what it reads away from the piece. Nothing when the piece is at its end.
    pub(super) fn next(&mut self, piece: &mut &[u8]) -> Option<Entry> {
        while !piece.is_empty() {
            let end = piece.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, rest) = piece.split_at(end.unwrap_or(piece.len()));
            let room = M3U_LINE_BYTES_MAX - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            *piece = rest;
            if let Some(end) = rest.first() {
                *piece = &rest[1..];
                let entry = self.end_line();
                // A pair of both signs is one end, and counts by the second of them.
                self.lines += u64::from(*end == b'\n');
                if entry.is_some() {
                    return entry;
                }
            }
        }
        None
    }

    /// The last song, whose line has no end.
    pub(super) fn last(&mut self) -> Option<Entry> {
        self.end_line()
    }

    fn end_line(&mut self) -> Option<Entry> {
        let bytes = std::mem::take(&mut self.line);
        let text = decoded(&bytes);
        let text = text.trim_start_matches('\u{feff}').trim();
        let Some(rest) = text.strip_prefix('#') else {
            if text.is_empty() {
                return None;
            }
            let (artist, title) =
                self.told.take().map_or((None, None), |(artist, title)| (artist, Some(title)));
            let wanted = Wanted { path: path(text), artist, title };
            return Some(Entry { line: self.lines + 1, text: text.to_owned(), wanted });
        };
        if let Some(told) = rest.strip_prefix("EXTINF:") {
            self.told = told.split_once(',').map(|(_, words)| song(words));
        } else if let Some(name) = rest.strip_prefix("PLAYLIST:") {
            self.name = Some(name.trim().to_owned()).filter(|name| !name.is_empty());
        }
        None
    }
}

/// The text of a line.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes)
        .map_or_else(|_| bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(), Cow::Borrowed)
}

/// Who plays, and what; where nothing stands between them, all of it is the title.
fn song(words: &str) -> (Option<String>, String) {
    match words.trim().split_once(" - ") {
        Some((artist, title)) => (Some(artist.trim().to_owned()), title.trim().to_owned()),
        None => (None, words.trim().to_owned()),
    }
}

/// A path with `/` between its names, without what begins it on one machine alone: a drive, the host of an address, steps
/// up and down.
fn path(text: &str) -> String {
    let text: Cow<'_, str> = match text.split_once("://") {
        Some((_, rest)) => {
            let path = rest.split_once('/').map_or("", |(_, path)| path);
            let bytes: Vec<u8> = percent_encoding::percent_decode_str(path).collect();
            decoded(&bytes).into_owned().into()
        }
        None if text.contains('/') => text.into(),
        None => text.replace('\\', "/").into(),
    };
    let is_drive = |name: &str| name.len() == 2 && name.ends_with(':');
    let names = text.split('/').filter(|name| !matches!(*name, "" | "." | "..") && !is_drive(name));
    names.collect::<Vec<_>>().join("/")
}

/// The first lines of a list.
pub(super) fn begin(out: &mut String, name: &str) {
    let _ = write!(out, "#EXTM3U\n#PLAYLIST:{}\n", one_line(name));
}

/// The two lines of a song: its length in whole seconds, who plays what, and its path beneath its library.
pub(super) fn write(out: &mut String, track: &Track) {
    let seconds = track.duration_ms.saturating_add(500) / 1000;
    let (artist, title) = (one_line(&track.artist), one_line(&track.title));
    // A path that begins like a remark is one behind a step to where it is.
    let step = if track.path.as_str().starts_with('#') { "./" } else { "" };
    let path = one_line(track.path.as_str());
    let _ = write!(out, "#EXTINF:{seconds},{artist} - {title}\n{step}{path}\n");
}

/// A text without ends of lines.
fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) { text.replace(char::is_control, " ").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All songs of a list that comes in pieces of a size.
    fn read(list: &[u8], size: usize) -> (Vec<Entry>, Option<String>) {
        let (mut reader, mut entries) = (Reader::default(), Vec::new());
        for mut piece in list.chunks(size) {
            entries.extend(std::iter::from_fn(|| reader.next(&mut piece)));
        }
        entries.extend(reader.last());
        (entries, reader.name)
    }

    fn entry(line: u64, text: &str, path: &str, artist: Option<&str>, title: Option<&str>) -> Entry {
        let (artist, title) = (artist.map(str::to_owned), title.map(str::to_owned));
        Entry { line, text: text.to_owned(), wanted: Wanted { path: path.to_owned(), artist, title } }
    }

    #[test]
    fn a_list_is_read_however_it_comes_in_pieces() {
        let list = "\u{feff}#EXTM3U\r\n#PLAYLIST: Slow \r\n\r\n#EXTINF:123 logo=\"x\",Bo - A - B\r\nC:\\Music\\a.mp3\r\n\
            # a remark\r\nb.mp3\r\n#EXTINF:-1, Only a title \r\n../Émile/c.mp3";
        let expected = [
            entry(5, "C:\\Music\\a.mp3", "Music/a.mp3", Some("Bo"), Some("A - B")),
            entry(7, "b.mp3", "b.mp3", None, None),
            entry(9, "../Émile/c.mp3", "Émile/c.mp3", None, Some("Only a title")),
        ];
        for size in [1, 2, 3, 7, 1_000] {
            for list in [list.to_owned(), list.replace("\r\n", "\n")] {
                let (entries, name) = read(list.as_bytes(), size);
                assert_eq!(entries, expected, "in pieces of {size}");
                assert_eq!(name.as_deref(), Some("Slow"));
            }
        }
        assert_eq!(read(b"", 1), (vec![], None));
        assert_eq!(read(b"#EXTINF\n#EXTINF:\n#\n\n", 9).0, []);
    }

    #[test]
    fn paths_lose_what_one_machine_alone_knows() {
        for (text, expected) in [
            ("/srv/bo/Music/A/a.mp3", "srv/bo/Music/A/a.mp3"),
            ("./A//b/../a.mp3", "A/b/a.mp3"),
            ("..\\A\\a.mp3", "A/a.mp3"),
            ("A/b\\c.mp3", "A/b\\c.mp3"),
            ("file:///srv/Bj%C3%B6rk/a%20b.mp3", "srv/Björk/a b.mp3"),
            ("file:///C:/A/a.mp3", "A/a.mp3"),
            ("https://music.example/A/a.mp3", "A/a.mp3"),
            ("https://music.example", ""),
            ("/", ""),
        ] {
            assert_eq!(path(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_utf_8_is_latin_1() {
        let (entries, _) = read(b"Bj\xf6rk/a.mp3\n", 100);
        assert_eq!(entries[0].wanted.path, "Björk/a.mp3");
    }

    #[test]
    fn p04_a_line_takes_no_more_than_it_may() {
        let mut list = vec![b'x'; 3 * M3U_LINE_BYTES_MAX];
        list.extend(b"\nb.mp3\n");
        for size in [1, 1_000, M3U_LINE_BYTES_MAX * 9] {
            let (entries, _) = read(&list, size);
            let lengths: Vec<_> = entries.iter().map(|entry| (entry.line, entry.text.len())).collect();
            assert_eq!(lengths, [(1, M3U_LINE_BYTES_MAX), (2, 5)]);
        }
    }

    #[test]
    fn what_is_written_has_no_more_lines_than_it_should() {
        let mut out = String::new();
        begin(&mut out, "a\nb\r#EXTINF");
        assert_eq!(out, "#EXTM3U\n#PLAYLIST:a b #EXTINF\n");
    }
}
