//! Searching. Apps that mirror the library walk it with an empty query and growing offsets.

use std::sync::Arc;

use budget::Pool;
use budget::limits::{LISTING_BYTES, PAGE_ROWS_MAX, SUBSONIC_SIZE_MAX};
use catalog::{Album, Artist, Track, UnixMs};
use serde::Serialize;
use store::FolderId;

use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Pages, Rows};
use crate::model::{AlbumID3, ArtistID3, Bare, Child, OldArtist};
use crate::params::Params;
use crate::reply::Writer;

/// Rows of each kind when the client does not say how many.
const COUNT_DEFAULT: u64 = 20;

/// `search`, as the first version of the protocol had it: songs that have all the words, wherever they say them. It wants
/// to know how many there are; it is told of those up to the end of the page, and of one more when there are more.
pub(crate) async fn search(call: Call) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        offset: u64,
        total_hits: u64,
    }
    let reader = call.reader()?;
    let query: Arc<str> = old_query(&call.params)?.into();
    let newer_than =
        call.params.optional_number("newerThan")?.and_then(|moment| UnixMs::try_from(moment).ok());
    let count = call.params.number("count", COUNT_DEFAULT)?.min(SUBSONIC_SIZE_MAX);
    let offset = call.params.number("offset", 0)?;
    let read = move |reader: Reader, offset, rows| {
        let query = query.clone();
        async move { reader.catalog.search_tracks(&reader.viewer, &query, None, offset, rows).await }
    };
    let hits = {
        let _permit = call.face.parts.budget.wait(Pool::Listings, LISTING_BYTES).await?;
        let rows_max = usize::try_from(count).unwrap_or(PAGE_ROWS_MAX).saturating_add(1);
        read(reader.clone(), offset, rows_max.min(PAGE_ROWS_MAX)).await?.len()
    };
    let show = move |out: &mut Writer, track: &Track| {
        let wanted = newer_than.is_none_or(|moment| track.created > moment);
        if wanted { out.row(&Child::of(track)) } else { Ok(()) }
    };
    let head = Head { offset, total_hits: offset.saturating_add(hits as u64) };
    call.list("searchResult", &head)?
        .part("match", Pages::new(&reader, offset, count, read, show))
        .answer()
        .await
}

/// All the words that the old parameters bring; none at all is fine for whoever wants what is new.
fn old_query(params: &Params) -> Result<String, Error> {
    let mut query = String::new();
    for name in ["any", "artist", "album", "title"] {
        if let Some(words) = params.get(name) {
            query.push_str(&unquoted(&params.short(name, words)?));
            query.push(' ');
        }
    }
    if query.is_empty() && params.get("newerThan").is_none() {
        return Err(Error::missing("any"));
    }
    Ok(query.trim().to_owned())
}

/// `search2`: albums as directories.
pub(crate) async fn search2(call: Call) -> Answer {
    let search = Search::of(&call)?;
    call.list("searchResult2", &Bare {})?
        .part("artist", search.artists(&call, |out, artist| out.row(&OldArtist::of(artist)))?)
        .part("album", search.albums(&call, move |out, album| out.row(&Child::of_album(album)))?)
        .part("song", search.tracks(&call, move |out, track| out.row(&Child::of(track)))?)
        .answer()
        .await
}

/// `search3`: by tags.
pub(crate) async fn search3(call: Call) -> Answer {
    let search = Search::of(&call)?;
    call.list("searchResult3", &Bare {})?
        .part("artist", search.artists(&call, |out, artist| out.row(&ArtistID3::of(artist)))?)
        .part("album", search.albums(&call, move |out, album| out.row(&AlbumID3::of(album)))?)
        .part("song", search.tracks(&call, move |out, track| out.row(&Child::of(track)))?)
        .answer()
        .await
}

/// What is looked for, and where.
struct Search {
    reader: Reader,
    query: Arc<str>,
    folder: Option<FolderId>,
}

/// One search of the catalog as pages.
macro_rules! found {
    ($name:ident, $row:ty, $search:ident, $count:literal, $offset:literal) => {
        fn $name<Show>(&self, call: &Call, show: Show) -> Result<impl Rows + use<Show>, Error>
        where
            Show: Fn(&mut Writer, &$row) -> Result<(), Error> + Send + Sync,
        {
            let (query, folder) = (self.query.clone(), self.folder);
            let read = move |reader: Reader, offset, rows| {
                let query = query.clone();
                async move { reader.catalog.$search(&reader.viewer, &query, folder, offset, rows).await }
            };
            let count = call.params.number($count, COUNT_DEFAULT)?;
            let offset = call.params.number($offset, 0)?;
            Ok(Pages::new(&self.reader, offset, count, read, show))
        }
    };
}

impl Search {
    fn of(call: &Call) -> Result<Self, Error> {
        let query = call.params.given("query").ok_or_else(|| Error::missing("query"))?;
        let query = call.params.short("query", query)?;
        Ok(Search { reader: call.reader()?, query: unquoted(&query).into(), folder: call.folder()? })
    }

    found!(artists, Artist, search_artists, "artistCount", "artistOffset");
    found!(albums, Album, search_albums, "albumCount", "albumOffset");
    found!(tracks, Track, search_tracks, "songCount", "songOffset");
}

/// Two quotes with nothing between them mean everything, as an empty query does: Symfonium sends them. Words in
/// quotes are words, and a star at the end, which Lucene wanted once, means nothing: words match by their beginning.
fn unquoted(query: &str) -> String {
    query.chars().map(|c| if matches!(c, '"' | '*') { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn quotes_and_stars_are_not_looked_for() {
        for (query, wanted) in [
            ("", ""),
            ("\"\"", ""),
            ("'' ", "''"),
            ("abba*", "abba"),
            ("\"dark side\"", "dark side"),
            ("*", ""),
        ] {
            assert_eq!(unquoted(query), wanted, "{query:?}");
        }
    }
}
