//! What clients ask of a library, and what came.

use std::time::Duration;

use load::Spread;

use super::super::client::Client;
use crate::{Error, ErrorKind, Result};

/// A request whose answer is a list.
pub(super) struct Asked {
    /// What it is called on the page.
    pub(super) name: &'static str,
    /// Endpoint and query, with `{deep_tracks}`, `{deep_albums}`, `{deep_genre}`, `{deep_begun}`, `{tracks}` and `{small}` in it.
    target: &'static str,
    /// Nobody takes the whole library for an answer that is shorter.
    bytes_min: u64,
}

const fn page(name: &'static str, target: &'static str) -> Asked {
    // A hundred rows of two hundred bytes: the last page of a small library has no more. So has one of few artists.
    Asked { name, target, bytes_min: 20_000 }
}

const fn small(name: &'static str, target: &'static str) -> Asked {
    Asked { name, target, bytes_min: 1_000 }
}

/// Pages of 500 rows, as clients read them.
pub(super) const PAGES: &[Asked] = &[
    page("getAlbumList2, newest", "getAlbumList2?type=newest&size=500"),
    page(
        "getAlbumList2 by name, at nine tenths",
        "getAlbumList2?type=alphabeticalByName&size=500&offset={deep_albums}",
    ),
    page("search3 of everything", "search3?query=&artistCount=0&albumCount=0&songCount=500&songOffset=0"),
    page(
        "search3 of everything, at nine tenths",
        "search3?query=&artistCount=0&albumCount=0&songCount=500&songOffset={deep_tracks}",
    ),
    page(
        "search3, songs with a word that begins with a",
        "search3?query=a&artistCount=0&albumCount=0&songCount=500",
    ),
    page(
        "search3, songs with a word that begins with a, deep",
        "search3?query=a&artistCount=0&albumCount=0&songCount=500&songOffset={deep_begun}",
    ),
    page("search3, songs with two such words", "search3?query=a+b&artistCount=0&albumCount=0&songCount=500"),
    page(
        "search3, albums with a word that begins with a",
        "search3?query=a&artistCount=0&albumCount=500&songCount=0",
    ),
    page(
        "search3, artists with a word that begins with a",
        "search3?query=a&artistCount=500&albumCount=0&songCount=0",
    ),
    page(
        "getAlbumList2 by artist, at nine tenths",
        "getAlbumList2?type=alphabeticalByArtist&size=500&offset={deep_albums}",
    ),
    page("getAlbumList2 by year", "getAlbumList2?type=byYear&fromYear=1990&toYear=2010&size=500"),
    page("getAlbumList2 of a genre", "getAlbumList2?type=byGenre&genre=Rock&size=500"),
    page("getAlbumList2 at random", "getAlbumList2?type=random&size=500"),
    page("getSongsByGenre", "getSongsByGenre?genre=Rock&count=500"),
    page("getSongsByGenre, at nine tenths", "getSongsByGenre?genre=Rock&count=500&offset={deep_genre}"),
    page("getRandomSongs", "getRandomSongs?size=500"),
    page("getRandomSongs of a genre", "getRandomSongs?size=500&genre=Rock"),
    page("getRandomSongs of ten years", "getRandomSongs?size=500&fromYear=1990&toYear=1999"),
    page("getRandomSongs of one year", "getRandomSongs?size=500&fromYear=2026&toYear=2026"),
    page(
        "getRandomSongs of a genre and ten years",
        "getRandomSongs?size=500&genre=Rock&fromYear=1990&toYear=1999",
    ),
];

/// The same of a library that is a hundredth of what there is, and came after it.
pub(super) const SMALL: &[Asked] = &[
    small("newest of a small library", "getAlbumList2?type=newest&size=500&musicFolderId={small}"),
    small(
        "by name, of a small library",
        "getAlbumList2?type=alphabeticalByName&size=500&musicFolderId={small}",
    ),
    small("at random, of a small library", "getAlbumList2?type=random&size=500&musicFolderId={small}"),
    small(
        "everything of a small library",
        "search3?query=&artistCount=0&albumCount=0&songCount=500&musicFolderId={small}",
    ),
    small(
        "songs of a small library with a word that begins with a",
        "search3?query=a&artistCount=0&albumCount=0&songCount=500&musicFolderId={small}",
    ),
    small(
        "albums of a small library with a word that begins with a",
        "search3?query=a&artistCount=0&albumCount=500&songCount=0&musicFolderId={small}",
    ),
    small(
        "artists of a small library with a word that begins with a",
        "search3?query=a&artistCount=500&albumCount=0&songCount=0&musicFolderId={small}",
    ),
    small("random songs of a small library", "getRandomSongs?size=500&musicFolderId={small}"),
];

/// Lists that come whole.
pub(super) const WHOLE: &[Asked] = &[
    Asked { name: "getArtists", target: "getArtists?", bytes_min: 1_000 },
    Asked { name: "getIndexes", target: "getIndexes?", bytes_min: 1_000 },
];

/// The longest list there is: every track in one answer.
pub(super) const LONGEST: Asked = Asked {
    name: "search3, every track in one answer",
    target: "search3?query=&artistCount=0&albumCount=0&songCount={tracks}",
    bytes_min: 1_000_000,
};

/// What is asked of.
pub(super) struct Asking<'s> {
    /// The part of a query that signs in.
    pub(super) sign_in: &'s str,
    /// How many there are.
    pub(super) tracks: usize,
    /// The number of the small library.
    pub(super) small: &'s str,
}

/// The answers to one request.
pub(super) struct Answers {
    /// How long the one before them took, which does not count.
    pub(super) cold: Duration,
    pub(super) first: Spread,
    pub(super) took: Spread,
    pub(super) body_bytes: u64,
}

impl Asked {
    /// Asks so often, one after the other, and once before that for what is then remembered.
    ///
    /// # Errors
    /// `Broken` when an answer is too short to be the list.
    pub(super) fn ask(&self, client: &mut Client, asking: &Asking<'_>, times: usize) -> Result<Answers> {
        let Asking { sign_in, tracks, small } = asking;
        let target = self
            .target
            .replace("{deep_tracks}", &(tracks / 10 * 9).to_string())
            .replace("{deep_albums}", &(tracks / 100 * 6).to_string())
            // A twentieth of the tracks is of one genre, and as many are of a second; a fifth has a word with a certain letter.
            .replace("{deep_genre}", &(tracks / 100 * 6).to_string())
            .replace("{deep_begun}", &(tracks / 5).to_string())
            .replace("{tracks}", &tracks.to_string())
            .replace("{small}", small);
        let target = format!("/rest/{target}&{sign_in}");
        let (mut first, mut took, mut body_bytes) = (Vec::new(), Vec::<Duration>::new(), 0);
        let mut cold = Duration::ZERO;
        for round in 0..=times {
            let answer = client.get(&target, "").map_err(|error| {
                Error::because(ErrorKind::Failed, format!("asking for {}", self.name), error)
            })?;
            if answer.status != 200 || answer.body_bytes < self.bytes_min {
                let said = String::from_utf8_lossy(&answer.start).into_owned();
                let what =
                    format!("{}: {}, {} bytes: {said:.300}", self.name, answer.status, answer.body_bytes);
                return Err(Error::new(ErrorKind::Broken, what));
            }
            if round == 0 {
                cold = answer.took;
            } else {
                first.push(answer.first);
                took.push(answer.took);
            }
            body_bytes = answer.body_bytes;
        }
        Ok(Answers { cold, first: Spread::of(first), took: Spread::of(took), body_bytes })
    }
}
