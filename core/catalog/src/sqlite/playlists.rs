//! Playlists. A change is one transaction, and afterwards positions count from 0 without gaps.

use std::slice;

use async_trait::async_trait;
use budget::limits::{
    PLAYLIST_TRACKS_AT_ONCE_MAX, PLAYLIST_TRACKS_MAX, PLAYLISTS_PER_USER_MAX, SMART_PLAYLISTS_PER_USER_MAX,
};

use super::playing::Write;
use super::rows::{PlaylistRow, TrackRow};
use super::sequence::{append, check_comment, check_length, check_name, put};
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, json_ids, limit, now, offset};
use crate::access::Viewer;
use crate::database::Playlists;
use crate::error::{Error, ErrorKind};
use crate::model::{
    Playlist, PlaylistChange, PlaylistId, Rules, SongsChange, Track, TrackId, UnixMs, UserId, Wanted,
};

/// The rows of a page of playlists. What is totalled of a list looks like a track to whoever asks who sees it.
macro_rules! playlist_rows {
    ($($page:tt)*) => {
        concat!(
            "WITH ", seen!(), ", page (id) AS MATERIALIZED (", $($page)*, ")
            SELECT p.id, p.name, p.owner, u.name AS owner_name, p.public, p.comment,
                (SELECT ifnull(sum(t.tracks), 0) FROM playlist_totals t
                    WHERE t.playlist_id = p.id AND ", track_seen!(), ") AS tracks,
                (SELECT ifnull(sum(t.duration_ms), 0) FROM playlist_totals t
                    WHERE t.playlist_id = p.id AND ", track_seen!(), ") AS duration_ms,
                p.created, p.changed, p.rules IS NOT NULL AS is_smart
            FROM page CROSS JOIN playlists p ON p.id = page.id CROSS JOIN users u ON u.id = p.owner"
        )
    };
}

/// Whether the viewer sees playlist `p`.
macro_rules! playlist_seen {
    () => {
        "(p.owner = ?1 OR p.public)"
    };
}
pub(super) use playlist_seen;

pub(super) const BY_NAME: &str = playlist_rows!(
    "SELECT p.id FROM playlists p INDEXED BY playlists_by_name WHERE ",
    playlist_seen!(),
    "
     ORDER BY p.name, p.id LIMIT ?4 OFFSET ?5"
);
const ONE: &str = playlist_rows!("SELECT p.id FROM playlists p WHERE p.id = ?4 AND ", playlist_seen!());
pub(super) const TRACKS: &str = track_rows!(
    "SELECT t.id FROM playlists p CROSS JOIN playlist_tracks i ON i.playlist_id = p.id
     CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = i.track_id
     WHERE p.id = ?4 AND ",
    playlist_seen!(),
    " AND ",
    track_seen!(),
    "
     ORDER BY i.position LIMIT ?5 OFFSET ?6"
);

const ADD: &str = "INSERT INTO playlists (owner, name, created, changed, rules)
    SELECT u.id, ?2, ?3, ?3, ?5 FROM users u
    WHERE u.id = ?1 AND (SELECT count(*) FROM playlists WHERE owner = ?1) < ?4
        AND (?5 IS NULL OR (SELECT count(*) FROM playlists WHERE owner = ?1 AND rules IS NOT NULL) < ?6)
    RETURNING id";
const OWNER: &str = concat!(
    "SELECT p.owner, p.rules IS NOT NULL, p.changed, p.public FROM playlists p WHERE p.id = ?4 AND ",
    playlist_seen!()
);
const CHANGE: &str = "UPDATE playlists SET name = ifnull(?2, name), comment = ifnull(?3, comment),
        public = ifnull(?4, public), rules = ifnull(?6, rules), changed = max(changed + 1, ?5)
    WHERE id = ?1";
const REMOVE: &str = "DELETE FROM playlists WHERE id = ?1";
const LENGTH: &str = "SELECT count(*) FROM playlist_tracks WHERE playlist_id = ?1";
const EMPTY: &str = "DELETE FROM playlist_tracks WHERE playlist_id = ?1";
const APPEND: &str = append!("playlist_tracks", "playlist_id");
/// `?5` are places among the tracks that the viewer sees.
const REMOVE_AT: &str = concat!(
    "WITH ",
    seen!(),
    ", shown (position, place) AS MATERIALIZED (
        SELECT i.position, row_number() OVER (ORDER BY i.position) - 1
        FROM playlist_tracks i CROSS JOIN tracks t ON t.id = i.track_id WHERE i.playlist_id = ?4 AND ",
    track_seen!(),
    ")
    DELETE FROM playlist_tracks WHERE playlist_id = ?4
        AND position IN (SELECT position FROM shown WHERE place IN (SELECT value FROM json_each(?5)))"
);
/// The position of the track that the viewer sees in place `?5`.
const POSITION: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT i.position FROM playlist_tracks i CROSS JOIN tracks t INDEXED BY tracks_seen ON t.id = i.track_id
    WHERE i.playlist_id = ?4 AND ",
    track_seen!(),
    " ORDER BY i.position LIMIT 1 OFFSET ?5"
);
/// Positions change in two steps, because no two tracks may be in one position in between: below 0 there are none. Those
/// that stay where they are are not written.
const CLOSE_GAPS: &str = "UPDATE playlist_tracks AS i SET position = -1 - n.place
        FROM (SELECT position, row_number() OVER (ORDER BY position) - 1 AS place
            FROM playlist_tracks WHERE playlist_id = ?1) AS n
        WHERE i.playlist_id = ?1 AND i.position = n.position AND n.position <> n.place";
/// Makes room for `?3` tracks from the position `?2` on.
const MAKE_ROOM: &str = "UPDATE playlist_tracks SET position = -1 - (position + ?3)
    WHERE playlist_id = ?1 AND position >= ?2";
/// The one at `?2` goes to `?3`.
const MOVE: &str = "UPDATE playlist_tracks
    SET position = -1 - CASE WHEN position = ?2 THEN ?3 WHEN ?2 < ?3 THEN position - 1 ELSE position + 1 END
    WHERE playlist_id = ?1 AND position BETWEEN min(?2, ?3) AND max(?2, ?3)";
/// The second step.
const SETTLE: &str =
    "UPDATE playlist_tracks SET position = -1 - position WHERE playlist_id = ?1 AND position < 0";

/// A list that may be changed, as it is before.
struct Before {
    owner: UserId,
    /// Whether its songs are found by rules.
    is_smart: bool,
    /// Whether everyone sees it.
    is_open: bool,
}

/// The list is there for the viewer, his to change, and what he knows.
async fn may_change(
    tx: &mut Write,
    viewer: &Viewer,
    id: PlaylistId,
    known: Option<UnixMs>,
) -> Result<Before> {
    let scope = eyes(viewer);
    let found: Option<(i64, bool, UnixMs, bool)> =
        scope.rows(OWNER).bind(id.0).fetch_optional(&mut **tx).await?;
    let (owner, is_smart, changed, is_open) = found.ok_or_else(|| Error::not_found("playlist"))?;
    if owner != viewer.user.0 && !viewer.manages {
        return Err(Error::new(ErrorKind::NotAllowed, "this playlist is somebody else's"));
    }
    if known.is_some_and(|known| known != changed) {
        return Err(Error::new(ErrorKind::Changed, "this playlist was changed meanwhile"));
    }
    Ok(Before { owner: UserId(owner), is_smart, is_open })
}

/// A list has songs of its own or rules, and stays with what it has.
fn check_kind(is_smart: bool, change: &PlaylistChange) -> Result<()> {
    if is_smart && change.songs != SongsChange::Keep {
        let text = "the songs of this playlist are found by its rules: none can be put in or taken out";
        return Err(Error::new(ErrorKind::NotAllowed, text));
    }
    if !is_smart && change.rules.is_some() {
        return Err(Error::new(ErrorKind::NotAllowed, "this playlist has songs of its own, and no rules"));
    }
    Ok(())
}

/// What a listener sees: who manages a list puts no track into it that he would not find.
fn eyes(viewer: &Viewer) -> Scope {
    Scope::of(&Viewer { manages: false, ..viewer.clone() })
}

async fn change_songs(tx: &mut Write, scope: &Scope, id: PlaylistId, change: &SongsChange) -> Result<()> {
    match change {
        SongsChange::Keep => Ok(()),
        SongsChange::Replace(tracks) => {
            check_length(tracks.len(), PLAYLIST_TRACKS_AT_ONCE_MAX)?;
            sqlx::query(EMPTY).bind(id.0).execute(&mut **tx).await?;
            put(tx, scope, APPEND, id.0, 0, tracks).await
        }
        SongsChange::Edit { remove, add } => edit(tx, scope, id, remove, add).await,
        SongsChange::Insert { at, tracks } => insert(tx, scope, id, *at, tracks).await,
        SongsChange::Move { from, to } => {
            let [from, to] = [position(tx, scope, id, *from).await?, position(tx, scope, id, *to).await?];
            let query = sqlx::query(MOVE).bind(id.0).bind(from).bind(to);
            query.execute(&mut **tx).await?;
            settle(tx, id).await
        }
    }
}

/// Where the track is that the viewer sees in this place.
async fn position(tx: &mut Write, scope: &Scope, id: PlaylistId, place: u64) -> Result<i64> {
    let query = scope.rows::<(i64,)>(POSITION).bind(id.0).bind(offset(place));
    let found = query.fetch_optional(&mut **tx).await?;
    found.map(|(position,)| position).ok_or_else(|| Error::not_found("place in the playlist"))
}

/// The second step of a change of positions.
async fn settle(tx: &mut Write, id: PlaylistId) -> Result<()> {
    sqlx::query(SETTLE).bind(id.0).execute(&mut **tx).await?;
    Ok(())
}

/// How many tracks the list has, after so many more are found to fit.
async fn length(tx: &mut Write, id: PlaylistId, more: usize) -> Result<i64> {
    let length: i64 = sqlx::query_scalar(LENGTH).bind(id.0).fetch_one(&mut **tx).await?;
    check_length(more, PLAYLIST_TRACKS_AT_ONCE_MAX)?;
    check_length(usize::try_from(length).unwrap_or(usize::MAX).saturating_add(more), PLAYLIST_TRACKS_MAX)?;
    Ok(length)
}

async fn insert(tx: &mut Write, scope: &Scope, id: PlaylistId, at: u64, tracks: &[TrackId]) -> Result<()> {
    length(tx, id, tracks.len()).await?;
    // Behind the last one there is nothing to be put before; the one before it tells where that is.
    let first = match position(tx, scope, id, at).await {
        Err(error) if error.kind() == ErrorKind::NotFound && at > 0 => {
            position(tx, scope, id, at - 1).await?.saturating_add(1)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        found => found?,
    };
    let query = sqlx::query(MAKE_ROOM).bind(id.0).bind(first).bind(tracks.len() as i64);
    query.execute(&mut **tx).await?;
    settle(tx, id).await?;
    put(tx, scope, APPEND, id.0, first, tracks).await
}

async fn edit(tx: &mut Write, scope: &Scope, id: PlaylistId, remove: &[u64], add: &[TrackId]) -> Result<()> {
    let mut places: Vec<i64> = remove.iter().map(|place| offset(*place)).collect();
    places.sort_unstable();
    places.dedup();
    let query = scope.change(REMOVE_AT).bind(id.0).bind(json_ids(&places));
    if query.execute(&mut **tx).await?.rows_affected() != places.len() as u64 {
        return Err(Error::not_found("place in the playlist"));
    }
    // Tracks that went for good left gaps too.
    sqlx::query(CLOSE_GAPS).bind(id.0).execute(&mut **tx).await?;
    settle(tx, id).await?;
    let length = length(tx, id, add.len()).await?;
    put(tx, scope, APPEND, id.0, length, add).await
}

impl Sqlite {
    async fn add_list(
        &self,
        viewer: &Viewer,
        name: &str,
        rules: Option<String>,
        tracks: &[TrackId],
    ) -> Result<PlaylistId> {
        check_name(name)?;
        check_length(tracks.len(), PLAYLIST_TRACKS_AT_ONCE_MAX)?;
        let mut tx = self.write().await?.with_news_of_list(&self.playing, viewer.user, false);
        let added: Option<i64> = sqlx::query_scalar(ADD)
            .bind(viewer.user.0)
            .bind(name)
            .bind(now())
            .bind(PLAYLISTS_PER_USER_MAX as i64)
            .bind(rules)
            .bind(SMART_PLAYLISTS_PER_USER_MAX as i64)
            .fetch_optional(&mut *tx)
            .await?;
        let id = added.ok_or_else(|| {
            Error::new(ErrorKind::NotAllowed, "there are too many playlists; remove one first")
        })?;
        put(&mut tx, &eyes(viewer), APPEND, id, 0, tracks).await?;
        tx.commit().await?;
        Ok(PlaylistId(id))
    }
}

#[async_trait]
impl Playlists for Sqlite {
    async fn playlists(&self, viewer: &Viewer, skip: u64, rows_max: usize) -> Result<Vec<Playlist>> {
        let scope = Scope::of(viewer);
        let query = scope.query(BY_NAME).bind(limit(rows_max)).bind(offset(skip));
        let mut playlists = self.readers.page::<PlaylistRow, _>(query).await?;
        self.count_smart(&scope, &mut playlists, true).await?;
        Ok(playlists)
    }

    async fn playlist(&self, viewer: &Viewer, id: PlaylistId) -> Result<Playlist> {
        let scope = Scope::of(viewer);
        let query = scope.query(ONE).bind(id.0);
        let mut playlist = self.readers.noun::<PlaylistRow, _>(query, "playlist").await?;
        self.count_smart(&scope, slice::from_mut(&mut playlist), false).await?;
        Ok(playlist)
    }

    async fn playlist_tracks(
        &self,
        viewer: &Viewer,
        id: PlaylistId,
        skip: u64,
        rows_max: usize,
    ) -> Result<Vec<Track>> {
        let scope = Scope::of(viewer);
        let query = scope.query(TRACKS).bind(id.0).bind(limit(rows_max)).bind(offset(skip));
        let tracks = self.readers.page::<TrackRow, _>(query).await?;
        // A list that has rules has no songs of its own, and one whose songs have come to their end mostly has no rules.
        if tracks.is_empty() { self.smart_tracks(&scope, id, skip, rows_max).await } else { Ok(tracks) }
    }

    async fn add_playlist(&self, viewer: &Viewer, name: &str, tracks: &[TrackId]) -> Result<PlaylistId> {
        self.add_list(viewer, name, None, tracks).await
    }

    async fn add_smart_playlist(&self, viewer: &Viewer, name: &str, rules: &Rules) -> Result<PlaylistId> {
        self.add_list(viewer, name, Some(rules.text()?), &[]).await
    }

    async fn playlist_rules(&self, viewer: &Viewer, id: PlaylistId) -> Result<Option<Rules>> {
        let rules = self.rules(&Scope::of(viewer), id).await?;
        rules.map(|rules| rules.map(|(rules, _)| rules)).ok_or_else(|| Error::not_found("playlist"))
    }

    async fn wanted_tracks(&self, viewer: &Viewer, wanted: &[Wanted]) -> Result<Vec<Option<TrackId>>> {
        self.find_wanted(&eyes(viewer), wanted).await
    }

    async fn change_playlist(&self, viewer: &Viewer, id: PlaylistId, change: &PlaylistChange) -> Result<()> {
        change.name.as_deref().map_or(Ok(()), check_name)?;
        change.comment.as_deref().map_or(Ok(()), check_comment)?;
        let rules = change.rules.as_ref().map(Rules::text).transpose()?;
        let mut tx = self.write().await?;
        let before = may_change(&mut tx, viewer, id, change.known).await?;
        check_kind(before.is_smart, change)?;
        change_songs(&mut tx, &eyes(viewer), id, &change.songs).await?;
        sqlx::query(CHANGE)
            .bind(id.0)
            .bind(&change.name)
            .bind(&change.comment)
            .bind(change.public)
            .bind(now())
            .bind(rules)
            .execute(&mut *tx)
            .await?;
        let is_open = before.is_open || change.public == Some(true);
        tx.with_news_of_list(&self.playing, before.owner, is_open).commit().await
    }

    async fn remove_playlist(&self, viewer: &Viewer, id: PlaylistId) -> Result<()> {
        let mut tx = self.write().await?;
        let before = may_change(&mut tx, viewer, id, None).await?;
        sqlx::query(REMOVE).bind(id.0).execute(&mut *tx).await?;
        tx.with_news_of_list(&self.playing, before.owner, before.is_open).commit().await
    }

    fn playlist_news(&self, user: UserId) -> u64 {
        self.written_lists(user)
    }
}
