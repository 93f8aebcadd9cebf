//! Browsing, by tags and by folders. Folders are libraries, artists and albums: what is on the disk stays there.

use catalog::{Album, AlbumId, Artist, ArtistId, Track};
use serde::Serialize;
use store::FolderId;

use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Artists, Pages, Rows, View};
use crate::model::{AlbumID3, ArtistID3, Bare, Child, Directory, GenreCount};

/// Words at the beginning of a name that sorting passes over.
const IGNORED_ARTICLES: &str = "The El La Los Las Le Les";

/// `getMusicFolders`: the libraries that the user sees.
pub(crate) async fn music_folders(call: Call) -> Answer {
    #[derive(Serialize)]
    struct MusicFolder {
        id: i64,
        name: String,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct MusicFolders {
        music_folder: Vec<MusicFolder>,
    }
    let libraries = call.catalog().libraries(&call.viewer()?).await?;
    let music_folder =
        libraries.into_iter().map(|row| MusicFolder { id: row.id.0, name: row.name }).collect();
    call.one("musicFolders", &MusicFolders { music_folder })
}

/// `getIndexes`: artists under letters, in the old way. Nothing but the date when the client has seen it all.
pub(crate) async fn indexes(call: Call) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Indexes {
        last_modified: i64,
        ignored_articles: &'static str,
    }
    let last_modified = call.catalog().changed().await?;
    let seen = call.params.optional_number("ifModifiedSince")?;
    let head = Indexes { last_modified, ignored_articles: IGNORED_ARTICLES };
    let list = call.list("indexes", &head)?;
    if seen.is_some_and(|seen| i64::try_from(seen).is_ok_and(|seen| seen >= last_modified)) {
        return list.answer().await;
    }
    list.part("index", Artists::new(&call.reader()?, call.folder()?, View::ByFolders)).answer().await
}

/// `getArtists`: artists under letters.
pub(crate) async fn artists(call: Call) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        ignored_articles: &'static str,
    }
    let rows = Artists::new(&call.reader()?, call.folder()?, View::ByTags);
    call.list("artists", &Head { ignored_articles: IGNORED_ARTICLES })?.part("index", rows).answer().await
}

/// `getArtist`: one artist and the albums.
pub(crate) async fn artist(call: Call) -> Answer {
    let reader = call.reader()?;
    let artist = reader.catalog.artist(&reader.viewer, call.params.id("id")?).await?;
    let rows = artist_albums(&reader, artist.id, move |out, album| out.row(&AlbumID3::of(album)));
    call.list("artist", &ArtistID3::of(&artist))?.part("album", rows).answer().await
}

/// `getAlbum`: one album and its songs.
pub(crate) async fn album(call: Call) -> Answer {
    let reader = call.reader()?;
    let album = reader.catalog.album(&reader.viewer, call.params.id("id")?).await?;
    let discs = reader.catalog.disc_titles(&reader.viewer, album.id).await?;
    let rows = album_tracks(&reader, album.id);
    call.list("album", &AlbumID3::whole(&album, &discs))?.part("song", rows).answer().await
}

/// `getSong`: one song.
pub(crate) async fn song(call: Call) -> Answer {
    let track = call.catalog().track(&call.viewer()?, call.params.id("id")?).await?;
    call.one("song", &Child::of(&track))
}

/// `getGenres`: all genres.
pub(crate) async fn genres(call: Call) -> Answer {
    let reader = call.reader()?;
    let rows = Pages::all(
        &reader,
        |reader, offset, rows| async move { reader.catalog.genres(&reader.viewer, offset, rows).await },
        |out, genre| out.row(&GenreCount::of(genre)),
    );
    call.list("genres", &Bare {})?.part("genre", rows).answer().await
}

/// `getMusicDirectory`: what is in a library, an artist or an album, whichever the id names.
pub(crate) async fn music_directory(call: Call) -> Answer {
    let reader = call.reader()?;
    let id = call.params.text("id")?;
    if let Ok(id) = id.parse::<AlbumId>() {
        let album: Album = reader.catalog.album(&reader.viewer, id).await?;
        let rows = album_tracks(&reader, id);
        call.list("directory", &Directory::of_album(&album))?.part("child", rows).answer().await
    } else if let Ok(id) = id.parse::<ArtistId>() {
        let artist: Artist = reader.catalog.artist(&reader.viewer, id).await?;
        let rows = artist_albums(&reader, id, move |out, album| out.row(&Child::of_album(album)));
        call.list("directory", &Directory::of_artist(&artist))?.part("child", rows).answer().await
    } else {
        let libraries = reader.catalog.libraries(&reader.viewer).await?;
        let library = id.parse().map(FolderId).ok().and_then(|id| libraries.iter().find(|row| row.id == id));
        let library = library.ok_or_else(|| Error::not_found("No such directory"))?;
        let rows = Artists::new(&reader, Some(library.id), View::Directory(library.id));
        call.list("directory", &Directory::of_library(library.id, &library.name))?
            .part("child", rows)
            .answer()
            .await
    }
}

fn album_tracks(reader: &Reader, id: AlbumId) -> impl Rows + use<> {
    Pages::all(
        reader,
        move |reader, offset, rows| async move {
            reader.catalog.album_tracks(&reader.viewer, id, offset, rows).await
        },
        move |out, track: &Track| out.row(&Child::of(track)),
    )
}

fn artist_albums<Show>(reader: &Reader, id: ArtistId, show: Show) -> impl Rows + use<Show>
where
    Show: Fn(&mut crate::reply::Writer, &Album) -> Result<(), Error> + Send + Sync,
{
    Pages::all(
        reader,
        move |reader, offset, rows| async move {
            reader.catalog.artist_albums(&reader.viewer, id, offset, rows).await
        },
        show,
    )
}
