//! Lists of albums, random songs, and what is starred.

use std::borrow::Cow;

use budget::limits::SUBSONIC_SIZE_MAX;
use catalog::{Album, AlbumId, AlbumOrder, Artist, RandomFilter, Track, TrackId, Video};
use store::FolderId;

use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Drawn, Keyed, Pages, Rows, draws};
use crate::model::{AlbumID3, ArtistID3, Bare, Child, OldArtist};
use crate::params::Params;
use crate::reply::Writer;

/// Rows when the client does not say how many.
const SIZE_DEFAULT: u64 = 10;

/// `getAlbumList`: albums as directories.
pub(crate) async fn album_list(call: Call) -> Answer {
    let rows = albums(&call, move |out, album| out.row(&Child::of_album(album))).await?;
    call.list("albumList", &Bare {})?.part("album", rows).answer().await
}

/// `getAlbumList2`: albums by tags.
pub(crate) async fn album_list2(call: Call) -> Answer {
    let rows = albums(&call, move |out, album| out.row(&AlbumID3::of(album))).await?;
    call.list("albumList2", &Bare {})?.part("album", rows).answer().await
}

async fn albums<Show>(call: &Call, show: Show) -> Result<Box<dyn Rows>, Error>
where
    Show: Fn(&mut Writer, &Album) -> Result<(), Error> + Send + Sync + 'static,
{
    let folder = call.folder()?;
    let size = call.params.number("size", SIZE_DEFAULT)?.min(SUBSONIC_SIZE_MAX);
    let reader = call.reader()?;
    if &*call.params.text("type")? == "random" {
        return Ok(Box::new(albums_at_random(&reader, folder, draws(size), show).await?));
    }
    let (order, offset) = (album_order(&call.params)?, call.params.number("offset", 0)?);
    Ok(Box::new(albums_in_order(&reader, order, folder, offset, size, show)))
}

async fn albums_at_random<Show>(
    reader: &Reader,
    folder: Option<FolderId>,
    wanted: usize,
    show: Show,
) -> Result<impl Rows + use<Show>, Error>
where
    Show: Fn(&mut Writer, &Album) -> Result<(), Error> + Send + Sync,
{
    // As of tracks: reading the rows tells which of the guesses are albums that the user sees.
    let guesses = if folder.is_none() { reader.catalog.guess_albums(2 * wanted).await? } else { Vec::new() };
    let read = |reader: Reader, ids: Vec<AlbumId>| async move {
        reader.catalog.these_albums(&reader.viewer, &ids).await
    };
    let drawing = reader.clone();
    let drawn = async move { drawing.catalog.random_albums(&drawing.viewer, folder, wanted).await };
    Ok(Drawn::new(reader, guesses, |album: &Album| album.id, read, show).until(wanted, drawn))
}

fn albums_in_order<Show>(
    reader: &Reader,
    order: AlbumOrder,
    folder: Option<FolderId>,
    offset: u64,
    count: u64,
    show: Show,
) -> impl Rows + use<Show>
where
    Show: Fn(&mut Writer, &Album) -> Result<(), Error> + Send + Sync,
{
    let read = move |reader: Reader, offset, rows| {
        let order = order.clone();
        async move { reader.catalog.albums(&reader.viewer, &order, folder, offset, rows).await }
    };
    Pages::new(reader, offset, count, read, show)
}

/// The order that `type` names beside `random`, with the parameters that it needs.
fn album_order(params: &Params) -> Result<AlbumOrder, Error> {
    Ok(match &*params.text("type")? {
        "newest" => AlbumOrder::Newest,
        "highest" => AlbumOrder::Highest,
        "frequent" => AlbumOrder::Frequent,
        "recent" => AlbumOrder::Recent,
        "alphabeticalByName" => AlbumOrder::ByName,
        "alphabeticalByArtist" => AlbumOrder::ByArtist,
        "starred" => AlbumOrder::Starred,
        "byYear" => AlbumOrder::ByYear(params.year("fromYear")?, params.year("toYear")?),
        "byGenre" => AlbumOrder::ByGenre(params.short("genre", params.text("genre")?)?.into_owned()),
        _ => return Err(Error::bad("type", "one of the orders of the protocol")),
    })
}

/// `getRandomSongs`.
pub(crate) async fn random_songs(call: Call) -> Answer {
    let reader = call.reader()?;
    let genre = call.params.get("genre").map(|genre| call.params.short("genre", genre)).transpose()?;
    let genre = genre.map(Cow::into_owned);
    let filter = RandomFilter {
        genre,
        from_year: call.params.optional_year("fromYear")?,
        to_year: call.params.optional_year("toYear")?,
        folder: call.folder()?,
    };
    let wanted = draws(call.params.number("size", SIZE_DEFAULT)?.min(SUBSONIC_SIZE_MAX));
    // Reading the rows tells which of the guesses are tracks that the user sees: of a large library it need not be asked twice.
    let guesses = if filter.is_all() { reader.catalog.guess_tracks(2 * wanted).await? } else { Vec::new() };
    let show = move |out: &mut Writer, track: &Track| out.row(&Child::of(track));
    let drawing = reader.clone();
    let drawn = async move { drawing.catalog.random_tracks(&drawing.viewer, &filter, wanted).await };
    let rows =
        Drawn::new(&reader, guesses, |track: &Track| track.id, these_tracks, show).until(wanted, drawn);
    call.list("randomSongs", &Bare {})?.part("song", rows).answer().await
}

/// The rows of tracks that were drawn.
pub(crate) async fn these_tracks(reader: Reader, ids: Vec<TrackId>) -> Result<Vec<Track>, catalog::Error> {
    reader.catalog.these_tracks(&reader.viewer, &ids).await
}

/// `getVideos`: all videos.
pub(crate) async fn videos(call: Call) -> Answer {
    let read =
        |reader: Reader, after, rows| async move { reader.catalog.videos(&reader.viewer, after, rows).await };
    let show = move |out: &mut Writer, video: &Video| out.row(&Child::of_video(video));
    let rows = Keyed::new(&call.reader()?, read, |video: &Video| video.track.id, show);
    call.list("videos", &Bare {})?.part("video", rows).answer().await
}

/// `getStarred`: what the user starred, albums as directories.
pub(crate) async fn starred(call: Call) -> Answer {
    let (reader, folder) = (call.reader()?, call.folder()?);
    let artists = starred_artists(&reader, folder, |out, artist| out.row(&OldArtist::of(artist)));
    let show = move |out: &mut Writer, album: &Album| out.row(&Child::of_album(album));
    let albums = albums_in_order(&reader, AlbumOrder::Starred, folder, 0, u64::MAX, show);
    let list = call.list("starred", &Bare {})?.part("artist", artists).part("album", albums);
    list.part("song", starred_tracks(&reader, folder)).answer().await
}

/// `getStarred2`: what the user starred, by tags.
pub(crate) async fn starred2(call: Call) -> Answer {
    let (reader, folder) = (call.reader()?, call.folder()?);
    let artists = starred_artists(&reader, folder, |out, artist| out.row(&ArtistID3::of(artist)));
    let show = move |out: &mut Writer, album: &Album| out.row(&AlbumID3::of(album));
    let albums = albums_in_order(&reader, AlbumOrder::Starred, folder, 0, u64::MAX, show);
    let list = call.list("starred2", &Bare {})?.part("artist", artists).part("album", albums);
    list.part("song", starred_tracks(&reader, folder)).answer().await
}

fn starred_artists<Show>(reader: &Reader, folder: Option<FolderId>, show: Show) -> impl Rows + use<Show>
where
    Show: Fn(&mut Writer, &Artist) -> Result<(), Error> + Send + Sync,
{
    let read = move |reader: Reader, offset, rows| async move {
        reader.catalog.starred_artists(&reader.viewer, folder, offset, rows).await
    };
    Pages::all(reader, read, show)
}

fn starred_tracks(reader: &Reader, folder: Option<FolderId>) -> impl Rows + use<> {
    let read = move |reader: Reader, offset, rows| async move {
        reader.catalog.starred_tracks(&reader.viewer, folder, offset, rows).await
    };
    Pages::all(reader, read, |out: &mut Writer, track: &Track| out.row(&Child::of(track)))
}
