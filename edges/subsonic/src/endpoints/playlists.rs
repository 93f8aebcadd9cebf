//! Playlists.

use std::str::FromStr;

use budget::limits::{LISTING_BYTES, PLAYLIST_TRACKS_AT_ONCE_MAX};
use budget::{Permit, Pool};
use catalog::{Playlist, PlaylistChange, PlaylistId, SongsChange, Track, TrackId, Viewer};

use crate::call::{Answer, Call, Reader};
use crate::endpoints::users::anybody;
use crate::error::{Error, ErrorKind};
use crate::list::Pages;
use crate::model::{Bare, Child, PlaylistHead};

/// The first version of the protocol whose `createPlaylist` answers with the playlist.
const ANSWERS_SINCE: u32 = 14;

/// `getPlaylists`: one's own and public ones; for an admin who names another user, of these that user's.
pub(crate) async fn playlists(call: Call) -> Answer {
    let (reader, user) = (call.reader()?, call.user()?.clone());
    let named = match call.params.get("username") {
        Some(name) => Some(anybody(&call, &name).await?.id),
        None => None,
    };
    let owner = named.filter(|named| *named != user.id);
    let rows = Pages::all(
        &reader,
        |reader, offset, rows| async move { reader.catalog.playlists(&reader.viewer, offset, rows).await },
        move |out, playlist: &Playlist| {
            let wanted = owner.is_none_or(|owner| playlist.owner == owner);
            if wanted { out.row(&PlaylistHead::of(playlist, &user)) } else { Ok(()) }
        },
    );
    call.list("playlists", &Bare {})?.part("playlist", rows).answer().await
}

/// `getPlaylist`: one with its songs.
pub(crate) async fn playlist(call: Call) -> Answer {
    let id = call.params.id("id")?;
    show(&call, id).await
}

/// `createPlaylist`: a new one, for one's own eyes at first; or with `playlistId` these songs in the place of those that are
/// in it.
pub(crate) async fn create(call: Call) -> Answer {
    let room = room(&call).await?;
    let songs = songs(&call, "songId")?;
    let name = call.params.get("name").map(|name| name.trim().to_owned());
    let (catalog, editor) = (call.catalog(), editor(&call)?);
    let id = if call.params.get("playlistId").is_some() {
        let id = call.params.id("playlistId")?;
        let change = PlaylistChange { name, songs: SongsChange::Replace(songs), ..PlaylistChange::default() };
        catalog.change_playlist(&editor, id, &change).await?;
        id
    } else {
        let name = name.ok_or_else(|| Error::missing("name"))?;
        catalog.add_playlist(&editor, &name, &songs).await?
    };
    drop(room);
    if call.params.speaks(ANSWERS_SINCE) { show(&call, id).await } else { call.format.empty() }
}

/// `updatePlaylist`: what it is called, who sees it, and songs that come and go. Places of those that go are those of the
/// list as it was.
pub(crate) async fn update(call: Call) -> Answer {
    let _room = room(&call).await?;
    let id = call.params.id("playlistId")?;
    let add = songs(&call, "songIdToAdd")?;
    let remove =
        many(&call, "songIndexToRemove", || Error::bad("songIndexToRemove", "the place of a song, from 0"))?;
    let is_edit = !add.is_empty() || !remove.is_empty();
    let last = remove.iter().max().copied();
    let change = PlaylistChange {
        name: call.params.get("name").map(|name| name.trim().to_owned()),
        // An empty one takes it away.
        comment: call.params.given("comment").map(|comment| comment.into_owned()),
        public: call.params.optional_flag("public")?,
        songs: if is_edit { SongsChange::Edit { remove, add } } else { SongsChange::Keep },
        rules: None,
        known: None,
    };
    let viewer = editor(&call)?;
    match call.catalog().change_playlist(&viewer, id, &change).await {
        Err(error) if error.kind() == catalog::ErrorKind::NotFound => {
            // The list tells whether it, or a place in it, is what is not there.
            let songs = call.catalog().playlist(&viewer, id).await?.tracks;
            match last.filter(|last| *last >= songs) {
                Some(last) => Err(no_place(last, songs)),
                None => Err(error.into()),
            }
        }
        changed => {
            changed?;
            call.format.empty()
        }
    }
}

fn no_place(place: u64, songs: u64) -> Error {
    let message = format!(
        "Parameter songIndexToRemove is {place}, and the playlist has {songs} songs, the first of which is 0"
    );
    Error::new(ErrorKind::NotFound, message)
}

/// `deletePlaylist`.
pub(crate) async fn delete(call: Call) -> Answer {
    let id = call.params.id("id")?;
    call.catalog().remove_playlist(&editor(&call)?, id).await?;
    call.format.empty()
}

async fn show(call: &Call, id: PlaylistId) -> Answer {
    let reader = call.reader()?;
    let playlist = reader.catalog.playlist(&reader.viewer, id).await?;
    let read = move |reader: Reader, offset, rows| async move {
        reader.catalog.playlist_tracks(&reader.viewer, id, offset, rows).await
    };
    let rows = Pages::all(&reader, read, move |out, track: &Track| out.row(&Child::of(track)));
    let head = PlaylistHead::of(&playlist, call.user()?);
    call.list("playlist", &head)?.part("entry", rows).answer().await
}

/// An admin may change the lists of others that he sees.
fn editor(call: &Call) -> Result<Viewer, Error> {
    call.user().map(Viewer::managing)
}

/// Room for the songs of one list, as numbers and as the statement has them.
pub(super) async fn room(call: &Call) -> Result<Permit, Error> {
    Ok(call.face.parts.budget.wait(Pool::Listings, LISTING_BYTES).await?)
}

/// The songs that a list is to have, or to get.
fn songs(call: &Call, name: &str) -> Result<Vec<TrackId>, Error> {
    many(call, name, || Error::not_found("Not found"))
}

fn many<T: FromStr>(call: &Call, name: &str, bad: impl Fn() -> Error) -> Result<Vec<T>, Error> {
    call.params.at_most(PLAYLIST_TRACKS_AT_ONCE_MAX, name, |text| text.parse().map_err(|_| bad()))
}
