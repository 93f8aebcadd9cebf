//! Plays, stars and ratings.

use catalog::{AlbumId, ArtistId, Item, TrackId, UnixMs};
use jiff::Timestamp;

use crate::call::{Answer, Call};
use crate::endpoints::playing;
use crate::error::Error;
use crate::params;

/// `scrobble`: counts plays. `submission=false` says that a song has begun, which `getNowPlaying` tells. Streaming alone
/// never counts.
pub(crate) async fn scrobble(call: Call) -> Answer {
    let viewer = call.viewer()?;
    let ids: Vec<TrackId> = call.params.ids("id")?;
    if ids.is_empty() {
        return Err(Error::missing("id"));
    }
    let now = now();
    let bad_time = |_| Error::bad("time", "milliseconds since 1970");
    let times = call.params.bounded("time", |time| time.parse::<UnixMs>().map_err(bad_time))?;
    let counts = call.params.flag("submission", true)?;
    if counts {
        // A clock that runs ahead must not keep a song "last played" for years.
        let at = |index: usize| times.get(index).copied().unwrap_or(now).clamp(0, now);
        let plays: Vec<_> = ids.into_iter().enumerate().map(|(index, id)| (id, at(index))).collect();
        call.catalog().play(&viewer, &plays).await?;
    } else {
        for id in ids {
            let track = call.catalog().track(&viewer, id).await?;
            playing::begun(&call, &track).await?;
        }
    }
    call.format.empty()
}

/// `star`: songs, albums and artists.
pub(crate) async fn star(call: Call) -> Answer {
    set_star(call, Some(now())).await
}

/// `unstar`.
pub(crate) async fn unstar(call: Call) -> Answer {
    set_star(call, None).await
}

async fn set_star(call: Call, at: Option<UnixMs>) -> Answer {
    let viewer = call.viewer()?;
    // `id` is a song or, for those who browse by folders, an album or an artist.
    let mut items = call.params.items("id")?;
    items.extend(call.params.ids::<AlbumId>("albumId")?.into_iter().map(Item::Album));
    items.extend(call.params.ids::<ArtistId>("artistId")?.into_iter().map(Item::Artist));
    if items.is_empty() {
        return Err(Error::missing("id"));
    }
    call.catalog().star(&viewer, &items, at).await?;
    call.format.empty()
}

/// `setRating`: 1 to 5, and 0 takes the rating away.
pub(crate) async fn set_rating(call: Call) -> Answer {
    let item = params::item(&call.params.text("id")?).ok_or_else(|| Error::not_found("Not found"))?;
    let rating = call.params.text("rating")?.parse::<u8>().ok().filter(|rating| *rating <= 5);
    let rating = rating.ok_or_else(|| Error::bad("rating", "0 to 5"))?;
    call.catalog().rate(&call.viewer()?, item, rating).await?;
    call.format.empty()
}

fn now() -> UnixMs {
    Timestamp::now().as_millisecond()
}
