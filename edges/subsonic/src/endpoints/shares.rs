//! Shares: links with which a user lets others hear some of his music without an account. The page behind a link is
//! another face's.

use budget::limits::{PAGE_ROWS_MAX, SHARE_MS, SHARE_TRACKS_MAX};
use catalog::{AlbumId, Ends, PlaylistId, Share, ShareChange, ShareId, Track, TrackId, UnixMs};
use jiff::Timestamp;

use super::playlists::room;
use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Nested, Pages, Rows};
use crate::model::{Bare, Child, ShareHead};
use crate::reply::Writer;

/// `getShares`: one's own, those made last first. Who may share no more sees and removes them all the same.
pub(crate) async fn shares(call: Call) -> Answer {
    let read = |reader: Reader, offset, rows| async move {
        reader.catalog.shares(&reader.viewer, offset, rows).await
    };
    let rows = Nested::new(&call.reader()?, read, shown(&call));
    call.list("shares", &Bare {})?.part("share", rows).answer().await
}

/// `createShare`: songs, and albums and playlists as the songs that they have now. What comes to an album or a playlist
/// later is not shown to whoever has the link: nobody thought of him then.
pub(crate) async fn create(call: Call) -> Answer {
    let room = room(&call).await?;
    let songs = songs(&call).await?;
    let description = call.params.get("description").unwrap_or_default();
    let ends = ends(&call)?.unwrap_or_else(|| Ends::At(in_a_year()));
    let id = call.face.parts.sign_in.issue_share(&call.viewer()?, &songs, &description, ends.at()).await?;
    drop(room);
    let read = move |reader: Reader, offset, _| async move {
        match offset {
            0 => reader.catalog.share(&reader.viewer, id).await.map(|share| vec![share]),
            _ => Ok(Vec::new()),
        }
    };
    let rows = Nested::new(&call.reader()?, read, shown(&call));
    call.list("shares", &Bare {})?.part("share", rows).answer().await
}

/// `updateShare`: what is said of it, and when it ends; 0 is never.
pub(crate) async fn update(call: Call) -> Answer {
    let id: ShareId = call.params.id("id")?;
    // An empty one takes it away.
    let description = call.params.given("description").map(|text| text.into_owned());
    let change = ShareChange { description, ends: ends(&call)? };
    call.catalog().change_share(&call.viewer()?, id, &change).await?;
    call.format.empty()
}

/// `deleteShare`: the link opens nothing any more.
pub(crate) async fn delete(call: Call) -> Answer {
    let id: ShareId = call.params.id("id")?;
    call.catalog().remove_share(&call.viewer()?, id).await?;
    call.format.empty()
}

/// Writes a share and the songs in it.
fn shown(
    call: &Call,
) -> impl Fn(&mut Writer, &Reader, &Share) -> Result<Box<dyn Rows>, Error> + Send + Sync + use<> {
    let (sign_in, address) = (call.face.parts.sign_in.clone(), call.address());
    move |out, reader, share| {
        let url = format!("{address}/share/{}", sign_in.share_token(share));
        out.object("share", &ShareHead::of(share, &url))?;
        out.list("entry");
        let id = share.id;
        let read = move |reader: Reader, offset, rows| async move {
            reader.catalog.share_tracks(&reader.viewer, id, offset, rows).await
        };
        Ok(Box::new(Pages::all(reader, read, |out, track: &Track| out.row(&Child::of(track)))))
    }
}

/// When a share ends of which nobody says it.
fn in_a_year() -> UnixMs {
    Timestamp::now().as_millisecond().saturating_add_unsigned(SHARE_MS)
}

/// When a share is to end, if that is said.
fn ends(call: &Call) -> Result<Option<Ends>, Error> {
    let said = call.params.optional_number("expires")?;
    Ok(said.map(|moment| match UnixMs::try_from(moment) {
        Ok(0) | Err(_) => Ends::Never,
        Ok(moment) => Ends::At(moment),
    }))
}

/// What may be shared.
enum What {
    Song(TrackId),
    List(Songs),
}

/// What has songs of its own.
enum Songs {
    Album(AlbumId),
    Playlist(PlaylistId),
}

fn shareable(id: &str) -> Result<What, Error> {
    let song = id.parse().map(What::Song);
    let album = || id.parse().map(|id| What::List(Songs::Album(id)));
    let playlist = || id.parse().map(|id| What::List(Songs::Playlist(id)));
    song.or_else(|_| album()).or_else(|_| playlist()).map_err(|_| Error::not_found("Not found"))
}

/// The songs of all that is named, in their order.
async fn songs(call: &Call) -> Result<Vec<TrackId>, Error> {
    let named = call.params.bounded("id", shareable)?;
    if named.is_empty() {
        return Err(Error::missing("id"));
    }
    let (reader, mut songs) = (call.reader()?, Vec::new());
    for what in named {
        match what {
            What::Song(id) => songs.push(id),
            What::List(list) => list.gather(&reader, &mut songs).await?,
        }
    }
    Ok(songs)
}

impl Songs {
    /// Adds those that the user sees now, up to more than a share may have: the catalog says that they are too many.
    async fn gather(&self, reader: &Reader, songs: &mut Vec<TrackId>) -> Result<(), Error> {
        let Reader { catalog, viewer } = reader;
        match *self {
            Songs::Album(id) => drop(catalog.album(viewer, id).await?),
            Songs::Playlist(id) => drop(catalog.playlist(viewer, id).await?),
        }
        let mut skip = 0;
        while songs.len() <= SHARE_TRACKS_MAX {
            let page = match *self {
                Songs::Album(id) => catalog.album_tracks(viewer, id, skip, PAGE_ROWS_MAX).await?,
                Songs::Playlist(id) => catalog.playlist_tracks(viewer, id, skip, PAGE_ROWS_MAX).await?,
            };
            songs.extend(page.iter().map(|track| track.id));
            skip += page.len() as u64;
            if page.len() < PAGE_ROWS_MAX && !catalog::is_cut(&page) {
                break;
            }
        }
        Ok(())
    }
}
