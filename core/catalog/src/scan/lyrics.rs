//! The words of songs, as tags and files beside them have them: plain, or with the time of each line.
//!
//! They are read when somebody asks, not kept by a scan: no list shows them, nothing is found by them, all together they
//! would be the largest part of the database, and who corrects a line wants to see it at once.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use budget::limits::{LYRICS_BYTES_MAX, LYRICS_LINES_MAX};
use store::Source;

use super::tags;
use super::window::Window;
use super::words::Words;

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
}

impl Lyrics {
    /// Whether its lines have times.
    pub fn is_synced(&self) -> bool {
        self.lines.first().is_some_and(|line| line.start_ms.is_some())
    }

    /// Reads a text: in the format LRC, if any line of it begins with a time, else as it stands.
    pub fn of_text(text: &str, language: Option<String>) -> Self {
        let mut lyrics = Lyrics { language, ..Lyrics::default() };
        let (mut timed, mut plain) = (Vec::new(), Vec::new());
        for line in text.trim_start_matches('\u{feff}').lines().take(LYRICS_LINES_MAX) {
            let (times, words) = times(line);
            if times.is_empty() {
                lyrics.heed(words);
                plain.push(Line { start_ms: None, text: cleaned(words) });
            }
            let text = if times.is_empty() { String::new() } else { cleaned(&without_word_times(words)) };
            let room = LYRICS_LINES_MAX - timed.len();
            timed.extend(times.into_iter().take(room).map(|start_ms| Line { start_ms, text: text.clone() }));
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
        let mut lines: Vec<Line> = Vec::new();
        for (start_ms, text) in pieces {
            let is_full = lines.len() == LYRICS_LINES_MAX;
            match lines.last_mut() {
                Some(line) if are_syllables && !breaks(&text) => line.text.push_str(&kept(&text)),
                _ if is_full => break,
                _ => lines.push(Line { start_ms: Some(start_ms), text: kept(&text) }),
            }
        }
        for line in &mut lines {
            line.text = line.text.trim().to_owned();
        }
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
fn times(mut line: &str) -> (Vec<Option<u64>>, &str) {
    let mut times = Vec::new();
    while let Some((time, rest)) = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let Some(time) = milliseconds(time) else { break };
        times.push(Some(time));
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

/// Without the times of single words: `<00:12.34>`.
fn without_word_times(mut line: &str) -> String {
    let mut words = String::with_capacity(line.len());
    while let Some((before, behind)) = line.split_once('<') {
        words.push_str(before);
        match behind.split_once('>') {
            Some((time, rest)) if milliseconds(time).is_some() => line = rest,
            _ => {
                words.push('<');
                line = behind;
            }
        }
    }
    words + line
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

/// Reads the texts in the tags of a file. Blocks while the disk works, and takes no more memory than one reader of a scan
/// and [`LYRICS_BYTES_MAX`]: whoever calls it has a permit for that.
///
/// # Errors
/// What the source says when it cannot be read. A file that is no track has no texts.
pub fn read_lyrics(source: &Source) -> io::Result<Vec<Lyrics>> {
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

/// Reads a file that is the text of a song. Blocks and takes memory as [`read_lyrics`] does.
///
/// # Errors
/// What the source says when it cannot be read.
pub fn read_lyrics_file(source: &Source) -> io::Result<Lyrics> {
    let length = source.len().min(LYRICS_BYTES_MAX);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match source.read_at(&mut bytes[filled..], filled as u64)? {
            0 => break,
            more => filled += more,
        }
    }
    Ok(Lyrics::of_text(&String::from_utf8_lossy(&bytes[..filled]), None))
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
    fn syllables_become_lines_at_their_breaks() {
        let pieces = |texts: &[&str]| (0..).zip(texts.iter().map(|text| (*text).to_owned())).collect();
        let lyrics = Lyrics::of_pieces(pieces(&["Strang", "ers ", "\nin ", "the"]), None);
        assert_eq!(lines(&lyrics), [(Some(0), "Strangers"), (Some(2), "in the")]);
        let lyrics = Lyrics::of_pieces(pieces(&["a line", "another"]), None);
        assert_eq!(lines(&lyrics), [(Some(0), "a line"), (Some(1), "another")]);
    }

    #[test]
    fn a_text_of_any_length_has_so_many_lines() {
        let text = format!("{}\n", "[00:01]".repeat(200)).repeat(200);
        assert_eq!(Lyrics::of_text(&text, None).lines.len(), LYRICS_LINES_MAX);
        assert_eq!(Lyrics::of_text(&"x\n".repeat(30_000), None).lines.len(), LYRICS_LINES_MAX);
    }
}
