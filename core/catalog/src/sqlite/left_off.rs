//! Where users left off: a queue and bookmarks.

use async_trait::async_trait;
use budget::limits::{BOOKMARKS_PER_USER_MAX, CLIENT_NAME_CHARS_MAX, QUEUE_TRACKS_MAX};

use super::columns::row;
use super::rows::{TrackRow, unsigned};
use super::sequence::{append, check_comment, check_length, put};
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, limit, now, offset};
use crate::access::Viewer;
use crate::database::LeftOff;
use crate::error::{Error, ErrorKind};
use crate::model::{Bookmark, PlayQueue, QueueToKeep, Track, TrackId};

/// The songs of the viewer's queue that he sees, and what is the condition of them besides.
macro_rules! queued {
    ($columns:literal, $condition:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM play_queue_tracks i
             CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = i.track_id
             WHERE i.user_id = ?1",
            $condition,
            " AND ",
            track_seen!()
        )
    };
}

/// When he no longer sees the song that was playing, he goes on with the beginning of the next, else of the last.
const QUEUE: &str = concat!(
    "WITH ",
    seen!(),
    ", place (position) AS MATERIALIZED (
        SELECT coalesce(
            (",
    queued!("i.position", " AND i.position >= (SELECT current FROM play_queues WHERE user_id = ?1)"),
    " ORDER BY i.position LIMIT 1),
            (",
    queued!("max(i.position)", ""),
    ")))
    SELECT (SELECT i.track_id FROM play_queue_tracks i WHERE i.user_id = ?1 AND i.position = place.position) AS track,
        (",
    queued!("count(*)", " AND i.position < place.position"),
    ") AS place,
        iif(place.position = q.current, q.position_ms, 0) AS position_ms, q.changed, q.changed_by
    FROM play_queues q CROSS JOIN place WHERE q.user_id = ?1"
);
pub(super) const TRACKS: &str = track_rows!(queued!("t.id", ""), " ORDER BY i.position LIMIT ?4 OFFSET ?5");
const FORGET_QUEUE: &str = "DELETE FROM play_queues WHERE user_id = ?1";
const KEEP_QUEUE: &str = "INSERT INTO play_queues (user_id, current, position_ms, changed, changed_by)
    VALUES (?1, ?2, ?3, ?4, ?5)";
const APPEND: &str = append!("play_queue_tracks", "user_id");

pub(super) const BOOKMARKS: &str = track_rows!(
    [", b.position_ms, b.comment, b.created AS made, b.changed AS moved"]
    ["CROSS JOIN bookmarks b ON b.user_id = ?1 AND b.track_id = page.id"]
    "SELECT t.id FROM bookmarks b INDEXED BY bookmarks_by_age
     CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = b.track_id
     WHERE b.user_id = ?1 AND ",
    track_seen!(),
    " ORDER BY b.changed DESC, b.track_id DESC LIMIT ?4 OFFSET ?5"
);
const COUNT: &str = "SELECT count(*) FROM bookmarks WHERE user_id = ?1 AND track_id <> ?2";
const PUT: &str = concat!(
    "WITH ",
    seen!(),
    " INSERT INTO bookmarks (user_id, track_id, position_ms, comment, created, changed)
    SELECT ?1, t.id, ?5, ?6, ?7, ?7 FROM tracks t WHERE t.id = ?4 AND ",
    track_seen!(),
    "
    ON CONFLICT (user_id, track_id) DO UPDATE
    SET position_ms = excluded.position_ms, comment = excluded.comment, changed = excluded.changed"
);
const REMOVE: &str = "DELETE FROM bookmarks WHERE user_id = ?1 AND track_id = ?2";

row! {
    struct QueueRow {
        track: Option<i64>,
        place: i64,
        position_ms: i64,
        changed: i64,
        changed_by: String,
    }
}

impl TryFrom<QueueRow> for PlayQueue {
    type Error = Error;

    fn try_from(row: QueueRow) -> Result<PlayQueue> {
        Ok(PlayQueue {
            current: row.track.map(|id| (unsigned(row.place), TrackId(id))),
            position_ms: unsigned(row.position_ms),
            changed: row.changed,
            changed_by: row.changed_by,
        })
    }
}

row! {
    struct BookmarkRow {
        track: TrackRow,
        position_ms: i64,
        comment: String,
        made: i64,
        moved: i64,
    }
}

impl TryFrom<BookmarkRow> for Bookmark {
    type Error = Error;

    fn try_from(row: BookmarkRow) -> Result<Bookmark> {
        Ok(Bookmark {
            track: row.track.try_into()?,
            position_ms: unsigned(row.position_ms),
            comment: row.comment,
            created: row.made,
            changed: row.moved,
        })
    }
}

#[async_trait]
impl LeftOff for Sqlite {
    async fn queue(&self, viewer: &Viewer) -> Result<Option<PlayQueue>> {
        let scope = Scope::of(viewer);
        let found: Option<QueueRow> = self.readers.optional(scope.query(QUEUE)).await?;
        found.map(PlayQueue::try_from).transpose()
    }

    async fn queue_tracks(&self, viewer: &Viewer, skip: u64, rows_max: usize) -> Result<Vec<Track>> {
        let scope = Scope::of(viewer);
        let query = scope.query(TRACKS).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<TrackRow, _>(query).await
    }

    async fn keep_queue(&self, viewer: &Viewer, queue: &QueueToKeep<'_>) -> Result<()> {
        let QueueToKeep { tracks, current, position_ms, changed_by } = *queue;
        check_length(tracks.len(), QUEUE_TRACKS_MAX)?;
        if current >= tracks.len().max(1) {
            return Err(Error::invalid("the queue has no song at the current place"));
        }
        let changed_by: String =
            changed_by.chars().filter(|c| !c.is_control()).take(CLIENT_NAME_CHARS_MAX).collect();
        let scope = Scope::of(viewer);
        let mut tx = self.write().await?.without_news();
        sqlx::query(FORGET_QUEUE).bind(viewer.user.0).execute(&mut *tx).await?;
        sqlx::query(KEEP_QUEUE)
            .bind(viewer.user.0)
            .bind(offset(current as u64))
            .bind(offset(position_ms))
            .bind(now())
            .bind(changed_by)
            .execute(&mut *tx)
            .await?;
        put(&mut tx, &scope, APPEND, viewer.user.0, 0, tracks).await?;
        tx.commit().await
    }

    async fn bookmarks(&self, viewer: &Viewer, skip: u64, rows_max: usize) -> Result<Vec<Bookmark>> {
        let scope = Scope::of(viewer);
        let query = scope.query(BOOKMARKS).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<BookmarkRow, _>(query).await
    }

    async fn put_bookmark(
        &self,
        viewer: &Viewer,
        track: TrackId,
        position_ms: u64,
        comment: &str,
    ) -> Result<()> {
        check_comment(comment)?;
        let scope = Scope::of(viewer);
        let mut tx = self.write().await?.without_news();
        let others: i64 =
            sqlx::query_scalar(COUNT).bind(viewer.user.0).bind(track.0).fetch_one(&mut *tx).await?;
        if others >= BOOKMARKS_PER_USER_MAX as i64 {
            return Err(Error::new(ErrorKind::NotAllowed, "there are too many bookmarks; remove one first"));
        }
        let query = scope.change(PUT).bind(track.0).bind(offset(position_ms)).bind(comment).bind(now());
        if query.execute(&mut *tx).await?.rows_affected() == 0 {
            return Err(Error::not_found("track"));
        }
        tx.commit().await
    }

    async fn remove_bookmark(&self, viewer: &Viewer, track: TrackId) -> Result<()> {
        let mut tx = self.write().await?.without_news();
        let gone = sqlx::query(REMOVE).bind(viewer.user.0).bind(track.0).execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Err(Error::not_found("bookmark"));
        }
        tx.commit().await
    }
}
