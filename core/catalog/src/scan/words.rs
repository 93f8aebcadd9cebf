//! Texts as tags have them, made into what lists show.

use budget::limits::{
    LYRICS_BYTES_MAX, LYRICS_TEXTS_MAX, TAG_GENRE_CHARS_MAX, TAG_GENRES_MAX, TAG_TEXT_CHARS_MAX,
    TAG_VALUES_MAX,
};

use super::fields::{FIELDS, Field};
use super::lyrics::Lyrics;

/// The texts of one file's tags, by field, in the order in which they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Words {
    fields: [Vec<String>; FIELDS],
    /// What is sung, if somebody wants to know.
    lyrics: Option<Vec<Lyrics>>,
    /// How much of that may still be read.
    lyrics_bytes: u64,
}

impl Default for Words {
    fn default() -> Self {
        Words { fields: std::array::from_fn(|_| Vec::new()), lyrics: None, lyrics_bytes: 0 }
    }
}

impl Words {
    /// Adds a value, cleaned; an empty one is none.
    pub(super) fn add(&mut self, field: Field, text: &str) {
        let values = &mut self.fields[field as usize];
        if let (Some(text), true) = (clean(text), values.len() < TAG_VALUES_MAX) {
            values.push(text);
        }
    }

    /// Takes the fields that are empty here from another tag of the same file.
    pub(super) fn fill_from(&mut self, other: Words) {
        for (mine, theirs) in self.fields.iter_mut().zip(other.fields) {
            if mine.is_empty() {
                *mine = theirs;
            }
        }
        let lyrics = other.lyrics.into_iter().flatten();
        if let Some(mine) = &mut self.lyrics {
            mine.extend(lyrics);
            mine.truncate(LYRICS_TEXTS_MAX);
        }
        self.lyrics_bytes = self.lyrics_bytes.min(other.lyrics_bytes);
    }

    /// Texts of tags, and what is sung.
    pub(super) fn with_lyrics() -> Self {
        Words { lyrics: Some(Vec::new()), lyrics_bytes: LYRICS_BYTES_MAX, ..Words::default() }
    }

    /// Those of another tag of the same file.
    pub(super) fn empty_like_this(&self) -> Self {
        let lyrics = self.lyrics.as_ref().map(|_| Vec::new());
        Words { lyrics, lyrics_bytes: self.lyrics_bytes, ..Words::default() }
    }

    /// How many bytes of what is sung are still wanted.
    pub(super) fn lyrics_room(&self) -> u64 {
        self.lyrics_bytes
    }

    /// Adds what is sung, for which so many bytes were read.
    pub(super) fn add_lyrics(&mut self, lyrics: Lyrics, bytes: usize) {
        self.lyrics_bytes = self.lyrics_bytes.saturating_sub(bytes as u64);
        if let Some(all) = &mut self.lyrics
            && all.len() < LYRICS_TEXTS_MAX
            && !lyrics.lines.is_empty()
        {
            all.push(lyrics);
        }
    }

    pub(super) fn into_lyrics(self) -> Vec<Lyrics> {
        self.lyrics.unwrap_or_default()
    }

    /// All values.
    pub(super) fn values(&self, field: Field) -> &[String] {
        &self.fields[field as usize]
    }

    /// The first value.
    pub(super) fn first(&self, field: Field) -> Option<String> {
        self.values(field).first().cloned()
    }

    /// All values, as people write several names.
    pub(super) fn joined(&self, field: Field) -> Option<String> {
        clean(self.values(field).join(", "))
    }

    /// Genres: each value may hold several, and each is given once.
    pub(super) fn genres(&self) -> Vec<String> {
        genres(self.values(Field::Genre).iter().map(String::as_str))
    }

    /// The number of the track and how many there are: `3`, `03/12`, or the total in a field of its own.
    pub(super) fn track(&self) -> (Option<u32>, Option<u32>) {
        let (number, total) = self.values(Field::Track).first().map_or((None, None), |text| pair(text));
        let own_total = self.values(Field::TrackTotal).first().and_then(|text| pair(text).0);
        (number, own_total.or(total))
    }

    /// The number of the disc.
    pub(super) fn disc(&self) -> Option<u32> {
        self.values(Field::Disc).first().and_then(|text| pair(text).0)
    }

    /// The year of release, else of the first release.
    pub(super) fn year(&self) -> Option<u32> {
        let dates = [Field::Date, Field::ReleaseDate, Field::OriginalDate].map(|field| self.values(field));
        dates.into_iter().flatten().filter_map(|text| year(text)).next()
    }
}

/// Genres out of these values, of which each may hold several; each is given once, without regard to case.
pub(crate) fn genres<'a>(values: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut genres: Vec<String> = Vec::new();
    let parts = values.flat_map(|value| value.split([';', '/']));
    for genre in parts.filter_map(|part| clean_to(part, TAG_GENRE_CHARS_MAX)) {
        let known = genres.iter().any(|known| known.to_lowercase() == genre.to_lowercase());
        if !known && genres.len() < TAG_GENRES_MAX {
            genres.push(genre);
        }
    }
    genres
}

/// Without control characters, trimmed, cut to [`TAG_TEXT_CHARS_MAX`]; `None` when nothing is left.
pub(crate) fn clean(text: impl AsRef<str>) -> Option<String> {
    clean_to(text, TAG_TEXT_CHARS_MAX)
}

fn clean_to(text: impl AsRef<str>, chars_max: usize) -> Option<String> {
    let characters = text.as_ref().chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c });
    let kept: String = characters.filter(|c| !c.is_control() && *c != '\u{feff}').collect();
    let trimmed = kept.trim();
    let end = trimmed.char_indices().nth(chars_max).map_or(trimmed.len(), |(end, _)| end);
    let cut = trimmed[..end].trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// The numbers of `3/12`; 0 and what is no number are none.
pub(super) fn pair(text: &str) -> (Option<u32>, Option<u32>) {
    let number = |text: &str| text.trim().parse().ok().filter(|number| *number > 0);
    match text.split_once(['/', '\\']) {
        Some((first, second)) => (number(first), number(second)),
        None => (number(text), None),
    }
}

/// The first run of four digits, as dates are written in every order: `1999`, `1999-03-01`, `01.03.1999`; or the first
/// four of eight: `19990301`.
pub(super) fn year(text: &str) -> Option<u32> {
    let mut runs = text.split(|c: char| !c.is_ascii_digit());
    let run = runs.find(|run| matches!(run.len(), 4 | 8))?;
    run[..4].parse().ok().filter(|year| *year > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cleaned_and_cut() {
        let long = "é".repeat(TAG_TEXT_CHARS_MAX + 5);
        let cases: &[(&str, Option<&str>)] = &[
            ("plain", Some("plain")),
            ("  two words \0\0", Some("two words")),
            ("a\u{7}b\u{1b}[31mc", Some("ab[31mc")),
            ("one\r\ntwo\tthree", Some("one  two three")),
            ("\u{feff}bom", Some("bom")),
            ("", None),
            (" \0\n ", None),
            (&long, Some(&long[..2 * TAG_TEXT_CHARS_MAX])),
        ];
        for (text, expected) in cases {
            assert_eq!(clean(text).as_deref(), *expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_and_years_are_read_as_people_write_them() {
        // track field, total field, track, total
        for (text, total, expected) in [
            ("3", "", (Some(3), None)),
            ("03/12", "", (Some(3), Some(12))),
            ("3/12", "14", (Some(3), Some(14))),
            ("0", "0", (None, None)),
            ("/9", "", (None, Some(9))),
            ("A1", "x", (None, None)),
            ("-1", "", (None, None)),
            ("99999999999", "", (None, None)),
        ] {
            let mut words = Words::default();
            words.add(Field::Track, text);
            words.add(Field::TrackTotal, total);
            assert_eq!(words.track(), expected, "{text} {total}");
        }
        for (text, expected) in [
            ("1999", Some(1999)),
            ("1999-03-01", Some(1999)),
            ("01.03.1999", Some(1999)),
            ("2001-01-01T00:00:00Z", Some(2001)),
            ("0000", None),
            ("19990301", Some(1999)),
            ("199903", None),
            ("unknown", None),
        ] {
            assert_eq!(year(text), expected, "{text}");
        }
    }

    #[test]
    fn genres_are_split_and_each_is_given_once() {
        let mut words = Words::default();
        for value in ["Rock; Pop", "rock", "Jazz/ Funk", " ;", "Folk, World, & Country"] {
            words.add(Field::Genre, value);
        }
        assert_eq!(words.genres(), ["Rock", "Pop", "Jazz", "Funk", "Folk, World, & Country"]);
        let mut words = Words::default();
        words.add(Field::Genre, &"é".repeat(TAG_TEXT_CHARS_MAX));
        for number in 0..1_000 {
            words.add(Field::Genre, &format!("g{number};h{number}"));
        }
        let genres = words.genres();
        assert_eq!((genres.len(), genres[0].chars().count()), (TAG_GENRES_MAX, TAG_GENRE_CHARS_MAX));
    }
}
