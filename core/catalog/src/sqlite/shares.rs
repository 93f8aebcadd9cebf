//! Shares. Their songs are a list of tracks like that of a playlist, and seen by the same rules.

use async_trait::async_trait;
use budget::limits::{SHARE_TRACKS_MAX, SHARES_PER_USER_MAX};

use super::columns::row;
use super::readers::Query;
use super::rows::{TrackRow, unsigned};
use super::sequence::{append, check_comment, check_length, put};
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, limit, now, offset};
use crate::access::Viewer;
use crate::database::Shares;
use crate::error::{Error, ErrorKind};
use crate::model::{
    Ends, NewShare, SHARE_NONCE_BYTES, Share, ShareChange, ShareId, ShareTotals, Track, TrackId, UnixMs,
    UserId,
};

macro_rules! share_rows {
    ($($which:tt)*) => {
        concat!(
            "SELECT s.id, s.owner, u.name AS owner_name, s.nonce, s.description, s.created, s.expires, s.visits,
                s.visited
            FROM shares s ", $($which)*
        )
    };
}

pub(super) const OF_OWNER: &str = share_rows!(
    "INDEXED BY shares_by_owner CROSS JOIN users u ON u.id = s.owner
     WHERE s.owner = ?1 ORDER BY s.id DESC LIMIT ?2 OFFSET ?3"
);
const ONE: &str = share_rows!("CROSS JOIN users u ON u.id = s.owner WHERE s.id = ?2 AND s.owner = ?1");
const OF_TOKEN: &str = share_rows!(
    "CROSS JOIN users u ON u.id = s.owner
     WHERE s.token_hash = ?1 AND (s.expires IS NULL OR s.expires > ?2)"
);

/// The tracks of share `?4` that its owner sees, who is the viewer.
macro_rules! shared {
    ($columns:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM shares s CROSS JOIN share_tracks i ON i.share_id = s.id
             CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = i.track_id
             WHERE s.id = ?4 AND s.owner = ?1 AND ",
            track_seen!()
        )
    };
}
pub(super) const TRACKS: &str = track_rows!(shared!("t.id"), " ORDER BY i.position LIMIT ?5 OFFSET ?6");
const TOTALS: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT count(*) AS tracks, ifnull(sum(d.duration_ms), 0) AS duration_ms FROM (",
    shared!("t.id"),
    ") page CROSS JOIN tracks d ON d.id = page.id"
);

const ADD: &str = "INSERT INTO shares (owner, nonce, token_hash, description, created, expires)
    SELECT u.id, ?2, ?3, ?4, ?5, ?6 FROM users u
    WHERE u.id = ?1 AND (SELECT count(*) FROM shares WHERE owner = ?1) < ?7
    RETURNING id";
const APPEND: &str = append!("share_tracks", "share_id");
/// `?4` is whether there is a new end, because NULL is one.
const CHANGE: &str = "UPDATE shares SET description = ifnull(?3, description), expires = iif(?4, ?5, expires)
    WHERE id = ?2 AND owner = ?1";
const REMOVE: &str = "DELETE FROM shares WHERE id = ?2 AND owner = ?1";
const HAS_TRACK: &str = "SELECT EXISTS (SELECT 1 FROM share_tracks WHERE track_id = ?2 AND share_id = ?1)";
const VISITED: &str = "UPDATE shares SET visits = visits + 1, visited = ?2 WHERE id = ?1";

row! {
    struct ShareRow {
        id: i64,
        owner: i64,
        owner_name: String,
        nonce: Vec<u8>,
        description: String,
        created: i64,
        expires: Option<i64>,
        visits: i64,
        visited: Option<i64>,
    }
}

impl TryFrom<ShareRow> for Share {
    type Error = Error;

    fn try_from(row: ShareRow) -> Result<Share> {
        let nonce: [u8; SHARE_NONCE_BYTES] = row.nonce.try_into().map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the nonce of a share in the database has another length")
        })?;
        Ok(Share {
            id: ShareId(row.id),
            owner: UserId(row.owner),
            owner_name: row.owner_name,
            nonce,
            description: row.description,
            created: row.created,
            expires: row.expires,
            visits: unsigned(row.visits),
            visited: row.visited,
        })
    }
}

#[async_trait]
impl Shares for Sqlite {
    async fn shares(&self, viewer: &Viewer, skip: u64, rows_max: usize) -> Result<Vec<Share>> {
        let query = Query::new(OF_OWNER).bind(viewer.user.0).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<ShareRow, _>(query).await
    }

    async fn share(&self, viewer: &Viewer, id: ShareId) -> Result<Share> {
        let query = Query::new(ONE).bind(viewer.user.0).bind(id.0);
        self.readers.noun::<ShareRow, _>(query, "share").await
    }

    async fn share_tracks(
        &self,
        viewer: &Viewer,
        id: ShareId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let scope = Scope::of(viewer);
        let query = scope.query(TRACKS).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        self.readers.page::<TrackRow, _>(query).await
    }

    async fn share_totals(&self, viewer: &Viewer, id: ShareId) -> Result<ShareTotals> {
        let scope = Scope::of(viewer);
        let (tracks, duration_ms): (i64, i64) = self.readers.one(scope.query(TOTALS).bind(id.0)).await?;
        Ok(ShareTotals { tracks: unsigned(tracks), duration_ms: unsigned(duration_ms) })
    }

    async fn add_share(&self, viewer: &Viewer, share: &NewShare<'_>) -> Result<ShareId> {
        check_comment(share.description)?;
        check_length(share.tracks.len(), SHARE_TRACKS_MAX)?;
        if share.tracks.is_empty() {
            return Err(Error::invalid("there are no songs to share"));
        }
        let mut tx = self.write().await?;
        let added: Option<i64> = sqlx::query_scalar(ADD)
            .bind(viewer.user.0)
            .bind(&share.nonce[..])
            .bind(&share.token_hash[..])
            .bind(share.description)
            .bind(now())
            .bind(share.expires)
            .bind(SHARES_PER_USER_MAX as i64)
            .fetch_optional(&mut *tx)
            .await?;
        let id = added.ok_or_else(|| {
            Error::new(ErrorKind::NotAllowed, "there are too many shares; remove one first")
        })?;
        put(&mut tx, &Scope::of(viewer), APPEND, id, 0, share.tracks).await?;
        tx.commit().await?;
        Ok(ShareId(id))
    }

    async fn change_share(&self, viewer: &Viewer, id: ShareId, change: &ShareChange) -> Result<()> {
        change.description.as_deref().map_or(Ok(()), check_comment)?;
        let mut tx = self.write().await?;
        let changed = sqlx::query(CHANGE)
            .bind(viewer.user.0)
            .bind(id.0)
            .bind(&change.description)
            .bind(change.ends.is_some())
            .bind(change.ends.and_then(Ends::at))
            .execute(&mut *tx)
            .await?;
        if changed.rows_affected() == 0 {
            return Err(Error::not_found("share"));
        }
        tx.commit().await
    }

    async fn remove_share(&self, viewer: &Viewer, id: ShareId) -> Result<()> {
        let mut tx = self.write().await?;
        let gone = sqlx::query(REMOVE).bind(viewer.user.0).bind(id.0).execute(&mut *tx).await?;
        if gone.rows_affected() == 0 {
            return Err(Error::not_found("share"));
        }
        tx.commit().await
    }

    async fn share_of_token(&self, hash: [u8; 32], now: UnixMs) -> Result<Option<Share>> {
        let query = Query::new(OF_TOKEN).bind(hash.to_vec()).bind(now);
        self.readers.optional::<ShareRow>(query).await?.map(Share::try_from).transpose()
    }

    async fn is_shared(&self, id: ShareId, track: TrackId) -> Result<bool> {
        self.readers.one(Query::new(HAS_TRACK).bind(id.0).bind(track.0)).await
    }

    async fn share_visited(&self, id: ShareId, now: UnixMs) -> Result<()> {
        // No track's row shows it, so that what is kept for players stays.
        sqlx::query(VISITED).bind(id.0).bind(now).execute(&self.writer).await?;
        Ok(())
    }
}
