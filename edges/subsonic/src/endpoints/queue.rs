//! The queue that a user takes from one device to the next, under both of its spellings: the old one names the current song
//! by its id, the extension `indexBasedQueue` by its place, so that a song may come more than once.

use budget::limits::{PAGE_ROWS_MAX, QUEUE_TRACKS_MAX};
use catalog::{PlayQueue, QueueToKeep, Track, TrackId, is_cut};

use super::playlists::room;
use crate::call::{Answer, Call, Reader};
use crate::error::{Error, ErrorKind};
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

/// `savePlayQueue`: without songs it is empty from then on. Of a song that comes twice the first place is the current one, and
/// who names none is at the first song.
pub(crate) async fn save(call: Call) -> Answer {
    keep(call, |call, songs| {
        let Some(current) = call.params.get("current") else { return Ok(Some(0)) };
        let current = current.parse::<TrackId>().ok();
        Ok(songs.iter().position(|song| song.is_some() && *song == current))
    })
    .await
}

/// `savePlayQueueByIndex`.
pub(crate) async fn save_by_index(call: Call) -> Answer {
    keep(call, |call, songs| {
        let place = usize::try_from(call.params.number("currentIndex", 0)?).unwrap_or(usize::MAX);
        let bad = || Error::bad("currentIndex", "the place of a song in the queue, from 0");
        if place < songs.len() { Ok(Some(place)) } else { Err(bad()) }
    })
    .await
}

/// Keeps the songs that are there: one that was just removed is no reason to lose all others. Where that was the current one,
/// the queue begins anew.
async fn keep(
    call: Call,
    current: impl Fn(&Call, &[Option<TrackId>]) -> Result<Option<usize>, Error> + Send,
) -> Answer {
    let _room = room(&call).await?;
    // What is no id of a song is none that is there.
    let mut sent = call.params.at_most(QUEUE_TRACKS_MAX, "id", |text| Ok(text.parse::<TrackId>().ok()))?;
    let position_ms = call.params.number("position", 0)?;
    let place = if sent.is_empty() { None } else { current(&call, &sent)? };
    match keep_these(&call, &sent, place, position_ms).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            leave_out_what_is_gone(&call, &mut sent).await?;
            keep_these(&call, &sent, place, position_ms).await?;
        }
        kept => kept?,
    }
    call.format.empty()
}

/// Keeps the songs among what was sent.
async fn keep_these(
    call: &Call,
    sent: &[Option<TrackId>],
    place: Option<usize>,
    position_ms: u64,
) -> Result<(), Error> {
    let tracks: Vec<TrackId> = sent.iter().flatten().copied().collect();
    if tracks.is_empty() && !sent.is_empty() {
        return Err(Error::not_found("None of these songs is there"));
    }
    let place = place.filter(|place| sent.get(*place).is_some_and(Option::is_some));
    let queue = QueueToKeep {
        tracks: &tracks,
        current: place.map_or(0, |place| sent.iter().take(place).flatten().count()),
        position_ms: place.map_or(0, |_| position_ms),
        changed_by: &call.params.get("c").unwrap_or_default(),
    };
    Ok(call.catalog().keep_queue(&call.viewer()?, &queue).await?)
}

/// Leaves out the songs that the user does not see, or nobody any more.
async fn leave_out_what_is_gone(call: &Call, sent: &mut [Option<TrackId>]) -> Result<(), Error> {
    let (viewer, mut left) = (call.viewer()?, sent);
    while !left.is_empty() {
        let ids: Vec<TrackId> = left.iter().take(PAGE_ROWS_MAX).flatten().copied().collect();
        let seen = call.catalog().these_tracks(&viewer, &ids).await?;
        let (is_cut, mut seen) = (is_cut(&seen), seen.into_iter().peekable());
        let mut looked_at = 0;
        for song in left.iter_mut().take(PAGE_ROWS_MAX) {
            // A page that is full says nothing about those behind it.
            if is_cut && seen.peek().is_none() {
                break;
            }
            looked_at += 1;
            if seen.next_if(|track| Some(track.id) == *song).is_none() {
                *song = None;
            }
        }
        left = left.get_mut(looked_at..).unwrap_or_default();
    }
    Ok(())
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
