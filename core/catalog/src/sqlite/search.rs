//! Search by the beginnings of words, in grades by how well a name matches: those that are the query; those that begin with its
//! words; what has all the words whole, wherever; names that begin with the query, the last word begun; what has words that
//! begin so. Within a grade all is in the order of ids, so that pages fit together and begin where they are asked for.
//!
//! Each grade is one expression of FTS5, so that nothing is gathered or sorted. Names that are the query end in a sign for
//! it (`with_end`). Before the names of artists and albums an article counts for nothing.

use budget::limits::{SEARCH_WORDS_BYTES_MAX, SEARCH_WORDS_MAX};

use super::columns::Part;
use super::places::{List, Place, Statements};
use super::rows::{AlbumRow, ArtistRow, TrackRow};
use super::sql::{
    album_rows, album_seen, artist_rows, artist_seen, has_cover, part_seen, play_state, private_seen, seen,
    track_rows, track_seen,
};
use super::{Result, Scope, Sqlite};
use crate::error::Error;
use crate::fold::{self, ARTICLES};
use crate::model::{Album, Artist, Track};
use crate::weight::Weight;

/// What stands before the number of a row of a grade: nothing, or the rest of its place.
macro_rules! before {
    (id, $grade:literal) => {
        ""
    };
    (place, $grade:literal) => {
        concat!($grade, " AS number, '' AS artist, 0 AS artist_id, '' AS name, ")
    };
}

/// Where among the numbers of rows those begin and end that the viewer may see; nought where there are none. The songs of a library
/// mostly came one after the other; one that came later makes the span as long as what came between.
macro_rules! span {
    ("track_words", $end:literal, $order:literal) => {
        concat!(
            "ifnull((SELECT ",
            $end,
            "(id) FROM (
                SELECT (SELECT t.id FROM tracks t INDEXED BY tracks_by_library WHERE t.library_id = l.id
                    ORDER BY t.id ",
            $order,
            " LIMIT 1) AS id FROM seen l
                UNION ALL SELECT (SELECT t.id FROM tracks t INDEXED BY tracks_owned WHERE t.owner = ?1
                    ORDER BY t.id ",
            $order,
            " LIMIT 1) FROM seen_own)), 0)"
        )
    };
    ($words:literal, "min", $order:literal) => {
        "1"
    };
    ($words:literal, "max", $order:literal) => {
        "9223372036854775807"
    };
}

/// The rows of one grade of a list of words: none where the list begins behind it, and those behind its place where it begins
/// within. `?6` are the expressions of the grades.
macro_rules! grade {
    ($grade:literal, $shown:ident, $words:tt, $($rest:tt)*) => {
        concat!(
            "SELECT ", before!($shown, $grade), $words, ".rowid AS id FROM ", $words, $($rest)*, " AND ?8 <= ", $grade,
            " AND ", $words, " MATCH (?6 ->> ", $grade, ")
            AND ", $words, ".rowid > max(iif(?8 = ", $grade, ", ?12, 0), ", span!($words, "min", "ASC"), " - 1)
            AND ", $words, ".rowid <= ", span!($words, "max", "DESC")
        )
    };
}

/// A list of words, one grade behind the other: the place is a grade and a number.
macro_rules! graded {
    ($($list:tt)*) => {
        concat!(
            grade!("0", $($list)*), " UNION ALL ", grade!("1", $($list)*), " UNION ALL ", grade!("2", $($list)*),
            " UNION ALL ", grade!("3", $($list)*), " UNION ALL ", grade!("4", $($list)*), " LIMIT ?4 OFFSET ?5"
        )
    };
}

/// Whether the row with the number `?8` is of a grade.
macro_rules! is_of {
    ($grade:literal, $words:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM ",
            $words,
            " WHERE rowid = ?8 AND ",
            $words,
            " MATCH (?6 ->> ",
            $grade,
            "))"
        )
    };
}

/// The statements of a search among words.
macro_rules! by_words {
    ($rows:ident, $words:tt, $($condition:tt)*) => {
        Statements {
            rows: $rows!(graded!(id, $words, $($condition)*)),
            step: concat!("WITH ", seen!(), " ", graded!(place, $words, $($condition)*)),
            place: concat!(
                "SELECT CASE WHEN ", is_of!("0", $words), " THEN 0 WHEN ", is_of!("1", $words), " THEN 1
                    WHEN ", is_of!("2", $words), " THEN 2 WHEN ", is_of!("3", $words), " THEN 3 ELSE 4 END AS number,
                    '' AS artist, 0 AS artist_id, '' AS name, ?8 AS id"
            ),
        }
    };
}

/// The statements of a list of everything, by number, behind this one: of two bounds SQLite goes to the one that is written first, and
/// walks to the other.
macro_rules! by_number {
    ($rows:ident, $id:literal, [$($after:tt)*], $($from:tt)*) => {
        Statements {
            rows: $rows!(
                "SELECT ", $id, $($from)*, " AND ", $id, " > ", $($after)*, " ORDER BY ", $id, " LIMIT ?4 OFFSET ?5"
            ),
            step: concat!(
                "WITH ", seen!(), " SELECT 0 AS number, '' AS artist, 0 AS artist_id, '' AS name, ", $id, " AS id",
                $($from)*, " AND ", $id, " > ", $($after)*, " ORDER BY ", $id, " LIMIT ?4 OFFSET ?5"
            ),
            place: "SELECT 0 AS number, '' AS artist, 0 AS artist_id, '' AS name, ?8 AS id",
        }
    };
}

pub(super) static TRACKS: Statements = by_words!(
    track_rows,
    "track_words",
    " CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = track_words.rowid WHERE ",
    track_seen!()
);
pub(super) static ALBUMS: Statements = by_words!(
    album_rows,
    "album_words",
    " CROSS JOIN albums al ON al.id = album_words.rowid WHERE ",
    album_seen!()
);
pub(super) static ARTISTS: Statements = by_words!(
    artist_rows,
    "artist_words",
    " CROSS JOIN artists ar ON ar.id = artist_words.rowid WHERE ",
    artist_seen!()
);
pub(super) static ALL_TRACKS: Statements = by_number!(
    track_rows,
    "t.id",
    ["max(?12, ", span!("track_words", "min", "ASC"), " - 1)"],
    " FROM tracks t INDEXED BY tracks_seen WHERE t.id <= ",
    span!("track_words", "max", "DESC"),
    " AND ",
    track_seen!()
);
pub(super) static ALL_ALBUMS: Statements =
    by_number!(album_rows, "al.id", ["?12"], " FROM albums al WHERE ", album_seen!());
pub(super) static ALL_ARTISTS: Statements =
    by_number!(artist_rows, "ar.id", ["?12"], " FROM artists ar WHERE ", artist_seen!());

/// What stands at the end of every name: see `with_end`. It is a word to FTS5, and none that a query can have.
const NAME_END: char = '\u{e000}';

/// Where an index of words has the names.
struct Names {
    column: &'static str,
    /// Words that count for nothing at their beginning.
    articles: &'static str,
}

const TITLES: Names = Names { column: "title", articles: "" };
const NAMES: Names = Names { column: "name", articles: ARTICLES };

/// What a query asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Everything: the query is empty, or the pair of quotes that some clients send instead.
    All,
    /// Nothing can match: there are signs, and no letters or digits among them.
    Nothing,
    /// What these expressions of FTS5 find, the best first. None finds what one before it does.
    Grades([String; 5]),
}

/// The runs of letters and digits in a text, as the index has them, up to [`SEARCH_WORDS_MAX`] and
/// [`SEARCH_WORDS_BYTES_MAX`].
pub(super) fn words(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c);
    text.split(|c| !is_part(c))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(SEARCH_WORDS_MAX)
        .scan(0, |bytes, word| {
            *bytes += word.len();
            (*bytes <= SEARCH_WORDS_BYTES_MAX).then(|| fold::plain(word))
        })
        .collect()
}

/// A query as expressions. Quoted, none of its words is an operator.
fn wanted(query: &str, names: &Names) -> Wanted {
    let words = words(query);
    if words.is_empty() {
        let blank = query.chars().all(|c| c.is_whitespace() || matches!(c, '"' | '*'));
        return if blank { Wanted::All } else { Wanted::Nothing };
    }
    let all =
        |end: &str| words.iter().map(|word| format!("\"{word}\"{end}")).collect::<Vec<_>>().join(" AND ");
    let phrase = words.join(" ");
    let with_articles = names.articles.split_whitespace().map(|article| format!("{article} {phrase}"));
    let phrases: Vec<String> = std::iter::once(phrase.clone()).chain(with_articles).collect();
    let named = |end: &str| {
        let first: Vec<String> = phrases.iter().map(|phrase| format!("^ \"{phrase}{end}")).collect();
        format!("{} : ({})", names.column, first.join(" OR "))
    };
    let (whole, begun) = (all(""), all("*"));
    let (is, begins, is_begun) = (named(&format!(" {NAME_END}\"")), named("\""), named("\"*"));
    Wanted::Grades([
        is.clone(),
        format!("({begins}) NOT ({is})"),
        format!("({whole}) NOT ({begins})"),
        format!("({is_begun}) NOT ({whole})"),
        format!("({begun}) NOT (({whole}) OR ({is_begun}))"),
    ])
}

impl Sqlite {
    /// The rows of one page, of all or of those with these words.
    #[expect(
        clippy::too_many_arguments,
        reason = "two lists, what their names are, and what every page needs"
    )]
    async fn search<Row, Noun>(
        &self,
        all: &'static Statements,
        some: &'static Statements,
        names: &'static Names,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
        id_of: fn(&Noun) -> i64,
    ) -> Result<Vec<Noun>>
    where
        Row: Part,
        Noun: TryFrom<Row, Error = Error> + Weight + Send + 'static,
    {
        let list = match wanted(query, names) {
            // There are libraries with numbers below zero.
            Wanted::All => {
                let first = Place { number: i64::MIN, ..Place::default() };
                List { statements: all, about: [None, None], first }
            }
            Wanted::Nothing => return Ok(Vec::new()),
            // Texts are always JSON.
            Wanted::Grades(grades) => {
                let about = [serde_json::to_string(&grades).ok(), None];
                List { statements: some, about, first: Place::default() }
            }
        };
        self.page_of::<Row, _>(list, scope, skip, rows_max, id_of).await
    }

    pub(super) async fn tracks_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        self.search::<TrackRow, Track>(&ALL_TRACKS, &TRACKS, &TITLES, scope, query, skip, rows_max, |track| {
            track.id.0
        })
        .await
    }

    pub(super) async fn albums_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        self.search::<AlbumRow, Album>(&ALL_ALBUMS, &ALBUMS, &NAMES, scope, query, skip, rows_max, |album| {
            album.id.0
        })
        .await
    }

    pub(super) async fn artists_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>> {
        self.search::<ArtistRow, Artist>(
            &ALL_ARTISTS,
            &ARTISTS,
            &NAMES,
            scope,
            query,
            skip,
            rows_max,
            |artist| artist.id.0,
        )
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::super::readers::Query;
    use super::*;

    fn check(query: &str, expected: [&str; 5]) {
        let expected = Wanted::Grades(expected.map(str::to_owned));
        assert_eq!(wanted(query, &TITLES), expected, "{query:?}");
    }

    #[test]
    fn a_query_is_words_and_never_operators() {
        check(
            "help",
            [
                "title : (^ \"help \u{e000}\")",
                "(title : (^ \"help\")) NOT (title : (^ \"help \u{e000}\"))",
                "(\"help\") NOT (title : (^ \"help\"))",
                "(title : (^ \"help\"*)) NOT (\"help\")",
                "(\"help\"*) NOT ((\"help\") OR (title : (^ \"help\"*)))",
            ],
        );
        let Wanted::Grades(grades) = wanted("a\" OR title:\u{e000}x*", &TITLES) else {
            panic!("words are wanted")
        };
        assert_eq!(grades[0], "title : (^ \"a OR title x \u{e000}\")");
        assert!(grades[2].starts_with("(\"a\" AND \"OR\" AND \"title\" AND \"x\") NOT"), "{}", grades[2]);
        let Wanted::Grades(grades) = wanted("E\u{301}toile", &NAMES) else { panic!("words are wanted") };
        assert!(
            grades[3].starts_with("(name : (^ \"E\u{301}toile\"* OR ^ \"The E\u{301}toile\"* OR"),
            "{}",
            grades[3]
        );
    }

    #[test]
    fn an_empty_query_is_all_and_a_query_of_signs_is_nothing() {
        for all in ["", "  ", "\"\"", "*", "\" \""] {
            assert_eq!(wanted(all, &TITLES), Wanted::All, "{all:?}");
        }
        for nothing in ["!!!", "\u{301}", "\u{e000}"] {
            assert_eq!(wanted(nothing, &NAMES), Wanted::Nothing, "{nothing:?}");
        }
    }

    #[test]
    fn only_so_many_words_are_looked_at() {
        let long = "o".repeat(SEARCH_WORDS_BYTES_MAX / 4);
        for (word, times) in [("word", SEARCH_WORDS_MAX), (&long, 4)] {
            let Wanted::Grades([is, ..]) = wanted(&vec![word; 10_000].join(" "), &TITLES) else {
                panic!("words are wanted")
            };
            assert_eq!(is.matches(word).count(), times, "{word}");
        }
        assert_eq!(wanted(&long.repeat(5), &TITLES), Wanted::Nothing);
    }

    #[tokio::test]
    async fn statements_write_the_same_letters_plain_as_queries() {
        const PLAIN: &str = concat!("SELECT ", super::super::sql::plain!("?1"));
        let folder = tempfile::tempdir().unwrap();
        let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
        for (text, expected) in [
            ("ßẞæÆœŒøØłŁđĐðÐþÞıħĦŧŦŋŊ", "ssSSaeAEoeOEoOlLdDdDthTHihHtTnN"),
            ("Trentemøller & Ærlighed", "Trentemoller & AErlighed"),
            ("plain ~ text", "plain ~ text"),
            ("Étoile 夏", "Étoile 夏"),
            ("", ""),
        ] {
            let found: String = database.readers.one(Query::new(PLAIN).bind(text.to_owned())).await.unwrap();
            assert_eq!((found.as_str(), fold::plain(text).as_str()), (expected, expected));
        }
    }

    /// What an earlier release wrote: the words as they were spelled.
    const EARLIER: &str = "
        INSERT INTO libraries (id, root, name, position) VALUES (1, '/music', 'music', 0);
        INSERT INTO artists (id, name, key, sort_name) VALUES (1, 'Trentemøller', 'trentemøller', 'trentemøller');
        INSERT INTO albums (id, artist_id, name, key, sort_name, created) VALUES (1, 1, 'Straße', 'straße', 'straße', 0);
        INSERT INTO tracks (id, library_id, path, length_bytes, modified_ns, changed_ns, inode, album_id, artist_id, title,
                artist, genres, duration_ms, bitrate_kbps, sample_rate_hz, channels, suffix, content_type, created)
            VALUES (1, 1, 'a', 1, 1, 1, 1, 1, 1, 'Æther', 'Trentemøller', '', 1, 1, 1, 1, 'mp3', 'audio/mpeg', 0),
                (2, 1, 'b', 1, 1, 1, 1, 1, 1, 'Film', 'Trentemøller', '', 1, 1, 1, 1, 'mp4', 'video/mp4', 0);
        INSERT INTO track_words (rowid, title, album, artist) VALUES (1, 'Æther', 'Straße', 'Trentemøller');
        INSERT INTO album_words (rowid, name, artist) VALUES (1, 'Straße', 'Trentemøller');
        INSERT INTO artist_words (rowid, name) VALUES (1, 'Trentemøller');";
    const STATE: &str = "SELECT (SELECT count(*) FROM track_words WHERE track_words MATCH ?1)
            + (SELECT count(*) FROM album_words WHERE album_words MATCH ?1)
            + (SELECT count(*) FROM artist_words WHERE artist_words MATCH ?1),
        (SELECT sort_name FROM artists) || ' ' || (SELECT sort_name FROM albums) || ' '
            || (SELECT json_group_array(changed_ns) FROM tracks)";

    #[tokio::test]
    async fn what_an_earlier_release_wrote_is_written_plain_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = Sqlite::open(&folder.path().join("test.db")).await.unwrap();
        let state = async |words: &str| -> (i64, String) {
            database.readers.one(Query::new(STATE).bind(words.to_owned())).await.unwrap()
        };
        sqlx::raw_sql(EARLIER).execute(&database.writer).await.unwrap();
        assert_eq!(state("trentemoller").await.0, 0);
        let migration = include_str!("../../migrations/0025_plain_letters.sql");
        sqlx::raw_sql(migration).execute(&database.writer).await.unwrap();
        for (words, found) in
            [("trentemoller", 4), ("strasse", 3), ("aether", 1), ("film", 1), ("tr\u{f8}", 0)]
        {
            let expected = (found, "trentemoller strasse [-1,1]".to_owned());
            assert_eq!(state(words).await, expected, "{words}");
        }
    }
}
