//! Podcasts as people see them, and what they want of them.

use async_trait::async_trait;
use budget::limits::PODCAST_CHANNELS_MAX;

use super::columns::row;
use super::readers::Query;
use super::rows::{self, small, unsigned};
use super::sql::{has_cover, seen, track_seen};
use super::stations::check_url;
use super::{Result, Scope, Sqlite, limit, now, offset};
use crate::access::Viewer;
use crate::database::Podcasts;
use crate::error::{Error, ErrorKind};
use crate::model::{
    Channel, ChannelId, ChannelText, Episode, EpisodeId, EpisodeText, EpisodeTrack, TrackId, UserId,
};
use crate::scan::CONTENT_TYPES;

/// Columns in the order of [`ChannelRow`].
macro_rules! channel_rows {
    ($($rest:tt)*) => {
        concat!(
            "SELECT id, url, owner, title, author, description, image_url, failure, checked FROM podcast_channels ",
            $($rest)*
        )
    };
}

/// The rows of a page of episodes, with the tracks that the viewer sees. Where somebody removed the track, the episode is
/// one that was removed.
macro_rules! episode_rows {
    ($($page:tt)*) => {
        concat!(
            "WITH ", seen!(), ", page (id) AS MATERIALIZED (", $($page)*, ")
            SELECT e.id, e.channel_id, c.title AS channel_title, c.author, e.guid, e.title, e.description, e.url,
                e.content_type, e.length_bytes, e.duration_ms, e.published,
                iif(e.status = 'completed' AND e.track IS NULL, 'deleted', e.status) AS status, e.failure,
                t.id AS track, t.length_bytes AS track_bytes, t.duration_ms AS track_ms, t.bitrate_kbps, t.suffix,
                t.content_type AS track_type, t.path, ", has_cover!(), " AS has_cover, t.created
            FROM page
            CROSS JOIN podcast_episodes e ON e.id = page.id
            CROSS JOIN podcast_channels c ON c.id = e.channel_id
            LEFT JOIN tracks t ON t.id = e.track AND ", track_seen!()
        )
    };
}

pub(super) const CHANNELS: &str =
    channel_rows!("INDEXED BY podcast_channels_by_name ORDER BY title, id LIMIT ?1 OFFSET ?2");
const CHANNEL: &str = channel_rows!("WHERE id = ?1");
pub(super) const OF_CHANNEL: &str = episode_rows!(
    "SELECT id FROM podcast_episodes INDEXED BY podcast_episodes_of_channel WHERE channel_id = ?4
     ORDER BY published DESC, id DESC LIMIT ?5 OFFSET ?6"
);
pub(super) const NEWEST: &str = episode_rows!(
    "SELECT id FROM podcast_episodes INDEXED BY podcast_episodes_newest
     ORDER BY published DESC, id DESC LIMIT ?4 OFFSET ?5"
);
const EPISODE: &str = episode_rows!("SELECT ?4");

const KNOWN: &str = "UPDATE podcast_channels SET due = 0 WHERE url = ?1 RETURNING id";
const ADD: &str = "INSERT INTO podcast_channels (url, owner, created, due)
    SELECT ?1, ?2, ?3, 0 WHERE (SELECT count(*) FROM podcast_channels) < ?4 RETURNING id";
const REFRESH: &str = "UPDATE podcast_channels SET due = 0";
const REMOVE: &str = "DELETE FROM podcast_channels WHERE id = ?1";
const FORGO_ALL: &str = "UPDATE podcast_episodes SET status = 'deleted', failure = NULL
    WHERE channel_id = ?1 AND status IN ('new', 'downloading')";
const TRACKS_OF: &str = "SELECT track FROM podcast_episodes INDEXED BY podcast_episodes_of_channel
    WHERE channel_id = ?1 AND track IS NOT NULL";
const TRACK_OF: &str = "SELECT track FROM podcast_episodes WHERE id = ?1";
const WANT: &str = "UPDATE podcast_episodes
    SET status = 'new', wanted_by = ?2, due = ?3, tries = 0, failure = NULL
    WHERE id = ?1 AND (status IN ('skipped', 'error', 'deleted') OR (status = 'completed' AND track IS NULL))";
const FORGO: &str = "UPDATE podcast_episodes SET status = 'deleted', failure = NULL WHERE id = ?1";
const IS_THERE: &str = "SELECT count(*) > 0 FROM podcast_episodes WHERE id = ?1";

row! {
    struct ChannelRow {
        id: i64,
        url: String,
        owner: Option<i64>,
        title: String,
        author: String,
        description: String,
        image_url: Option<String>,
        failure: Option<String>,
        checked: Option<i64>,
    }
}

impl TryFrom<ChannelRow> for Channel {
    type Error = Error;

    fn try_from(row: ChannelRow) -> Result<Channel> {
        let ChannelRow { id, url, owner, title, author, description, image_url, failure, checked } = row;
        let about = ChannelText { title, author, description, image_url };
        Ok(Channel { id: ChannelId(id), url, owner: owner.map(UserId), about, failure, checked })
    }
}

row! {
    struct EpisodeRow {
        id: i64,
        channel_id: i64,
        channel_title: String,
        author: String,
        about: AboutRow,
        status: String,
        failure: Option<String>,
        track: Option<i64>,
        track_bytes: Option<i64>,
        track_ms: Option<i64>,
        bitrate_kbps: Option<i64>,
        suffix: Option<String>,
        track_type: Option<String>,
        path: Option<String>,
        has_cover: bool,
        created: Option<i64>,
    }
}

row! {
    struct AboutRow {
        guid: String,
        title: String,
        description: String,
        url: String,
        content_type: String,
        length_bytes: Option<i64>,
        duration_ms: Option<i64>,
        published: i64,
    }
}

impl From<AboutRow> for EpisodeText {
    fn from(row: AboutRow) -> EpisodeText {
        let AboutRow { guid, title, description, url, content_type, .. } = row;
        EpisodeText {
            guid,
            title,
            description,
            url,
            content_type,
            length_bytes: row.length_bytes.map(unsigned),
            duration_ms: row.duration_ms.map(unsigned),
            published: Some(row.published),
        }
    }
}

impl TryFrom<EpisodeRow> for Episode {
    type Error = Error;

    fn try_from(row: EpisodeRow) -> Result<Episode> {
        let damaged = |_| Error::new(ErrorKind::Unavailable, "the status of an episode is none");
        let track = row.track.map(|id| EpisodeTrack {
            id: TrackId(id),
            size_bytes: unsigned(row.track_bytes.unwrap_or(0)),
            duration_ms: unsigned(row.track_ms.unwrap_or(0)),
            bitrate_kbps: small(row.bitrate_kbps.unwrap_or(0)),
            suffix: row.suffix.unwrap_or_default(),
            content_type: rows::media_type(row.track_type.as_deref().unwrap_or_default(), &CONTENT_TYPES),
            path: row.path.unwrap_or_default(),
            has_cover: row.has_cover,
            created: row.created.unwrap_or(0),
        });
        Ok(Episode {
            id: EpisodeId(row.id),
            channel: ChannelId(row.channel_id),
            channel_title: row.channel_title,
            author: row.author,
            about: row.about.into(),
            status: row.status.parse().map_err(damaged)?,
            failure: row.failure,
            track,
        })
    }
}

impl Sqlite {
    /// Removes the track of an episode, if it is still there.
    async fn remove_track_of_episode(&self, track: i64) -> Result<()> {
        match self.remove_one_track(&Viewer::server(), TrackId(track)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => removed.map(drop),
        }
    }
}

#[async_trait]
impl Podcasts for Sqlite {
    async fn channels(&self, skip: u64, rows_max: usize) -> Result<Vec<Channel>> {
        let query = Query::new(CHANNELS).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<ChannelRow, _>(query).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Channel> {
        self.readers.noun::<ChannelRow, _>(Query::new(CHANNEL).bind(id.0), "podcast").await
    }

    async fn channel_episodes(
        &self,
        viewer: &Viewer,
        id: ChannelId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Episode>> {
        let scope = Scope::of(viewer);
        let query = scope.query(OF_CHANNEL).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<EpisodeRow, _>(query).await
    }

    async fn newest_episodes(&self, viewer: &Viewer, skip: u64, rows_max: usize) -> Result<Vec<Episode>> {
        let scope = Scope::of(viewer);
        let query = scope.query(NEWEST).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<EpisodeRow, _>(query).await
    }

    async fn episode(&self, viewer: &Viewer, id: EpisodeId) -> Result<Episode> {
        let scope = Scope::of(viewer);
        self.readers.noun::<EpisodeRow, _>(scope.query(EPISODE).bind(id.0), "episode").await
    }

    async fn add_channel(&self, owner: UserId, url: &str) -> Result<ChannelId> {
        check_url(url)?;
        let mut tx = self.write().await?;
        let known: Option<i64> = sqlx::query_scalar(KNOWN).bind(url).fetch_optional(&mut *tx).await?;
        let id = match known {
            Some(id) => id,
            None => {
                let query = sqlx::query_scalar(ADD).bind(url).bind(owner.0).bind(now());
                let added: Option<i64> =
                    query.bind(PODCAST_CHANNELS_MAX as i64).fetch_optional(&mut *tx).await?;
                added.ok_or_else(|| {
                    Error::new(ErrorKind::NotAllowed, "there are too many podcasts; remove one first")
                })?
            }
        };
        tx.commit().await?;
        Ok(ChannelId(id))
    }

    async fn refresh_channels(&self) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query(REFRESH).execute(&mut *tx).await?;
        tx.commit().await
    }

    async fn remove_channel(&self, id: ChannelId) -> Result<()> {
        // First of all nothing comes any more that would be left over once the channel is gone.
        let mut tx = self.write().await?;
        sqlx::query(FORGO_ALL).bind(id.0).execute(&mut *tx).await?;
        tx.commit().await?;
        let tracks: Vec<i64> = self.readers.all(Query::new(TRACKS_OF).bind(id.0)).await?;
        for track in tracks {
            self.remove_track_of_episode(track).await?;
        }
        let mut tx = self.write().await?;
        if sqlx::query(REMOVE).bind(id.0).execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::not_found("podcast"));
        }
        tx.commit().await
    }

    async fn want_episode(&self, wanted_by: UserId, id: EpisodeId) -> Result<()> {
        let mut tx = self.write().await?;
        let query = sqlx::query(WANT).bind(id.0).bind(wanted_by.0).bind(now());
        if query.execute(&mut *tx).await?.rows_affected() == 0 {
            let is_there: bool = sqlx::query_scalar(IS_THERE).bind(id.0).fetch_one(&mut *tx).await?;
            return if is_there { Ok(()) } else { Err(Error::not_found("episode")) };
        }
        tx.commit().await
    }

    async fn remove_episode(&self, id: EpisodeId) -> Result<()> {
        let query = Query::new(TRACK_OF).bind(id.0);
        let found: Option<Option<i64>> = self.readers.optional(query).await?;
        let track = found.ok_or_else(|| Error::not_found("episode"))?;
        if let Some(track) = track {
            self.remove_track_of_episode(track).await?;
        }
        let mut tx = self.write().await?;
        sqlx::query(FORGO).bind(id.0).execute(&mut *tx).await?;
        tx.commit().await
    }
}
