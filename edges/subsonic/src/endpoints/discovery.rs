//! Songs of a genre, of an artist, and like another; and what is known of artists and albums.

use std::borrow::Cow;

use budget::limits::SUBSONIC_SIZE_MAX;
use catalog::{AlbumId, Item, Track, TrackId};
use jiff::Timestamp;
use serde::Serialize;

use super::lists::these_tracks;
use crate::call::{Answer, Call, Reader};
use crate::cover_id::CoverId;
use crate::error::Error;
use crate::list::{Drawn, Pages, draws};
use crate::model::{Bare, Child, Element};
use crate::params;
use crate::reply::Writer;

/// Songs of a genre when the client does not say how many.
const GENRE_SONGS: u64 = 10;
/// Top and similar songs likewise.
const SONGS: u64 = 50;
/// The sizes of small, medium and large pictures, in pixels.
const PICTURES_PX: [u32; 3] = [100, 300, 600];
/// Similar songs are the same ones for a day.
const DRAW_MS: i64 = 24 * 60 * 60 * 1_000;

fn count(call: &Call, default: u64) -> Result<u64, Error> {
    Ok(call.params.number("count", default)?.min(SUBSONIC_SIZE_MAX))
}

fn show() -> impl Fn(&mut Writer, &Track) -> Result<(), Error> + Send + Sync + use<> {
    move |out, track| out.row(&Child::of(track))
}

/// `getSongsByGenre`.
pub(crate) async fn songs_by_genre(call: Call) -> Answer {
    let (reader, folder) = (call.reader()?, call.folder()?);
    let genre = call.params.short("genre", call.params.text("genre")?)?.into_owned();
    let offset = call.params.number("offset", 0)?;
    let read = move |reader: Reader, offset, rows| {
        let genre = genre.clone();
        async move { reader.catalog.genre_tracks(&reader.viewer, &genre, folder, offset, rows).await }
    };
    let rows = Pages::new(&reader, offset, count(&call, GENRE_SONGS)?, read, show());
    call.list("songsByGenre", &Bare {})?.part("song", rows).answer().await
}

/// `getTopSongs`: what everybody on this server played most, and then the rest. An artist whom nobody knows has none.
pub(crate) async fn top_songs(call: Call) -> Answer {
    let reader = call.reader()?;
    let artist = match call.params.get("id") {
        Some(_) => Some(reader.catalog.artist(&reader.viewer, call.params.id("id")?).await?),
        None => reader.catalog.artist_named(&reader.viewer, &call.params.text("artist")?).await?,
    };
    let artist = artist.map(|artist| artist.id);
    let read = move |reader: Reader, offset, rows| async move {
        match artist {
            Some(artist) => reader.catalog.top_tracks(&reader.viewer, artist, offset, rows).await,
            None => Ok(Vec::new()),
        }
    };
    let rows = Pages::new(&reader, 0, count(&call, SONGS)?, read, show());
    let list = call.list("topSongs", &Bare {})?;
    list.part("song", rows).answer().await
}

/// `getSimilarSongs`: to a song, an album or an artist.
pub(crate) async fn similar_songs(call: Call) -> Answer {
    similar(call, "similarSongs").await
}

/// `getSimilarSongs2`: to an artist, or whatever else the id names.
pub(crate) async fn similar_songs2(call: Call) -> Answer {
    similar(call, "similarSongs2").await
}

async fn similar(call: Call, name: &'static str) -> Answer {
    let reader = call.reader()?;
    let item = item(&call)?;
    // Whoever asks on is told more of the same, and tomorrow something else.
    let today = (Timestamp::now().as_millisecond() / DRAW_MS).unsigned_abs();
    let draws = draws(count(&call, SONGS)?);
    let ids = reader.catalog.similar_tracks(&reader.viewer, item, today, draws).await?;
    let rows = Drawn::new(&reader, ids, |track: &Track| track.id, these_tracks, show());
    call.list(name, &Bare {})?.part("song", rows).answer().await
}

/// What the id names.
fn item(call: &Call) -> Result<Item, Error> {
    params::item(&call.params.text("id")?).ok_or_else(|| Error::not_found("Not found"))
}

/// What is known of an artist or an album without asking anybody else.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    music_brainz_id: Option<Element<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    small_image_url: Option<Element<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    medium_image_url: Option<Element<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    large_image_url: Option<Element<'a>>,
}

impl<'a> Info<'a> {
    fn of(call: &Call, musicbrainz: Option<&'a str>, cover: Option<CoverId<Item>>) -> Result<Self, Error> {
        let picture = |pixels| -> Result<Option<Element<'a>>, Error> {
            let address = cover.map(|cover| call.picture(cover, pixels)).transpose()?.flatten();
            Ok(address.map(|address| Element(address.into())))
        };
        let [small, medium, large] = PICTURES_PX.map(picture);
        Ok(Info {
            music_brainz_id: musicbrainz.map(|id| Element(Cow::Borrowed(id))),
            small_image_url: small?,
            medium_image_url: medium?,
            large_image_url: large?,
        })
    }
}

/// `getArtistInfo`: of an artist, or the artist of a song or an album.
pub(crate) async fn artist_info(call: Call) -> Answer {
    info_of_artist(call, "artistInfo").await
}

/// `getArtistInfo2`.
pub(crate) async fn artist_info2(call: Call) -> Answer {
    info_of_artist(call, "artistInfo2").await
}

async fn info_of_artist(call: Call, name: &'static str) -> Answer {
    let Reader { catalog, viewer } = call.reader()?;
    let id = match item(&call)? {
        Item::Track(id) => catalog.track(&viewer, id).await?.artist_id,
        Item::Album(id) => catalog.album(&viewer, id).await?.artist_id,
        Item::Artist(id) => id,
    };
    let artist = catalog.artist(&viewer, id).await?;
    // An artist without a picture has no address of one.
    let has_cover = catalog.cover(&viewer, Item::Artist(id)).await.is_ok();
    let cover = has_cover.then_some(CoverId(Item::Artist(id), artist.cover_mark));
    call.one(name, &Info::of(&call, artist.musicbrainz.as_deref(), cover)?)
}

/// `getAlbumInfo` and `getAlbumInfo2`: of an album, or the album of a song.
pub(crate) async fn album_info(call: Call) -> Answer {
    let Reader { catalog, viewer } = call.reader()?;
    let text = call.params.text("id")?;
    let id = match text.parse::<TrackId>() {
        Ok(song) => catalog.track(&viewer, song).await?.album_id,
        Err(_) => text.parse::<AlbumId>().map_err(|_| Error::not_found("Not found"))?,
    };
    let album = catalog.album(&viewer, id).await?;
    let musicbrainz = album.release.read().musicbrainz;
    let cover = album.has_cover.then_some(CoverId(Item::Album(id), album.cover_mark));
    call.one("albumInfo", &Info::of(&call, musicbrainz.as_deref(), cover)?)
}
