//! Playlists, for reading.

use catalog::{PlaylistId, Track};

use crate::call::{Answer, Call, Reader};
use crate::list::Pages;
use crate::model::{Bare, Child, PlaylistHead};

/// `getPlaylists`: one's own and public ones.
pub(crate) async fn playlists(call: Call) -> Answer {
    let reader = call.reader()?;
    let rows = Pages::all(
        &reader,
        |reader, offset, rows| async move { reader.catalog.playlists(&reader.viewer, offset, rows).await },
        |out, playlist| out.row(&PlaylistHead::of(playlist)),
    );
    call.list("playlists", &Bare {})?.part("playlist", rows).answer().await
}

/// `getPlaylist`: one with its songs.
pub(crate) async fn playlist(call: Call) -> Answer {
    let (reader, plain) = (call.reader()?, call.plain());
    let id: PlaylistId = call.params.id("id")?;
    let playlist = reader.catalog.playlist(&reader.viewer, id).await?;
    let read = move |reader: Reader, offset, rows| async move {
        reader.catalog.playlist_tracks(&reader.viewer, id, offset, rows).await
    };
    let rows = Pages::all(&reader, read, move |out, track: &Track| out.row(&Child::of(track, plain)));
    call.list("playlist", &PlaylistHead::of(&playlist))?.part("entry", rows).answer().await
}
