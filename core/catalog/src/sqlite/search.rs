//! Search by the beginnings of words. Things that have all the words whole come first, then those whose words only
//! begin so; each in the order of ids, so that pages fit together.

use budget::limits::SEARCH_WORDS_MAX;

use super::columns::Part;
use super::places::{List, Place, Statements};
use super::rows::{AlbumRow, ArtistRow, TrackRow};
use super::sql::{
    album_rows, album_seen, artist_parts, artist_rows, artist_seen, has_cover, play_state, private_seen,
    seen, track_rows, track_seen,
};
use super::{Result, Scope, Sqlite};
use crate::error::Error;
use crate::model::{Album, Artist, Track};
use crate::weight::Weight;

/// A list of words in two grades, the second behind the first: the place is a grade and a number.
macro_rules! two_grades {
    ($words:literal, $whole:literal, $begun:literal, $($rest:tt)*) => {
        concat!(
            "SELECT ", $whole, $words, ".rowid AS id FROM ", $words, $($rest)*, " AND ", $words, " MATCH ?6
                AND ", $words, ".rowid > iif(?8 = 0, ?12, 9223372036854775807)
             UNION ALL
             SELECT ", $begun, $words, ".rowid AS id FROM ", $words, $($rest)*, " AND ", $words, " MATCH ?7
                AND ", $words, ".rowid > iif(?8 = 0, 0, ?12)
             LIMIT ?4 OFFSET ?5"
        )
    };
}

/// The statements of a search among words.
macro_rules! by_words {
    ($rows:ident, $words:literal, $($condition:tt)*) => {
        Statements {
            rows: $rows!(two_grades!($words, "", "", $($condition)*)),
            step: concat!("WITH ", seen!(), " ", two_grades!(
                $words, "0 AS number, '' AS artist, 0 AS artist_id, '' AS name, ",
                "1 AS number, '' AS artist, 0 AS artist_id, '' AS name, ", $($condition)*)),
            place: concat!(
                "SELECT NOT EXISTS (SELECT 1 FROM ", $words, " WHERE rowid = ?8 AND ", $words, " MATCH ?6) AS number,
                    '' AS artist, 0 AS artist_id, '' AS name, ?8 AS id"
            ),
        }
    };
}

/// The statements of a list of everything, by number.
macro_rules! by_number {
    ($rows:ident, $id:literal, $($from:tt)*) => {
        Statements {
            rows: $rows!("SELECT ", $id, $($from)*, " AND ", $id, " > ?12 ORDER BY ", $id, " LIMIT ?4 OFFSET ?5"),
            step: concat!(
                "WITH ", seen!(), " SELECT 0 AS number, '' AS artist, 0 AS artist_id, '' AS name, ", $id, " AS id",
                $($from)*, " AND ", $id, " > ?12 ORDER BY ", $id, " LIMIT ?4 OFFSET ?5"
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
pub(super) static ALL_TRACKS: Statements =
    by_number!(track_rows, "t.id", " FROM tracks t INDEXED BY tracks_seen WHERE ", track_seen!());
pub(super) static ALL_ALBUMS: Statements =
    by_number!(album_rows, "al.id", " FROM albums al WHERE ", album_seen!());
pub(super) static ALL_ARTISTS: Statements =
    by_number!(artist_rows, "ar.id", " FROM artists ar WHERE ", artist_seen!());

/// A query as two expressions of FTS5: whole words, and words that begin so but are not all whole.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Everything: the query is empty, or the pair of quotes that some clients send instead.
    All,
    /// Nothing can match: there are signs, and no letters or digits among them.
    Nothing,
    /// These expressions.
    Words { whole: String, begun: String },
}

/// The runs of letters and digits in a text, as the index has them, up to [`SEARCH_WORDS_MAX`].
pub(super) fn words(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c);
    text.split(|c| !is_part(c))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(SEARCH_WORDS_MAX)
        .collect()
}

/// A query as expressions. Quoted, none of its words is an operator.
fn wanted(query: &str) -> Wanted {
    let words = words(query);
    if words.is_empty() {
        let blank = query.chars().all(|c| c.is_whitespace() || matches!(c, '"' | '*'));
        return if blank { Wanted::All } else { Wanted::Nothing };
    }
    let whole: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    let begun: Vec<String> = words.iter().map(|word| format!("\"{word}\"*")).collect();
    let (whole, begun) = (whole.join(" AND "), begun.join(" AND "));
    Wanted::Words { begun: format!("({begun}) NOT ({whole})"), whole }
}

impl Sqlite {
    /// The rows of one page, of all or of those with these words.
    #[expect(clippy::too_many_arguments, reason = "two lists, and what every page needs")]
    async fn search<Row, Noun>(
        &self,
        all: &'static Statements,
        some: &'static Statements,
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
        let (statements, about) = match wanted(query) {
            Wanted::All => (all, [None, None]),
            Wanted::Nothing => return Ok(Vec::new()),
            Wanted::Words { whole, begun } => (some, [Some(whole), Some(begun)]),
        };
        let list = List { statements, about, first: Place::default() };
        self.page_of::<Row, _>(list, scope, skip, rows_max, id_of).await
    }

    pub(super) async fn tracks_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        self.search::<TrackRow, Track>(&ALL_TRACKS, &TRACKS, scope, query, skip, rows_max, |track| track.id.0)
            .await
    }

    pub(super) async fn albums_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        self.search::<AlbumRow, Album>(&ALL_ALBUMS, &ALBUMS, scope, query, skip, rows_max, |album| album.id.0)
            .await
    }

    pub(super) async fn artists_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>> {
        self.search::<ArtistRow, Artist>(&ALL_ARTISTS, &ARTISTS, scope, query, skip, rows_max, |artist| {
            artist.id.0
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &str, expected: Option<(&str, &str)>) {
        let expected = match expected {
            Some((whole, begun)) => Wanted::Words { whole: whole.to_owned(), begun: begun.to_owned() },
            None => Wanted::All,
        };
        assert_eq!(wanted(query), expected, "{query:?}");
    }

    #[test]
    fn a_query_is_words_and_never_operators() {
        check("help", Some(("\"help\"", "(\"help\"*) NOT (\"help\")")));
        check("AC/DC", Some(("\"AC\" AND \"DC\"", "(\"AC\"* AND \"DC\"*) NOT (\"AC\" AND \"DC\")")));
        check(
            "a\" OR title:x*",
            Some((
                "\"a\" AND \"OR\" AND \"title\" AND \"x\"",
                "(\"a\"* AND \"OR\"* AND \"title\"* AND \"x\"*) NOT (\"a\" AND \"OR\" AND \"title\" AND \"x\")",
            )),
        );
        check("E\u{301}toile", Some(("\"E\u{301}toile\"", "(\"E\u{301}toile\"*) NOT (\"E\u{301}toile\")")));
    }

    #[test]
    fn an_empty_query_is_all_and_a_query_of_signs_is_nothing() {
        for all in ["", "  ", "\"\"", "*", "\" \""] {
            check(all, None);
        }
        assert_eq!(wanted("!!!"), Wanted::Nothing);
        assert_eq!(wanted("\u{301}"), Wanted::Nothing);
    }

    #[test]
    fn only_so_many_words_are_looked_at() {
        let long = vec!["word"; 10_000].join(" ");
        let Wanted::Words { whole, .. } = wanted(&long) else { panic!("words are wanted") };
        assert_eq!(whole.matches("word").count(), SEARCH_WORDS_MAX);
    }
}
