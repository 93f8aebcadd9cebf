//! Search by the beginnings of words. Things that have all the words whole come first, then those whose words only
//! begin so; each in the order of ids, so that pages fit together.

use budget::limits::SEARCH_WORDS_MAX;

use super::rows::{self, AlbumRow, ArtistRow, TrackRow};
use super::sql::{
    album_rows, album_seen, artist_rows, artist_seen, has_cover, play_state, private_seen, seen, track_rows,
    track_seen,
};
use super::{Result, Scope, Sqlite, limit, offset};
use crate::error::Error;
use crate::model::{Album, Artist, Track};
use crate::weight::Weight;

macro_rules! two_grades {
    ($words:literal, $($rest:tt)*) => {
        concat!(
            "SELECT ", $words, ".rowid FROM ", $words, $($rest)*, " AND ", $words, " MATCH ?4
             UNION ALL
             SELECT ", $words, ".rowid FROM ", $words, $($rest)*, " AND ", $words, " MATCH ?5
             LIMIT ?6 OFFSET ?7"
        )
    };
}

macro_rules! track_condition {
    () => {
        concat!(
            " CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = track_words.rowid WHERE ",
            track_seen!()
        )
    };
}
macro_rules! album_condition {
    () => {
        concat!(" CROSS JOIN albums al ON al.id = album_words.rowid WHERE ", album_seen!())
    };
}
macro_rules! artist_condition {
    () => {
        concat!(" CROSS JOIN artists ar ON ar.id = artist_words.rowid WHERE ", artist_seen!())
    };
}

pub(super) const TRACKS: &str = track_rows!(two_grades!("track_words", track_condition!()));
pub(super) const ALBUMS: &str = album_rows!(two_grades!("album_words", album_condition!()));
pub(super) const ARTISTS: &str = artist_rows!(two_grades!("artist_words", artist_condition!()));
pub(super) const ALL_TRACKS: &str = track_rows!(
    "SELECT t.id FROM tracks t INDEXED BY tracks_seen WHERE ",
    track_seen!(),
    " ORDER BY t.id LIMIT ?6 OFFSET ?7"
);
pub(super) const ALL_ALBUMS: &str =
    album_rows!("SELECT al.id FROM albums al WHERE ", album_seen!(), " ORDER BY al.id LIMIT ?6 OFFSET ?7");
pub(super) const ALL_ARTISTS: &str =
    artist_rows!("SELECT ar.id FROM artists ar WHERE ", artist_seen!(), " ORDER BY ar.id LIMIT ?6 OFFSET ?7");

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

/// Takes a query apart into runs of letters and digits, as the index does. Quoted, none of them is an operator.
fn wanted(query: &str) -> Wanted {
    let is_part = |c: char| c.is_alphanumeric() || ('\u{300}'..='\u{36f}').contains(&c);
    let words: Vec<&str> = query
        .split(|c| !is_part(c))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .take(SEARCH_WORDS_MAX)
        .collect();
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
    /// The rows of one page, by the statement for all or the one for words.
    async fn search<Row, Noun>(
        &self,
        all: &'static str,
        some: &'static str,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Noun>>
    where
        Row: for<'r> sqlx::FromRow<'r, sqlx::sqlite::SqliteRow> + Send + Unpin,
        Noun: TryFrom<Row, Error = Error> + Weight,
    {
        let (sql, whole, begun) = match wanted(query) {
            Wanted::All => (all, None, None),
            Wanted::Nothing => return Ok(Vec::new()),
            Wanted::Words { whole, begun } => (some, Some(whole), Some(begun)),
        };
        let query = scope.rows(sql).bind(whole).bind(begun).bind(limit(rows_max)).bind(offset(skip));
        rows::page(query, &self.readers).await
    }

    pub(super) async fn tracks_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        self.search::<TrackRow, _>(ALL_TRACKS, TRACKS, scope, query, skip, rows_max).await
    }

    pub(super) async fn albums_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Album>> {
        self.search::<AlbumRow, _>(ALL_ALBUMS, ALBUMS, scope, query, skip, rows_max).await
    }

    pub(super) async fn artists_by_words(
        &self,
        scope: &Scope,
        query: &str,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Artist>> {
        self.search::<ArtistRow, _>(ALL_ARTISTS, ARTISTS, scope, query, skip, rows_max).await
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
