//! What is due of podcasts. A claim is the moment at which a row is due moved into the future, in the statement that
//! chooses it, so that nothing is done twice at once and nothing is forgotten.

use async_trait::async_trait;
use budget::limits::PODCAST_EPISODES_MAX;
use sqlx::FromRow;
use store::SpoolId;

use super::library::TICK;
use super::readers::Query;
use super::rows::small;
use super::{Result, Sqlite, now};
use crate::database::Feeds;
use crate::error::{Error, ErrorKind};
use crate::model::{
    ChannelId, DueChannel, EpisodeClaim, EpisodeFetched, EpisodeId, EpisodeText, FeedRead, FeedState, UnixMs,
    UploadId, UserId, WantedEpisode,
};

const RELEASE: [&str; 2] = [
    "UPDATE podcast_episodes SET due = 0 WHERE status = 'downloading'",
    "UPDATE podcast_channels SET due = 0 WHERE checked IS NULL AND failure IS NULL",
];
pub(super) const NEXT_CHANNEL: &str = "SELECT min(due) FROM podcast_channels INDEXED BY podcast_channels_due";
pub(super) const NEXT_EPISODE: &str =
    "SELECT min(due) FROM podcast_episodes INDEXED BY podcast_episodes_wanted
    WHERE status IN ('new', 'downloading')";

const CLAIM_CHANNEL: &str = "UPDATE podcast_channels SET due = ?2 WHERE id = (
        SELECT id FROM podcast_channels INDEXED BY podcast_channels_due WHERE due <= ?1 ORDER BY due, id LIMIT 1)
    RETURNING id, url, etag, last_modified, failures";
/// What the feed says is taken over; only what is new of it is written.
const RECORD: &str = "INSERT INTO podcast_episodes (channel_id, guid, title, description, url, content_type,
        length_bytes, duration_ms, published, status)
    SELECT c.id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ifnull(?9, ?10), 'skipped' FROM podcast_channels c WHERE c.id = ?1
    ON CONFLICT (channel_id, guid) DO UPDATE SET title = excluded.title, description = excluded.description,
        url = excluded.url, content_type = excluded.content_type, length_bytes = excluded.length_bytes,
        duration_ms = excluded.duration_ms, published = ifnull(?9, published)
    WHERE (title, description, url, content_type, length_bytes, duration_ms, published) IS NOT
        (excluded.title, excluded.description, excluded.url, excluded.content_type, excluded.length_bytes,
            excluded.duration_ms, ifnull(?9, published))";
const IS_FOLLOWED: &str = "SELECT count(*) > 0 FROM podcast_channels WHERE id = ?1";
const READ_WHOLE: &str =
    "UPDATE podcast_channels SET title = ?2, author = ?3, description = ?4, image_url = ?5,
        etag = ?6, last_modified = ?7, failure = NULL, failures = 0, checked = ?8, due = ?9
    WHERE id = ?1";
const READ_UNCHANGED: &str =
    "UPDATE podcast_channels SET failure = NULL, failures = 0, checked = ?2, due = ?3 WHERE id = ?1";
const READ_FAILED: &str =
    "UPDATE podcast_channels SET failure = ?2, failures = failures + 1, due = ?3 WHERE id = ?1";
const WANT_NEWEST: &str = "UPDATE podcast_episodes
    SET status = 'new', due = ?3, wanted_by = (SELECT owner FROM podcast_channels WHERE id = ?1)
    WHERE status = 'skipped' AND id IN (
        SELECT id FROM podcast_episodes INDEXED BY podcast_episodes_of_channel WHERE channel_id = ?1
        ORDER BY published DESC, id DESC LIMIT ?2)";
const FORGET_OLDEST: &str = "DELETE FROM podcast_episodes
    WHERE status IN ('skipped', 'deleted', 'error') AND id IN (
        SELECT id FROM podcast_episodes INDEXED BY podcast_episodes_of_channel WHERE channel_id = ?1
        ORDER BY published DESC, id DESC LIMIT -1 OFFSET ?2)";

const CLAIM_EPISODE: &str = "UPDATE podcast_episodes SET status = 'downloading', due = ?2 WHERE id = (
        SELECT id FROM podcast_episodes INDEXED BY podcast_episodes_wanted
        WHERE status IN ('new', 'downloading') AND due <= ?1 ORDER BY due, id LIMIT 1)
    RETURNING id";
const CLAIMED: &str = "SELECT e.id, e.url, e.title, c.title AS channel_title, c.author, e.wanted_by, e.tries,
        e.upload, e.validator, e.due
    FROM podcast_episodes e CROSS JOIN podcast_channels c ON c.id = e.channel_id WHERE e.id = ?1";
const BEGUN: &str = "UPDATE podcast_episodes SET upload = ?3, validator = ?4
    WHERE id = ?1 AND due = ?2 AND status = 'downloading'";
const COMPLETED: &str = "UPDATE podcast_episodes
    SET status = 'completed', track = ?3, failure = NULL, upload = NULL, validator = NULL
    WHERE id = ?1 AND due = ?2 AND status = 'downloading'";
const FAILED: &str =
    "UPDATE podcast_episodes SET status = 'error', failure = ?3, upload = NULL, validator = NULL
    WHERE id = ?1 AND due = ?2 AND status = 'downloading'";
const LATER: &str = "UPDATE podcast_episodes SET tries = ?3, due = ?4, failure = ?5
    WHERE id = ?1 AND due = ?2 AND status = 'downloading'";
const IS_WANTED: &str =
    "SELECT count(*) > 0 FROM podcast_episodes WHERE id = ?1 AND due = ?2 AND status = 'downloading'";

#[derive(FromRow)]
struct DueRow {
    id: i64,
    url: String,
    etag: Option<String>,
    last_modified: Option<String>,
    failures: i64,
}

#[derive(FromRow)]
struct WantedRow {
    id: i64,
    url: String,
    title: String,
    channel_title: String,
    author: String,
    wanted_by: Option<i64>,
    tries: i64,
    upload: Option<Vec<u8>>,
    validator: Option<String>,
    due: i64,
}

impl TryFrom<WantedRow> for WantedEpisode {
    type Error = Error;

    fn try_from(row: WantedRow) -> Result<WantedEpisode> {
        let id = |bytes: Vec<u8>| bytes.try_into().map(SpoolId::from_bytes).map(UploadId);
        let damaged = |_| Error::new(ErrorKind::Unavailable, "the upload of an episode is none");
        Ok(WantedEpisode {
            claim: EpisodeClaim { id: EpisodeId(row.id), until: row.due },
            url: row.url,
            title: row.title,
            channel_title: row.channel_title,
            author: row.author,
            wanted_by: row.wanted_by.map(UserId),
            tries: small(row.tries),
            upload: row.upload.map(id).transpose().map_err(damaged)?,
            validator: row.validator,
        })
    }
}

/// A length that a feed tells may be anything; one that no file has is none.
fn told(number: Option<u64>) -> Option<i64> {
    number.and_then(|number| i64::try_from(number).ok())
}

#[async_trait]
impl Feeds for Sqlite {
    async fn release_claims(&self) -> Result<()> {
        let mut tx = self.write().await?;
        for sql in RELEASE {
            sqlx::query(sql).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    async fn channel_due(&self) -> Result<Option<UnixMs>> {
        self.readers.one(Query::new(NEXT_CHANNEL)).await
    }

    async fn episode_due(&self) -> Result<Option<UnixMs>> {
        self.readers.one(Query::new(NEXT_EPISODE)).await
    }

    async fn claim_channel(&self, now: UnixMs, until: UnixMs) -> Result<Option<DueChannel>> {
        let mut tx = self.write().await?;
        let query = sqlx::query_as(CLAIM_CHANNEL).bind(now).bind(until);
        let found: Option<DueRow> = query.fetch_optional(&mut *tx).await?;
        let Some(DueRow { id, url, etag, last_modified, failures }) = found else { return Ok(None) };
        tx.commit().await?;
        let state = FeedState { etag, last_modified };
        Ok(Some(DueChannel { id: ChannelId(id), url, state, failures: small(failures) }))
    }

    async fn record_episodes(&self, id: ChannelId, found: &[EpisodeText]) -> Result<()> {
        let mut tx = self.write().await?;
        let is_followed: bool = sqlx::query_scalar(IS_FOLLOWED).bind(id.0).fetch_one(&mut *tx).await?;
        if !is_followed {
            return Err(Error::not_found("podcast"));
        }
        for episode in found {
            sqlx::query(RECORD)
                .bind(id.0)
                .bind(&episode.guid)
                .bind(&episode.title)
                .bind(&episode.description)
                .bind(&episode.url)
                .bind(&episode.content_type)
                .bind(told(episode.length_bytes))
                .bind(told(episode.duration_ms))
                .bind(episode.published)
                .bind(now())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await
    }

    async fn feed_read(&self, id: ChannelId, read: &FeedRead, due: UnixMs) -> Result<()> {
        let mut tx = self.write().await?;
        match read {
            FeedRead::Whole { about, state, wanted_newest } => {
                sqlx::query(READ_WHOLE)
                    .bind(id.0)
                    .bind(&about.title)
                    .bind(&about.author)
                    .bind(&about.description)
                    .bind(&about.image_url)
                    .bind(&state.etag)
                    .bind(&state.last_modified)
                    .bind(now())
                    .bind(due)
                    .execute(&mut *tx)
                    .await?;
                let wanted = i64::try_from(*wanted_newest).unwrap_or(i64::MAX);
                let query = sqlx::query(WANT_NEWEST).bind(id.0).bind(wanted).bind(now());
                query.execute(&mut *tx).await?;
                let query = sqlx::query(FORGET_OLDEST).bind(id.0).bind(PODCAST_EPISODES_MAX as i64);
                query.execute(&mut *tx).await?;
            }
            FeedRead::Unchanged => {
                let query = sqlx::query(READ_UNCHANGED).bind(id.0).bind(now()).bind(due);
                query.execute(&mut *tx).await?;
            }
            FeedRead::Failed(why) => {
                let query = sqlx::query(READ_FAILED).bind(id.0).bind(why).bind(due);
                query.execute(&mut *tx).await?;
            }
        }
        tx.commit().await
    }

    async fn claim_episode(&self, now: UnixMs, until: UnixMs) -> Result<Option<WantedEpisode>> {
        let mut tx = self.write().await?;
        let query = sqlx::query_scalar(CLAIM_EPISODE).bind(now).bind(until);
        let claimed: Option<i64> = query.fetch_optional(&mut *tx).await?;
        let Some(id) = claimed else { return Ok(None) };
        let row: WantedRow = sqlx::query_as(CLAIMED).bind(id).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        WantedEpisode::try_from(row).map(Some)
    }

    async fn episode_begun(
        &self,
        claim: EpisodeClaim,
        upload: UploadId,
        validator: Option<&str>,
    ) -> Result<bool> {
        let mut tx = self.write().await?;
        let EpisodeClaim { id, until } = claim;
        let upload = &upload.0.as_bytes()[..];
        let query = sqlx::query(BEGUN).bind(id.0).bind(until).bind(upload).bind(validator);
        let is_wanted = query.execute(&mut *tx).await?.rows_affected() > 0;
        tx.commit().await?;
        Ok(is_wanted)
    }

    async fn episode_fetched(&self, claim: EpisodeClaim, fetched: &EpisodeFetched) -> Result<bool> {
        let EpisodeClaim { id, until } = claim;
        let claimed = |sql| sqlx::query(sql).bind(id.0).bind(until);
        let query = match fetched {
            EpisodeFetched::Completed(track) => claimed(COMPLETED).bind(track.0),
            EpisodeFetched::Failed(why) => claimed(FAILED).bind(why),
            EpisodeFetched::Later { tries, due, why } => claimed(LATER).bind(tries).bind(due).bind(why),
        };
        let mut tx = self.write().await?;
        let is_wanted = query.execute(&mut *tx).await?.rows_affected() > 0;
        if is_wanted && matches!(fetched, EpisodeFetched::Completed(_)) {
            // From now on the track stands in no list of songs.
            sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(is_wanted)
    }

    async fn is_wanted(&self, claim: EpisodeClaim) -> Result<bool> {
        self.readers.one(Query::new(IS_WANTED).bind(claim.id.0).bind(claim.until)).await
    }
}
