//! The words of songs, as tags and files beside them have them: plain, or with the time of each line, or of each word.
//!
//! They are read when somebody asks, not kept by a scan: no list shows them, nothing is found by them, all together they
//! would be the largest part of the database, and who corrects a line wants to see it at once.

use std::borrow::Cow;
use std::io;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use budget::limits::{LYRICS_BYTES_MAX, LYRICS_LINES_MAX, LYRICS_WORDS_MAX};
use store::{Place, RelPath, Shelf, Source};

use super::window::Window;
use super::words::Words;
use super::{id3, tags};
use crate::Track;

/// One text of a song.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lyrics {
    /// As tagged, mostly three letters of ISO 639-2.
    pub language: Option<String>,
    /// How much sooner the lines are to appear than they say.
    pub offset_ms: i64,
    /// In the order in which they are sung.
    pub lines: Vec<Line>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it begins. Of one text all lines say so, or none.
    pub start_ms: Option<u64>,
    /// The words; may be empty.
    pub text: String,
    /// When each of them is sung, in their order. None where only the line has a time.
    pub cues: Vec<Cue>,
}

/// A word, or a syllable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When it begins.
    pub start_ms: u64,
    /// When it is over. Of one line all words say so, or none.
    pub end_ms: Option<u64>,
    /// Where it stands in the bytes of the line's text: never empty, never within a character.
    pub at: Range<usize>,
}

impl Lyrics {
    /// Whether its lines have times.
    pub fn is_synced(&self) -> bool {
        self.lines.first().is_some_and(|line| line.start_ms.is_some())
    }

    /// Reads a text: in the format LRC, if any line of it begins with a time, else as it stands.
    pub fn of_text(text: &str, language: Option<String>) -> Self {
        let mut lyrics = Lyrics { language, ..Lyrics::default() };
        let (mut timed, mut plain, mut cues_left) = (Vec::new(), Vec::new(), LYRICS_WORDS_MAX);
        for line in text.trim_start_matches('\u{feff}').lines().take(LYRICS_LINES_MAX) {
            let (times, words) = times(line);
            if times.is_empty() {
                lyrics.heed(words);
                plain.push(Line { start_ms: None, text: cleaned(words), cues: Vec::new() });
                continue;
            }
            let sung = Sung::of_line(words, times.first().copied());
            let room = LYRICS_LINES_MAX - timed.len();
            if let [start_ms] = times[..] {
                timed.extend((room > 0).then(|| sung.line(start_ms, &mut cues_left)));
                continue;
            }
            // The times of words are those of one singing.
            let again = |start_ms| Line { start_ms: Some(start_ms), text: sung.trimmed(), cues: Vec::new() };
            timed.extend(times.into_iter().take(room).map(again));
        }
        // A line that is sung again stands once in the text, with several times.
        timed.sort_by_key(|line| line.start_ms);
        lyrics.lines = if timed.is_empty() { trimmed(plain) } else { timed };
        lyrics
    }

    /// Lines with their times, of which each may be a syllable; those that begin a line begin with its break.
    pub(super) fn of_pieces(pieces: Vec<(u64, String)>, language: Option<String>) -> Self {
        let breaks = |text: &str| text.starts_with(['\n', '\r']);
        let are_syllables = pieces.iter().any(|(_, text)| breaks(text));
        let mut sung: Vec<(u64, Sung)> = Vec::new();
        for (start_ms, text) in pieces {
            let is_full = sung.len() == LYRICS_LINES_MAX;
            match sung.last_mut() {
                Some((_, line)) if are_syllables && !breaks(&text) => line.add(Some(start_ms), &text),
                _ if is_full => break,
                _ => {
                    let mut line = Sung::default();
                    line.add(are_syllables.then_some(start_ms), &text);
                    sung.push((start_ms, line));
                }
            }
        }
        let mut cues_left = LYRICS_WORDS_MAX;
        let lines = sung.into_iter().map(|(start_ms, line)| line.line(start_ms, &mut cues_left)).collect();
        Lyrics { language, offset_ms: 0, lines }
    }

    /// What a line says about the text: `[offset:+250]`, `[la:de]`.
    fn heed(&mut self, line: &str) {
        let tag = line.trim().strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        match tag.and_then(|tag| tag.split_once(':')) {
            Some(("offset", offset)) => self.offset_ms = offset.trim().parse::<i32>().map_or(0, i64::from),
            Some(("la", language)) if self.language.is_none() => self.language = language_of(language),
            _ => {}
        }
    }
}

/// A language, if it is one: `xxx` and `und` say that nobody knows.
pub(super) fn language_of(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let is_known = (2..=35).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !matches!(text.as_str(), "xxx" | "und");
    is_known.then_some(text)
}

/// The times that a line begins with, and the rest of it.
fn times(mut line: &str) -> (Vec<u64>, &str) {
    let mut times = Vec::new();
    while let Some((time, rest)) = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let Some(time) = milliseconds(time) else { break };
        times.push(time);
        line = rest;
    }
    (times, line)
}

/// `mm:ss`, with hundredths or thousandths behind a point or a colon.
fn milliseconds(text: &str) -> Option<u64> {
    let (minutes, rest) = text.split_once(':')?;
    let (seconds, fraction) = rest.split_once(['.', ':']).unwrap_or((rest, "0"));
    let number = |text: &str, digits| {
        let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<u64>().ok()).flatten()
    };
    let thousandths = number(&format!("{fraction:0<3}"), 3)?;
    Some(number(minutes, 4)? * 60_000 + number(seconds, 2)? * 1_000 + thousandths)
}

/// A line as it is put together of its words.
#[derive(Default)]
struct Sung {
    text: String,
    /// Where each piece that has a time stands in the text, blanks included.
    pieces: Vec<(u64, Range<usize>)>,
    /// When the last one is over, if that is said.
    end_ms: Option<u64>,
}

impl Sung {
    /// Of a line with times of single words, as `<00:12.34>one <00:12.80>two <00:13.20>` (Enhanced LRC); what stands before
    /// the first of them begins with the line. Without such times it has no pieces.
    fn of_line(mut line: &str, start_ms: Option<u64>) -> Self {
        let (mut sung, mut time, mut pending) = (Sung::default(), None, String::new());
        while let Some((before, behind)) = line.split_once('<') {
            pending.push_str(before);
            match behind.split_once('>').and_then(|(time, rest)| Some((milliseconds(time)?, rest))) {
                Some((next, rest)) => {
                    sung.add(time.or(start_ms), &pending);
                    pending.clear();
                    (time, line) = (Some(next), rest);
                }
                None => {
                    pending.push('<');
                    line = behind;
                }
            }
        }
        pending.push_str(line);
        if pending.trim().is_empty() {
            sung.end_ms = time;
        }
        sung.add(time, &pending);
        sung
    }

    fn add(&mut self, start_ms: Option<u64>, piece: &str) {
        let from = self.text.len();
        self.text.push_str(&kept(piece));
        self.pieces.extend(start_ms.map(|start_ms| (start_ms, from..self.text.len())));
    }

    fn trimmed(&self) -> String {
        self.text.trim().to_owned()
    }

    /// The line without blanks at its ends, and its words without theirs; so many of all words have a time.
    fn line(&self, start_ms: u64, cues_left: &mut usize) -> Line {
        let text = self.trimmed();
        let before = self.text.len() - self.text.trim_start().len();
        let mut cues = Vec::new();
        for (place, (start_ms, at)) in self.pieces.iter().enumerate() {
            let piece = &self.text[at.clone()];
            let word = piece.trim();
            if word.is_empty() {
                continue;
            }
            let from = at.start + (piece.len() - piece.trim_start().len()) - before;
            let next = self.pieces.get(place + 1).map(|(next_ms, _)| *next_ms);
            let end_ms = self.end_ms.map(|end_ms| next.unwrap_or(end_ms).max(*start_ms));
            cues.push(Cue { start_ms: *start_ms, end_ms, at: from..from + word.len() });
        }
        // A line has the times of all its words, or of none.
        let fits = cues.len() <= *cues_left;
        *cues_left -= if fits { cues.len() } else { 0 };
        Line { start_ms: Some(start_ms), text, cues: if fits { cues } else { Vec::new() } }
    }
}

fn kept(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && *c != '\u{feff}').collect()
}

fn cleaned(text: &str) -> String {
    kept(text).trim().to_owned()
}

/// Without empty lines at both ends.
fn trimmed(mut lines: Vec<Line>) -> Vec<Line> {
    while lines.last().is_some_and(|line| line.text.is_empty()) {
        lines.pop();
    }
    let first = lines.iter().position(|line| !line.text.is_empty()).unwrap_or(0);
    lines.drain(..first);
    lines
}

/// Reads the texts of a track: that of the file beside it first, then those in its tags, and none that is empty. It takes no more
/// memory than one reader of a scan and twice [`LYRICS_BYTES_MAX`]: whoever calls it has a permit for that.
///
/// # Errors
/// As [`Shelf::open`], for the track itself, and `Io` when what was opened cannot be read. A file that is no track has no texts.
pub async fn read_lyrics(shelf: &Shelf, track: &Track) -> Result<Vec<Lyrics>, store::Error> {
    let (shelf, track, own) = (shelf.clone(), track.clone(), shelf.open(&track.place()).await?);
    let read = tokio::task::spawn_blocking(move || {
        let mut texts = Vec::new();
        if let Some(beside) = open_beside(&shelf, &track) {
            texts.push(of_file(&beside)?);
        }
        texts.extend(of_tags(&own)?);
        texts.retain(|text| !text.lines.is_empty());
        Ok(texts)
    });
    read.await.map_err(io::Error::other).flatten().map_err(|error| store::Error {
        kind: store::ErrorKind::Io,
        context: "the lyrics could not be read".to_owned(),
        source: Some(error),
        unseen: None,
    })
}

/// The file of the same name that ends in `.lrc`, whichever letters are great. What was sent has none beside it.
fn open_beside(shelf: &Shelf, track: &Track) -> Option<Source> {
    let Place::File(id, _) = track.place() else { return None };
    let folder = shelf.folders().folder(id)?;
    let (within, mut found) = (track.path.parent(), None);
    let open = |name: &str| {
        let path = within.as_ref().map_or_else(|| RelPath::parse(name), |within| within.join(name)).ok()?;
        shelf.folders().open_now(id, &path).ok()
    };
    // As nearly all are called, so that few folders are listed for it.
    if let Some(usual) = open(&format!("{}.lrc", track.path.stem())) {
        return Some(usual);
    }
    let is_wanted = |name: &str| {
        let (stem, ending) = name.rsplit_once('.').unwrap_or((name, ""));
        stem == track.path.stem() && ending.eq_ignore_ascii_case("lrc")
    };
    // Of several, whose names differ in nothing but the size of letters, always the same one.
    folder
        .each_name(within.as_ref(), |name| {
            if is_wanted(name) && found.as_deref().is_none_or(|found| name > found) {
                found = Some(name.to_owned());
            }
        })
        .ok()?;
    open(&found?)
}

/// The texts in the tags of a file.
fn of_tags(source: &Source) -> io::Result<Vec<Lyrics>> {
    source.expect_jumps();
    let mut window = Window::new(source.clone());
    let mut words = Words::with_lyrics();
    // A mistake in a parser costs the file that met it, and no other.
    let read = catch_unwind(AssertUnwindSafe(|| tags::read_words(&mut window, &mut words)));
    match read {
        Ok(Err(e)) if e.raw_os_error().is_some() => Err(e),
        _ => Ok(words.into_lyrics()),
    }
}

/// The text that a file is.
fn of_file(source: &Source) -> io::Result<Lyrics> {
    let length = source.len().min(LYRICS_BYTES_MAX);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    bytes.truncate(filled);
    // Of a file that was cut the last character may be half.
    if filled as u64 == LYRICS_BYTES_MAX
        && let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
    Ok(Lyrics::of_text(&decode_text(&bytes), None))
}

/// The text of a file that somebody wrote: in UTF-16, if the mark at its beginning says so, else in UTF-8, and what is none is of the
/// time before, in Latin-1.
pub fn decode_text(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Cow::Owned(id3::utf_16(bytes)),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(id3::latin_1(bytes)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lyrics: &Lyrics) -> Vec<(Option<u64>, &str)> {
        lyrics.lines.iter().map(|line| (line.start_ms, line.text.as_str())).collect()
    }

    #[test]
    fn a_text_without_times_stays_as_it_is() {
        let lyrics = Lyrics::of_text("\u{feff}\r\n[Chorus]\r\n One \r\n\r\nTwo\r\n\r\n", Some("eng".into()));
        assert_eq!(lines(&lyrics), [(None, "[Chorus]"), (None, "One"), (None, ""), (None, "Two")]);
        assert!(!lyrics.is_synced() && lyrics.language.as_deref() == Some("eng"));
        assert_eq!(Lyrics::of_text("", None), Lyrics::default());
    }

    #[test]
    fn lines_are_sung_at_their_times() {
        let text = "[ti:Title]\n[offset:+250]\n[la:DE]\n[00:20.5]<00:20.50>two <00:21.00>words\n\
            [00:10.00][01:00.123] again\nno time\n[00:05]\n[1:2:3]odd <3 ]";
        let lyrics = Lyrics::of_text(text, None);
        assert_eq!(
            lines(&lyrics),
            [
                (Some(5_000), ""),
                (Some(10_000), "again"),
                (Some(20_500), "two words"),
                (Some(60_123), "again"),
                (Some(62_300), "odd <3 ]"),
            ]
        );
        assert!(lyrics.is_synced());
        assert_eq!((lyrics.offset_ms, lyrics.language.as_deref()), (250, Some("de")));
    }

    #[test]
    fn a_file_is_read_in_the_letters_that_it_is_written_in() {
        let utf_16 =
            |unit: fn(u16) -> [u8; 2]| "\u{feff}[00:01]Caf\u{e9}\n".encode_utf16().flat_map(unit).collect();
        for bytes in [
            b"[00:01]Caf\xc3\xa9\n".to_vec(),
            b"\xef\xbb\xbf[00:01]Caf\xc3\xa9\n".to_vec(),
            b"[00:01]Caf\xe9\n".to_vec(),
            utf_16(u16::to_le_bytes),
            utf_16(u16::to_be_bytes),
        ] {
            let lyrics = Lyrics::of_text(&decode_text(&bytes), None);
            assert_eq!(lines(&lyrics), [(Some(1_000), "Caf\u{e9}")], "{bytes:?}");
        }
        assert_eq!(decode_text(b"Caf\xe9"), "Caf\u{e9}", "at its end");
    }

    #[test]
    fn syllables_become_lines_at_their_breaks() {
        let pieces = |texts: &[&str]| (0..).zip(texts.iter().map(|text| (*text).to_owned())).collect();
        let lyrics = Lyrics::of_pieces(pieces(&["Strang", "ers ", "\nin ", "the"]), None);
        assert_eq!(lines(&lyrics), [(Some(0), "Strangers"), (Some(2), "in the")]);
        let lyrics = Lyrics::of_pieces(pieces(&["a line", "another"]), None);
        assert_eq!(lines(&lyrics), [(Some(0), "a line"), (Some(1), "another")]);
    }

    #[test]
    fn words_are_sung_at_their_times() {
        let check = |text: &str, expected: &[(u64, Option<u64>, &str)]| {
            let lyrics = Lyrics::of_text(text, None);
            let line = lyrics.lines.last().expect("a line");
            let cues: Vec<_> =
                line.cues.iter().map(|cue| (cue.start_ms, cue.end_ms, &line.text[cue.at.clone()])).collect();
            assert_eq!(cues, expected, "{text}");
        };
        check("[00:01]one two", &[]);
        check("[00:01]<00:01>one <00:02>tw\u{f6}", &[(1_000, None, "one"), (2_000, None, "tw\u{f6}")]);
        check("[00:01] one <00:02> two  ", &[(1_000, None, "one"), (2_000, None, "two")]);
        check(
            "[00:01]<00:01>one <00:02>a < b<00:03>",
            &[(1_000, Some(2_000), "one"), (2_000, Some(3_000), "a < b")],
        );
        // The end of a word is never before its beginning, whatever the file says.
        check("[00:05]<00:05>one<00:04>", &[(5_000, Some(5_000), "one")]);
        check("[00:01][00:09]<00:01>again", &[]);
        let many = format!("[00:01]{}", "<0:1>a".repeat(LYRICS_WORDS_MAX + 1));
        check(&many, &[]);
        let line =
            &Lyrics::of_pieces(vec![(5, " Strang".into()), (7, "ers ".into()), (9, "\nin".into())], None);
        let [first, second] = &line.lines[..] else { panic!("two lines: {line:?}") };
        assert_eq!((first.text.as_str(), second.text.as_str()), ("Strangers", "in"));
        let cue = |start_ms, at| Cue { start_ms, end_ms: None, at };
        assert_eq!(first.cues, [cue(5, 0..6), cue(7, 6..9)]);
    }

    #[test]
    fn a_text_of_any_length_has_so_many_lines() {
        let text = format!("{}\n", "[00:01]".repeat(200)).repeat(200);
        assert_eq!(Lyrics::of_text(&text, None).lines.len(), LYRICS_LINES_MAX);
        assert_eq!(Lyrics::of_text(&"x\n".repeat(30_000), None).lines.len(), LYRICS_LINES_MAX);
    }
}
