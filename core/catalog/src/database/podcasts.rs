//! Podcasts: what people are shown and wish, and what is done about it by whoever follows the feeds.

use async_trait::async_trait;

use super::Result;
use crate::access::Viewer;
use crate::model::{
    Channel, ChannelId, DueChannel, Episode, EpisodeClaim, EpisodeFetched, EpisodeId, EpisodeText, FeedRead,
    UnixMs, UploadId, UserId, WantedEpisode,
};

/// Channels and episodes as people see them, and what they want of them.
#[async_trait]
pub trait Podcasts: Send + Sync + 'static {
    /// Channels by name.
    async fn channels(&self, offset: u64, rows_max: usize) -> Result<Vec<Channel>>;
    /// One of them; `NotFound` otherwise.
    async fn channel(&self, id: ChannelId) -> Result<Channel>;
    /// The episodes of a channel, last published first.
    async fn channel_episodes(
        &self,
        viewer: &Viewer,
        id: ChannelId,
        offset: u64,
        rows_max: usize,
    ) -> Result<Vec<Episode>>;
    /// Those of all channels, last published first.
    async fn newest_episodes(&self, viewer: &Viewer, offset: u64, rows_max: usize) -> Result<Vec<Episode>>;
    /// One of them; `NotFound` otherwise.
    async fn episode(&self, viewer: &Viewer, id: EpisodeId) -> Result<Episode>;

    /// Follows a feed; one that is followed already is read again soon. `Invalid` when the address is no `http` or `https`
    /// one, `NotAllowed` when there are as many as there may be.
    async fn add_channel(&self, owner: UserId, url: &str) -> Result<ChannelId>;
    /// Has all feeds be read soon.
    async fn refresh_channels(&self) -> Result<()>;
    /// Follows a feed no longer: it goes, with its episodes and the tracks that they became.
    async fn remove_channel(&self, id: ChannelId) -> Result<()>;
    /// Has an episode be fetched for a user; one that is there or on its way stays as it is.
    async fn want_episode(&self, wanted_by: UserId, id: EpisodeId) -> Result<()>;
    /// Removes the track that an episode became, or gives up fetching it. The feed's words about it stay.
    async fn remove_episode(&self, id: EpisodeId) -> Result<()>;
}

/// What is due, for whoever follows the feeds. What is claimed is nobody else's until then, or until something is said
/// about it.
#[async_trait]
pub trait Feeds: Send + Sync + 'static {
    /// Has what was claimed before a restart be due at once.
    async fn release_claims(&self) -> Result<()>;
    /// When the next feed is due, if there is any.
    async fn channel_due(&self) -> Result<Option<UnixMs>>;
    /// When the next episode is, that somebody wants.
    async fn episode_due(&self) -> Result<Option<UnixMs>>;
    /// Claims the feed that is due longest.
    async fn claim_channel(&self, now: UnixMs, until: UnixMs) -> Result<Option<DueChannel>>;
    /// Writes down episodes of a feed, all or none; what is known already keeps its id and its status. `NotFound` when the
    /// channel is gone.
    async fn record_episodes(&self, id: ChannelId, found: &[EpisodeText]) -> Result<()>;
    /// Ends a reading, and says when the next one is due. Of a channel that is gone nothing is kept.
    async fn feed_read(&self, id: ChannelId, read: &FeedRead, due: UnixMs) -> Result<()>;
    /// Claims the episode that waits longest for being fetched.
    async fn claim_episode(&self, now: UnixMs, until: UnixMs) -> Result<Option<WantedEpisode>>;
    /// Remembers the upload that takes an episode in, and what the server called its bytes. `false` when the episode is
    /// not wanted any more.
    async fn episode_begun(
        &self,
        claim: EpisodeClaim,
        upload: UploadId,
        validator: Option<&str>,
    ) -> Result<bool>;
    /// Ends a try to fetch an episode. `false` when it is not wanted any more, and nothing is kept of it.
    async fn episode_fetched(&self, claim: EpisodeClaim, fetched: &EpisodeFetched) -> Result<bool>;
    /// Whether an episode that is being fetched is still wanted, by this claim.
    async fn is_wanted(&self, claim: EpisodeClaim) -> Result<bool>;
}
