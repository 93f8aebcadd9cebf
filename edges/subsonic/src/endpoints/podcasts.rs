//! Podcasts: what is followed, and what somebody wants of it. What is wished here is written down, and done by whoever
//! follows the feeds; the answer does not wait for it.

use budget::limits::PODCAST_NEWEST_ROWS;
use catalog::{Action, Channel, ChannelId, EpisodeId};

use crate::call::{Answer, Call, Reader};
use crate::error::Error;
use crate::list::{Nested, Pages, Rows};
use crate::model::{Bare, ChannelHead, EpisodeShown};
use crate::reply::Writer;

/// `getPodcasts`: by name, or one of them; with their episodes, unless those are not wanted.
pub(crate) async fn podcasts(call: Call) -> Answer {
    let (reader, has_episodes) = (call.reader()?, call.params.flag("includeEpisodes", true)?);
    let one: Option<ChannelId> = call.params.get("id").map(|_| call.params.id("id")).transpose()?;
    let read = move |reader: Reader, offset, rows| async move {
        match (one, offset) {
            (None, _) => reader.catalog.channels(offset, rows).await,
            (Some(id), 0) => reader.catalog.channel(id).await.map(|channel| vec![channel]),
            (Some(_), _) => Ok(Vec::new()),
        }
    };
    let list = call.list("podcasts", &Bare {})?;
    if has_episodes {
        return list.part("channel", Nested::new(&reader, read, with_episodes)).answer().await;
    }
    let viewer = reader.viewer.clone();
    let rows = Pages::all(&reader, read, move |out, channel| out.row(&ChannelHead::of(channel, &viewer)));
    list.part("channel", rows).answer().await
}

/// Begins a podcast and the list of its episodes.
fn with_episodes(out: &mut Writer, reader: &Reader, channel: &Channel) -> Result<Box<dyn Rows>, Error> {
    out.object("channel", &ChannelHead::of(channel, &reader.viewer))?;
    out.list("episode");
    let id = channel.id;
    let read = move |reader: Reader, offset, rows| async move {
        reader.catalog.channel_episodes(&reader.viewer, id, offset, rows).await
    };
    Ok(Box::new(Pages::all(reader, read, |out, episode| out.row(&EpisodeShown::of(episode)))))
}

/// `getNewestPodcasts`: the episodes that were published last, of all podcasts.
pub(crate) async fn newest(call: Call) -> Answer {
    let count = call.params.number("count", PODCAST_NEWEST_ROWS)?;
    let read = |reader: Reader, offset, rows| async move {
        reader.catalog.newest_episodes(&reader.viewer, offset, rows).await
    };
    let rows =
        Pages::new(&call.reader()?, 0, count, read, |out, episode| out.row(&EpisodeShown::of(episode)));
    call.list("newestPodcasts", &Bare {})?.part("episode", rows).answer().await
}

/// `getPodcastEpisode`.
pub(crate) async fn episode(call: Call) -> Answer {
    let id: EpisodeId = call.params.id("id")?;
    let episode = call.catalog().episode(&call.viewer()?, id).await?;
    call.one("podcastEpisode", &EpisodeShown::of(&episode))
}

/// `refreshPodcasts`: all feeds are read soon.
pub(crate) async fn refresh(call: Call) -> Answer {
    call.catalog().refresh_channels().await?;
    done(&call)
}

/// `createPodcastChannel`.
pub(crate) async fn create(call: Call) -> Answer {
    let url = call.params.text("url")?;
    call.catalog().add_channel(call.user()?.id, url.trim()).await?;
    done(&call)
}

/// `deletePodcastChannel`: with its episodes, and what was fetched of them.
pub(crate) async fn delete(call: Call) -> Answer {
    let id: ChannelId = call.params.id("id")?;
    may_change(&call, id).await?;
    call.catalog().remove_channel(id).await?;
    done(&call)
}

/// `deletePodcastEpisode`: what was fetched of it goes; what the feed says of it stays.
pub(crate) async fn delete_episode(call: Call) -> Answer {
    let id: EpisodeId = call.params.id("id")?;
    let episode = call.catalog().episode(&call.viewer()?, id).await?;
    may_change(&call, episode.channel).await?;
    call.catalog().remove_episode(id).await?;
    done(&call)
}

/// `downloadPodcastEpisode`: it is fetched soon, and counts against the space of the user who asks.
pub(crate) async fn download(call: Call) -> Answer {
    let id: EpisodeId = call.params.id("id")?;
    call.catalog().want_episode(call.user()?.id, id).await?;
    done(&call)
}

/// Whether the user may take away what came of a podcast.
async fn may_change(call: &Call, id: ChannelId) -> Result<(), Error> {
    let owner = call.catalog().channel(id).await?.owner;
    call.require(Action::ChangePodcast { owner })
}

/// A wish is written down: whoever follows the feeds is told.
fn done(call: &Call) -> Answer {
    call.face.parts.feeds.notify_one();
    call.format.empty()
}
