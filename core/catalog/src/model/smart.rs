//! Playlists whose songs are found by rules, and what a list from elsewhere says of its songs.
//!
//! [`Rules`] are typed from the first byte: each field has its own kind of condition, and what is none is refused while it is
//! read. As JSON they are what users send, and what the database keeps:
//!
//! ```json
//! {"match": {"all": [{"genre": {"is": "Jazz"}}, {"year": {"from": 1955, "to": 1965}},
//!                    {"none": [{"played": {"within_days": 30}}]}]},
//!  "sort": [{"by": "rating", "descending": true}, {"by": "random"}], "limit": 100}
//! ```

use budget::limits::{
    PLAYLIST_TRACKS_AT_ONCE_MAX, SMART_DEPTH_MAX, SMART_RULES_BYTES_MAX, SMART_RULES_MAX, SMART_SORTS_MAX,
    TAG_TEXT_CHARS_MAX,
};
use serde::{Deserialize, Serialize};

use super::UnixMs;
use crate::error::Error;

/// Which songs a smart playlist has, in which order, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// What is true of each song.
    #[serde(rename = "match")]
    pub wanted: Rule,
    /// The first decides, and the next where that makes no difference. Songs that are alike in all of them, as all are without
    /// any, come in the order in which they were first seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Sort>,
    /// The first so many of them; as many as any playlist may have, if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Something that is true of a song or not. What is rated, starred and played is so by whoever reads the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names of the fields say it")]
pub enum Rule {
    /// Each of these; of none, it is true.
    All(Vec<Rule>),
    /// At least one of these; of none, it is not.
    Any(Vec<Rule>),
    /// Not one of these.
    None(Vec<Rule>),
    Title(Words),
    Album(Words),
    /// One of the artists of the song.
    Artist(Words),
    /// One of the artists of its album.
    AlbumArtist(Words),
    /// One of its genres.
    Genre(Words),
    /// Its file, beneath its library.
    Path(Words),
    Year(Span),
    DurationMs(Span),
    BitrateKbps(Span),
    SampleRateHz(Span),
    BitDepth(Span),
    Channels(Span),
    SizeBytes(Span),
    /// 1 to 5; 0 is none.
    Rating(Span),
    Plays(Span),
    Starred(bool),
    AlbumStarred(bool),
    ArtistStarred(bool),
    /// When it was first seen.
    Added(When),
    /// When it was played last. A song that never was, was not within any time.
    Played(When),
}

/// A condition on a text. Capitals make no difference; in titles and paths those of ASCII. Of artists, albums and genres runs of
/// blanks are one, and those at the ends of a name are none: a blank at an end of a text counts where the name may go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Words {
    Is(String),
    Contains(String),
    Begins(String),
    Ends(String),
}

impl Words {
    fn text(&self) -> &str {
        let (Words::Is(text) | Words::Contains(text) | Words::Begins(text) | Words::Ends(text)) = self;
        text
    }
}

/// A condition on a number: at least one of its ends is there. A song that has no such number is in no span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// It is this, or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// It is this, or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

/// A condition on a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// So many days ago at most, as of the moment at which the list is read.
    WithinDays(u32),
    /// Then or later.
    Since(#[serde(with = "moment")] UnixMs),
    /// Earlier.
    Before(#[serde(with = "moment")] UnixMs),
}

/// One step of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// The other way round.
    #[serde(default)]
    pub descending: bool,
}

/// What a smart playlist can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum SortBy {
    Title,
    Album,
    Artist,
    AlbumArtist,
    /// Disc and number on it.
    Track,
    Year,
    DurationMs,
    BitrateKbps,
    SizeBytes,
    Added,
    Played,
    Plays,
    Rating,
    /// When it was starred.
    Starred,
    /// Shuffled: anew each hour, so that the pages of a reading fit together.
    Random,
}

impl Rules {
    /// Reads them from JSON.
    ///
    /// # Errors
    /// `Invalid`, with what is wrong, when they are none or go beyond a limit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let rules: Rules =
            serde_json::from_str(text).map_err(|e| Error::invalid(format!("these are no rules: {e}")))?;
        rules.check()?;
        Ok(rules)
    }

    /// Their JSON.
    ///
    /// # Errors
    /// `Invalid` when they go beyond a limit.
    pub(crate) fn text(&self) -> Result<String, Error> {
        self.check()?;
        let text =
            serde_json::to_string(self).map_err(|e| Error::invalid("these are no rules").because(e))?;
        if text.len() > SMART_RULES_BYTES_MAX {
            return Err(Error::invalid(format!("rules have at most {SMART_RULES_BYTES_MAX} bytes")));
        }
        Ok(text)
    }

    /// Whether they keep to the limits.
    fn check(&self) -> Result<(), Error> {
        let mut rules = 0;
        check(&self.wanted, 1, &mut rules)?;
        if self.sort.len() > SMART_SORTS_MAX {
            return Err(Error::invalid(format!("a list is sorted by at most {SMART_SORTS_MAX} things")));
        }
        let fits = |limit: u32| (1..=PLAYLIST_TRACKS_AT_ONCE_MAX).contains(&(limit as usize));
        if self.limit.is_some_and(|limit| !fits(limit)) {
            return Err(Error::invalid(format!("limit is a number from 1 to {PLAYLIST_TRACKS_AT_ONCE_MAX}")));
        }
        Ok(())
    }
}

/// Checks a rule and those in it, and counts them.
fn check(rule: &Rule, depth: usize, rules: &mut usize) -> Result<(), Error> {
    *rules += 1;
    if depth > SMART_DEPTH_MAX || *rules > SMART_RULES_MAX {
        let text = format!("there are at most {SMART_RULES_MAX} rules, {SMART_DEPTH_MAX} deep in each other");
        return Err(Error::invalid(text));
    }
    match rule {
        Rule::All(inner) | Rule::Any(inner) | Rule::None(inner) => {
            inner.iter().try_for_each(|rule| check(rule, depth + 1, rules))
        }
        Rule::Title(words)
        | Rule::Album(words)
        | Rule::Artist(words)
        | Rule::AlbumArtist(words)
        | Rule::Genre(words)
        | Rule::Path(words) => check_words(words.text()),
        Rule::Year(span)
        | Rule::DurationMs(span)
        | Rule::BitrateKbps(span)
        | Rule::SampleRateHz(span)
        | Rule::BitDepth(span)
        | Rule::Channels(span)
        | Rule::SizeBytes(span)
        | Rule::Rating(span)
        | Rule::Plays(span) => check_span(*span),
        Rule::Starred(_)
        | Rule::AlbumStarred(_)
        | Rule::ArtistStarred(_)
        | Rule::Added(_)
        | Rule::Played(_) => Ok(()),
    }
}

fn check_words(text: &str) -> Result<(), Error> {
    let fits = (1..=TAG_TEXT_CHARS_MAX).contains(&text.chars().count()) && !text.trim().is_empty();
    if fits && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "a text in a rule has 1 to {TAG_TEXT_CHARS_MAX} characters and no control characters"
    )))
}

fn check_span(span: Span) -> Result<(), Error> {
    match span {
        Span { from: None, to: None } => Err(Error::invalid("a span has a from, or a to, or both")),
        Span { from: Some(from), to: Some(to) } if from > to => {
            Err(Error::invalid("a span goes from a smaller number to a larger one"))
        }
        Span { .. } => Ok(()),
    }
}

/// A moment in JSON: RFC 3339.
mod moment {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de, ser};

    use super::UnixMs;

    pub(super) fn serialize<S: Serializer>(at: &UnixMs, serializer: S) -> Result<S::Ok, S::Error> {
        let at = Timestamp::from_millisecond(*at).map_err(ser::Error::custom)?;
        serializer.collect_str(&at)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<UnixMs, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse::<Timestamp>().map(Timestamp::as_millisecond).map_err(de::Error::custom)
    }
}

/// What a list from elsewhere says of one of its songs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Names of folders and a file, with `/` between them. Where it begins, only the one who wrote it knows.
    pub path: String,
    /// Who plays it.
    pub artist: Option<String>,
    /// What it is called.
    pub title: Option<String>,
}

#[cfg(test)]
mod tests;
