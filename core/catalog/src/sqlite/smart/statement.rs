//! Rules as one statement: fixed pieces of SQL, put behind each other, and bound values. Nothing of a user is ever in the text.

use budget::limits::{PLAYLIST_TRACKS_AT_ONCE_MAX, SMART_SHUFFLE_MS};
use rusqlite::types::Value;
use sha2::{Digest, Sha256};

use super::super::sql::{seen, track_seen};
use crate::fold;
use crate::model::smart::{Rule, Rules, Sort, SortBy, Span, When, Words};
use crate::model::{PlaylistId, UnixMs};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The viewer, his libraries, and whether he manages.
const PARAMETERS: usize = 3;
/// Tracks that the viewer sees: what follows says which of them.
const BEGIN: &str =
    concat!("WITH ", seen!(), " SELECT t.id, t.duration_ms FROM tracks t WHERE ", track_seen!(), " AND ");

/// A statement and what is bound behind its first three parameters, in order.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    now: UnixMs,
}

impl Statement {
    /// What finds the songs of a playlist with these rules.
    pub(super) fn of(playlist: PlaylistId, rules: &Rules, now: UnixMs) -> Self {
        let mut statement = Statement { sql: BEGIN.to_owned(), values: Vec::new(), now };
        statement.rule(&rules.wanted);
        statement.piece(" ORDER BY ");
        for sort in &rules.sort {
            statement.sort(playlist, *sort);
        }
        let limit = rules.limit.map_or(PLAYLIST_TRACKS_AT_ONCE_MAX as i64, i64::from);
        statement.put("t.id LIMIT ?", [Value::Integer(limit)]);
        statement
    }

    /// Puts a piece behind the rest.
    fn piece(&mut self, sql: &'static str) {
        self.sql.push_str(sql);
    }

    /// Puts a piece behind the rest that has as many `?` without a number as there are values, and numbers them: the driver
    /// counts what has none by itself.
    fn put<const N: usize>(&mut self, sql: &'static str, values: [Value; N]) {
        let mut values = values.into_iter();
        for (n, part) in sql.split('?').enumerate() {
            if n > 0 {
                self.sql.push('?');
            }
            if n > 0 && !part.starts_with(|c: char| c.is_ascii_digit()) {
                self.values.extend(values.next());
                self.sql.push_str(&(PARAMETERS + self.values.len()).to_string());
            }
            self.sql.push_str(part);
        }
    }

    /// Puts a rule behind the rest. Each is true or false, and never NULL, so that it has an opposite.
    fn rule(&mut self, rule: &Rule) {
        match rule {
            Rule::All(rules) => self.group("(1", " AND ", rules),
            Rule::Any(rules) => self.group("(0", " OR ", rules),
            Rule::None(rules) => self.group("NOT (0", " OR ", rules),
            Rule::Title(words) => {
                self.put("ifnull(t.title_set, t.title) LIKE ? ESCAPE '\\'", [spelled(words)]);
            }
            Rule::Path(words) => self.put("t.path LIKE ? ESCAPE '\\'", [spelled(words)]),
            Rule::Album(words) => self.put(ALBUM, [folded(words)]),
            Rule::Artist(words) => self.put(ARTIST, [folded(words), folded(words)]),
            Rule::AlbumArtist(words) => self.put(ALBUM_ARTIST, [folded(words), folded(words)]),
            Rule::Genre(words) => self.put(GENRE, [folded(words)]),
            Rule::Year(span) => self.put("ifnull(t.year BETWEEN ? AND ?, 0)", ends(*span)),
            Rule::BitDepth(span) => self.put("ifnull(t.bit_depth BETWEEN ? AND ?, 0)", ends(*span)),
            Rule::DurationMs(span) => self.put("t.duration_ms BETWEEN ? AND ?", ends(*span)),
            Rule::BitrateKbps(span) => self.put("t.bitrate_kbps BETWEEN ? AND ?", ends(*span)),
            Rule::SampleRateHz(span) => self.put("t.sample_rate_hz BETWEEN ? AND ?", ends(*span)),
            Rule::Channels(span) => self.put("t.channels BETWEEN ? AND ?", ends(*span)),
            Rule::SizeBytes(span) => self.put("t.length_bytes BETWEEN ? AND ?", ends(*span)),
            Rule::Rating(span) => self.put(pick(*span, RATED, RATED_OR_NOT), ends(*span)),
            Rule::Plays(span) => self.put(pick(*span, COUNTED, COUNTED_OR_NOT), ends(*span)),
            Rule::Starred(is) => self.is(*is, STARRED),
            Rule::AlbumStarred(is) => self.is(*is, ALBUM_STARRED),
            Rule::ArtistStarred(is) => self.is(*is, ARTIST_STARRED),
            Rule::Added(when) => match self.moment(*when) {
                Moment::Since(at) => self.put("t.created >= ?", [Value::Integer(at)]),
                Moment::Before(at) => self.put("t.created < ?", [Value::Integer(at)]),
            },
            Rule::Played(when) => match self.moment(*when) {
                Moment::Since(at) => self.put(PLAYED_SINCE, [Value::Integer(at)]),
                Moment::Before(at) => self.put(PLAYED_BEFORE, [Value::Integer(at)]),
            },
        }
    }

    /// A group begins with what it is when nothing is in it.
    fn group(&mut self, begin: &'static str, between: &'static str, rules: &[Rule]) {
        self.piece(begin);
        for rule in rules {
            self.piece(between);
            self.rule(rule);
        }
        self.piece(")");
    }

    fn is(&mut self, is: bool, sql: &'static str) {
        if !is {
            self.piece("NOT ");
        }
        self.piece(sql);
    }

    fn moment(&self, when: When) -> Moment {
        match when {
            When::WithinDays(days) => Moment::Since(self.now.saturating_sub(i64::from(days) * DAY_MS)),
            When::Since(at) => Moment::Since(at),
            When::Before(at) => Moment::Before(at),
        }
    }

    fn sort(&mut self, playlist: PlaylistId, sort: Sort) {
        match sort.by {
            SortBy::Random => self.put(SHUFFLED, [Value::Integer(shuffle(playlist, self.now))]),
            by => self.piece(order(by)),
        }
        self.piece(if sort.descending { " DESC, " } else { ", " });
    }
}

enum Moment {
    Since(UnixMs),
    Before(UnixMs),
}

// The key of an album goes on behind its name where that is not enough: behind a line's end with the folder, where no artist is
// known, and behind a carriage return with the release, where another one has the name.
const ALBUM: &str = "t.album_id IN (SELECT id FROM albums
    WHERE substr(key, 1, min(instr(key || char(10), char(10)), instr(key || char(13), char(13))) - 1) LIKE ? ESCAPE '\\')";
const ARTIST: &str = "(t.artist_id IN (SELECT id FROM artists WHERE key LIKE ? ESCAPE '\\')
    OR t.id IN (SELECT c.track_id FROM track_credits c WHERE c.role = 1
        AND c.artist_id IN (SELECT id FROM artists WHERE key LIKE ? ESCAPE '\\')))";
const ALBUM_ARTIST: &str = "(t.album_id IN (SELECT id FROM albums
        WHERE artist_id IN (SELECT id FROM artists WHERE key LIKE ? ESCAPE '\\'))
    OR t.id IN (SELECT c.track_id FROM track_credits c WHERE c.role = 2
        AND c.artist_id IN (SELECT id FROM artists WHERE key LIKE ? ESCAPE '\\')))";
const GENRE: &str = "t.id IN (SELECT g.track_id FROM track_genres g
    WHERE g.genre_id IN (SELECT id FROM genres WHERE key LIKE ? ESCAPE '\\'))";
const STARRED: &str = "t.id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND starred IS NOT NULL)";
const ALBUM_STARRED: &str = "t.album_id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 2 AND starred IS NOT NULL)";
const ARTIST_STARRED: &str = "t.artist_id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 3 AND starred IS NOT NULL)";
// What was never rated or played has no row, or one with a 0: a span with 0 in it is found by those that are outside.
const RATED: &str = "t.id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND rating BETWEEN ? AND ?)";
const RATED_OR_NOT: &str = "t.id NOT IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND rating NOT BETWEEN ? AND ?)";
const COUNTED: &str = "t.id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND plays BETWEEN ? AND ?)";
const COUNTED_OR_NOT: &str = "t.id NOT IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND plays NOT BETWEEN ? AND ?)";
const PLAYED_SINCE: &str = "t.id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND played >= ?)";
const PLAYED_BEFORE: &str = "t.id IN (SELECT item_id FROM annotations
    WHERE user_id = ?1 AND kind = 1 AND played < ?)";
/// Squares, so that numbers in a row do not stay in one; all of it stays within 63 bits while there are fewer than 3,000
/// million tracks.
const SHUFFLED: &str = "(t.id * t.id % 2147483647) * ? % 2147483647";

/// The statement for a span without 0, or the one for a span with it.
fn pick(span: Span, without: &'static str, with: &'static str) -> &'static str {
    if span.from.unwrap_or(0) > 0 { without } else { with }
}

/// What a list is sorted by.
const fn order(by: SortBy) -> &'static str {
    match by {
        SortBy::Title => "ifnull(t.title_set, t.title) COLLATE NOCASE",
        SortBy::Album => "(SELECT al.sort_name FROM albums al WHERE al.id = t.album_id)",
        SortBy::Artist => "(SELECT ar.sort_name FROM artists ar WHERE ar.id = t.artist_id)",
        SortBy::AlbumArtist => {
            "(SELECT ar.sort_name FROM albums al JOIN artists ar ON ar.id = al.artist_id WHERE al.id = t.album_id)"
        }
        SortBy::Track => "ifnull(t.disc, 1) * 1000000 + ifnull(t.track, 999999)",
        SortBy::Year => "t.year",
        SortBy::DurationMs => "t.duration_ms",
        SortBy::BitrateKbps => "t.bitrate_kbps",
        SortBy::SizeBytes => "t.length_bytes",
        SortBy::Added => "t.created",
        SortBy::Played => {
            "(SELECT m.played FROM annotations m WHERE m.user_id = ?1 AND m.kind = 1 AND m.item_id = t.id)"
        }
        SortBy::Plays => {
            "ifnull((SELECT m.plays FROM annotations m WHERE m.user_id = ?1 AND m.kind = 1 AND m.item_id = t.id), 0)"
        }
        SortBy::Rating => {
            "ifnull((SELECT m.rating FROM annotations m WHERE m.user_id = ?1 AND m.kind = 1 AND m.item_id = t.id), 0)"
        }
        SortBy::Starred => {
            "(SELECT m.starred FROM annotations m WHERE m.user_id = ?1 AND m.kind = 1 AND m.item_id = t.id)"
        }
        // With its own number, which is bound.
        SortBy::Random => SHUFFLED,
    }
}

/// By what a list is shuffled in this hour: a number from 1 to 2^31 - 2.
fn shuffle(playlist: PlaylistId, now: UnixMs) -> i64 {
    let name = format!("{} {}", playlist.0, now.div_euclid(SMART_SHUFFLE_MS));
    let drawn = Sha256::digest(name)[..4].iter().fold(0, |number, byte| number << 8 | i64::from(*byte));
    1 + drawn % 2_147_483_646
}

/// Both ends of a span as the tables can have them.
fn ends(span: Span) -> [Value; 2] {
    let number = |end: u64| Value::Integer(i64::try_from(end).unwrap_or(i64::MAX));
    [number(span.from.unwrap_or(0)), number(span.to.unwrap_or(u64::MAX))]
}

/// A condition on a text that is compared as it is.
fn spelled(words: &Words) -> Value {
    let (before, text, after) = parts(words);
    Value::Text(pattern(before, text, after))
}

/// A condition on a key of [`fold`]. A name has no blanks at its ends, so one at an end of the condition's text counts only where
/// the name may go on: what begins with "the " is "The Band" and not "Therapy".
fn folded(words: &Words) -> Value {
    let (before, text, after) = parts(words);
    let blank = |goes_on: &str, is_blank: bool| if is_blank && !goes_on.is_empty() { " " } else { "" };
    let first = blank(before, text.starts_with(char::is_whitespace));
    let last = blank(after, text.ends_with(char::is_whitespace));
    Value::Text(pattern(before, &format!("{first}{}{last}", fold::key(text)), after))
}

/// A condition's text, and what of a pattern stands before and behind it.
fn parts(words: &Words) -> (&'static str, &str, &'static str) {
    match words {
        Words::Is(text) => ("", text, ""),
        Words::Contains(text) => ("%", text, "%"),
        Words::Begins(text) => ("", text, "%"),
        Words::Ends(text) => ("%", text, ""),
    }
}

/// A pattern of `LIKE` in which no sign of the user's means anything but itself.
fn pattern(before: &str, text: &str, after: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    format!("{before}{text}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_patterns_mean_themselves() {
        let check = |words: Words, expected: &str| assert_eq!(folded(&words), Value::Text(expected.into()));
        check(Words::Is("100%_\\ Pure".into()), "100\\%\\_\\\\ pure");
        check(Words::Contains("a".into()), "%a%");
        check(Words::Begins("a%".into()), "a\\%%");
        check(Words::Ends("É".into()), "%é");
    }

    #[test]
    fn a_blank_at_an_end_counts_where_a_name_may_go_on() {
        let check = |words: Words, of_key: &str, of_text: &str| {
            assert_eq!(folded(&words), Value::Text(of_key.into()), "{words:?}");
            assert_eq!(spelled(&words), Value::Text(of_text.into()), "{words:?}");
        };
        check(Words::Is(" The  Who ".into()), "the who", " The  Who ");
        check(Words::Begins(" The ".into()), "the %", " The %");
        check(Words::Ends(" who ".into()), "% who", "% who ");
        check(Words::Contains(" and\u{3000}".into()), "% and %", "% and\u{3000}%");
    }

    #[test]
    fn nothing_of_a_user_is_in_the_text() {
        let rules = |text: &str| Rules::parse(text).unwrap();
        let of = |rules: &Rules| Statement::of(PlaylistId(1), rules, 1_000);
        let one = r#"{"match":{"any":[{"title":{"is":"A"}},{"artist":{"begins":"B"}},{"year":{"from":1}}]},"limit":3}"#;
        let other = r#"{"match":{"any":[{"title":{"ends":"' OR 1=1; --"}},{"artist":{"is":"\")"}},{"year":{"to":7}}]},"limit":9}"#;
        let (one, other) = (of(&rules(one)), of(&rules(other)));
        assert_eq!(one.sql, other.sql);
        assert_ne!(one.values, other.values);
        assert_eq!(other.values[0], Value::Text("%' OR 1=1; --".into()));
        assert_eq!(one.values.len(), 6);
    }

    #[test]
    fn a_shuffle_is_the_same_for_an_hour_and_differs_by_list() {
        let now = 1_700_000_000_000;
        let begin = now - now % SMART_SHUFFLE_MS;
        assert_eq!(shuffle(PlaylistId(1), begin), shuffle(PlaylistId(1), begin + SMART_SHUFFLE_MS - 1));
        assert_ne!(shuffle(PlaylistId(1), begin), shuffle(PlaylistId(1), begin + SMART_SHUFFLE_MS));
        assert_ne!(shuffle(PlaylistId(1), begin), shuffle(PlaylistId(2), begin));
    }
}
