//! Songs that a list from elsewhere names by paths of another machine, or by words.

use std::collections::BTreeMap;

use budget::limits::{WANTED_ALIKE_MAX, WANTED_FOLDERS_MAX, WANTED_ROWS_MAX};
use unicode_normalization::UnicodeNormalization;

use super::sql::{seen, track_seen};
use super::{Result, Scope, Sqlite, search};
use crate::fold;
use crate::model::{TrackId, Wanted};

/// `?4` are numbers of songs, and paths, as a JSON array of pairs. The longest path of a song that there is comes first.
pub(super) const BY_PATH: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT j.value ->> 0 AS number, t.id FROM json_each(?4) j CROSS JOIN libraries l
    CROSS JOIN tracks t ON t.library_id = l.id AND t.path = j.value ->> 1
    WHERE ",
    track_seen!(),
    " ORDER BY number, length(t.path) DESC, t.id"
);
/// `?4` is an expression of FTS5.
pub(super) const BY_WORDS: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT t.id, ifnull(t.title_set, t.title), t.artist, t.path
    FROM track_words CROSS JOIN tracks t ON t.id = track_words.rowid WHERE ",
    track_seen!(),
    " AND track_words MATCH ?4 ORDER BY track_words.rowid LIMIT ?5"
);

impl Sqlite {
    /// The track that each of them means, if there is one that is seen.
    pub(super) async fn find_wanted(&self, scope: &Scope, wanted: &[Wanted]) -> Result<Vec<Option<TrackId>>> {
        let wanted = &wanted[..wanted.len().min(WANTED_ROWS_MAX)];
        let mut by_path = self.find_paths(scope, wanted).await?;
        let mut found = Vec::with_capacity(wanted.len());
        for (number, song) in wanted.iter().enumerate() {
            found.push(match by_path.remove(&number) {
                Some(id) => Some(id),
                None => self.find_words(scope, song).await?,
            });
        }
        Ok(found)
    }

    async fn find_paths(&self, scope: &Scope, wanted: &[Wanted]) -> Result<BTreeMap<usize, TrackId>> {
        let pairs: Vec<(usize, String)> = wanted
            .iter()
            .enumerate()
            .flat_map(|(n, song)| ends(&song.path).map(move |end| (n, end)))
            .collect();
        // Numbers and texts are always JSON.
        let pairs = serde_json::to_string(&pairs).unwrap_or_default();
        let rows: Vec<(i64, i64)> = self.readers.all(scope.query(BY_PATH).bind(pairs)).await?;
        let mut found = BTreeMap::new();
        for (number, id) in rows {
            found.entry(usize::try_from(number).unwrap_or(usize::MAX)).or_insert(TrackId(id));
        }
        Ok(found)
    }

    /// A track that is called so, by the same people or in a file of the same name.
    async fn find_words(&self, scope: &Scope, song: &Wanted) -> Result<Option<TrackId>> {
        let Some(words) = expression(song) else { return Ok(None) };
        let rows: Vec<(i64, String, String, String)> =
            self.readers.all(scope.query(BY_WORDS).bind(words).bind(WANTED_ALIKE_MAX as i64)).await?;
        let same = |one: &str, other: &str| fold::sort_name(one) == fold::sort_name(other);
        let title = song.title.as_deref().unwrap_or_default();
        let is_file = |path: &str| file_name(path) == file_name(&song.path);
        let is_it = |(_, called, by, path): &&(i64, String, String, String)| {
            let is_theirs = song.artist.as_deref().map_or_else(|| is_file(path), |artist| same(by, artist));
            is_theirs && same(called, title)
        };
        let alike: Vec<_> = rows.iter().filter(is_it).collect();
        let chosen = alike.iter().find(|row| is_file(&row.3)).or(alike.first());
        Ok(chosen.map(|row| TrackId(row.0)))
    }
}

/// A path without its first folders, one after the other; as it was written, and with its letters composed, because some
/// systems write them apart.
fn ends(path: &str) -> impl Iterator<Item = String> + use<> {
    let composed: String = path.nfc().collect();
    let spellings = if composed == path { vec![composed] } else { vec![path.to_owned(), composed] };
    spellings.into_iter().flat_map(|path| {
        let starts = path.rmatch_indices('/').map(|(at, _)| at + 1).take(WANTED_FOLDERS_MAX);
        let mut ends: Vec<String> = starts.map(|start| path[start..].to_owned()).collect();
        if ends.len() < WANTED_FOLDERS_MAX {
            ends.push(path);
        }
        ends
    })
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// What the words of a song must have in the index; nothing where there is no title.
fn expression(song: &Wanted) -> Option<String> {
    let column = |name: &str, text: &str| {
        let words: Vec<String> = search::words(text).iter().map(|word| format!("\"{word}\"")).collect();
        (!words.is_empty()).then(|| format!("{name} : ({})", words.join(" AND ")))
    };
    let title = column("title", song.title.as_deref()?)?;
    let artist = song.artist.as_deref().and_then(|artist| column("artist", artist));
    Some(artist.map_or_else(|| title.clone(), |artist| format!("{title} AND {artist}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_looked_for_from_each_of_its_folders() {
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(ends(path).collect::<Vec<_>>(), expected, "{path}");
        };
        check("a.mp3", &["a.mp3"]);
        check("Music/A/a.mp3", &["a.mp3", "A/a.mp3", "Music/A/a.mp3"]);
        check("A/e\u{301}.mp3", &["e\u{301}.mp3", "A/e\u{301}.mp3", "\u{e9}.mp3", "A/\u{e9}.mp3"]);
        let deep = "x/".repeat(1_000) + "a.mp3";
        assert_eq!(ends(&deep).count(), WANTED_FOLDERS_MAX);
    }

    #[test]
    fn words_of_a_song_are_never_operators() {
        let check = |title: Option<&str>, artist: Option<&str>, expected: Option<&str>| {
            let song = Wanted {
                title: title.map(str::to_owned),
                artist: artist.map(str::to_owned),
                ..Wanted::default()
            };
            assert_eq!(expression(&song).as_deref(), expected);
        };
        check(
            Some("A\" OR x*"),
            Some("AC/DC"),
            Some("title : (\"A\" AND \"OR\" AND \"x\") AND artist : (\"AC\" AND \"DC\")"),
        );
        check(Some("Help!"), None, Some("title : (\"Help\")"));
        check(Some("Help!"), Some("?"), Some("title : (\"Help\")"));
        check(Some("!!!"), Some("A"), None);
        check(None, Some("A"), None);
    }
}
