//! The queue that a user takes from one device to the next, under both of its spellings: the old one names the current song
//! by its id, the extension `indexBasedQueue` by its place, so that a song may come more than once.

use catalog::{PlayQueue, QueueToKeep, Track, TrackId};

use super::playlists::{room, songs};
use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Pages, Rows};
use crate::model::{Child, QueueByIndex, QueueHead};

/// `getPlayQueue`. Whoever never kept one has an empty one.
pub(crate) async fn queue(call: Call) -> Answer {
    let kept = kept(&call).await?;
    let head = QueueHead::of(kept.as_ref(), &call.user()?.name);
    call.list("playQueue", &head)?.part("entry", entries(&call)?).answer().await
}

/// `getPlayQueueByIndex`.
pub(crate) async fn queue_by_index(call: Call) -> Answer {
    let kept = kept(&call).await?;
    let head = QueueByIndex::of(kept.as_ref(), &call.user()?.name);
    call.list("playQueueByIndex", &head)?.part("entry", entries(&call)?).answer().await
}

/// `savePlayQueue`: without songs it is empty from then on. Of a song that comes twice the first place is the current one.
pub(crate) async fn save(call: Call) -> Answer {
    keep(call, |call, songs| {
        let current: TrackId = call.params.id("current")?;
        let place = songs.iter().position(|song| *song == current);
        place.ok_or_else(|| Error::not_found("The current song is not in the queue"))
    })
    .await
}

/// `savePlayQueueByIndex`.
pub(crate) async fn save_by_index(call: Call) -> Answer {
    keep(call, |call, songs| {
        let place = call.params.optional_number("currentIndex")?;
        let place = place.ok_or_else(|| Error::missing("currentIndex"))?;
        let place = usize::try_from(place).ok().filter(|place| *place < songs.len());
        place.ok_or_else(|| Error::bad("currentIndex", "the place of a song in the queue, from 0"))
    })
    .await
}

async fn keep(call: Call, current: impl Fn(&Call, &[TrackId]) -> Result<usize, Error> + Send) -> Answer {
    let _room = room(&call).await?;
    let tracks = songs(&call, "id")?;
    let is_empty = tracks.is_empty();
    let queue = QueueToKeep {
        current: if is_empty { 0 } else { current(&call, &tracks)? },
        tracks: &tracks,
        position_ms: if is_empty { 0 } else { call.params.number("position", 0)? },
        changed_by: &call.params.get("c").unwrap_or_default(),
    };
    call.catalog().keep_queue(&call.viewer()?, &queue).await?;
    call.format.empty()
}

async fn kept(call: &Call) -> Result<Option<PlayQueue>, Error> {
    Ok(call.catalog().queue(&call.viewer()?).await?)
}

fn entries(call: &Call) -> Result<impl Rows + use<>, Error> {
    let read = |reader: Reader, offset, rows| async move {
        reader.catalog.queue_tracks(&reader.viewer, offset, rows).await
    };
    Ok(Pages::all(&call.reader()?, read, move |out, track: &Track| out.row(&Child::of(track))))
}
