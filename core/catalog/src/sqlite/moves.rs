//! Files that were moved: a track that vanished and a new one with the same stamp are one track, which keeps its id, stars,
//! plays, bookmarks and place in playlists. So are two that are alike in another way, where there is one of each (`claims`).
//! The track takes the library of its new place; what was private stays so.
//!
//! While nothing is missing, a scan ends with one short read and one short write, however much it found.
//!
//! Totals, covers and what is hidden need no step at the end of a scan: totals are counted with every write, covers
//! are looked up through the viewer's eyes, and an album or artist without a visible track is in no answer.

use std::collections::BTreeSet;

use store::FolderId;

pub(super) mod claims;
pub(super) mod displaced;

use super::changes::FORGET_ARTISTS;
use super::heirs::{Heirs, Home};
use super::library::TICK;
use super::playing::Write;
use super::readers::Query;
use super::{Result, Sqlite, json_ids, now, totals};

/// Whether there is anything that a new track may be.
pub(super) const ANY_GONE: &str = "SELECT
    EXISTS (SELECT 1 FROM tracks INDEXED BY tracks_missing WHERE missing = 1 AND library_id > 0)
    OR EXISTS (SELECT 1 FROM libraries WHERE hidden = 1 AND id > 0)";
/// Whether a library misses anything. In a first scan it does not.
pub(super) const MISSES: &str =
    "SELECT EXISTS (SELECT 1 FROM tracks INDEXED BY tracks_missing WHERE library_id = ?1 AND missing = 1)";
// Only tracks that came with the last two scans can be old ones under new names, so an unchanged folder costs two short
// reads: two, because a file that is moved while its library is walked may be seen at its new place in one scan and missed at
// its old one in the next. The inode tells renames; length and modification keep a reused inode from being taken for one.
macro_rules! renamed {
    ($new:literal) => {
        concat!(
            "SELECT m.id, p.id FROM ",
            $new,
            " CROSS JOIN tracks m INDEXED BY tracks_missing ON m.library_id = p.library_id AND m.inode = p.inode
            WHERE p.id > (SELECT settled_before FROM libraries WHERE id = ?1) AND p.library_id = ?1
                AND p.missing = 0 AND p.inode <> 0 AND p.id > m.id AND m.missing = 1
                AND m.length_bytes = p.length_bytes AND m.modified_ns = p.modified_ns
                AND p.id >= ?2 ORDER BY p.id LIMIT 500"
        )
    };
}
pub(super) const RENAMED: &str = renamed!("tracks p");
/// The same of these tracks alone.
pub(super) const RECORDED: &str = renamed!("json_each(?3) j CROSS JOIN tracks p ON p.id = j.value");
/// Claims that stand alone, on what is still gone. Behind them nothing is claimed.
pub(super) const CLAIMED: &str = "SELECT c.old, c.new FROM claims c
    CROSS JOIN tracks m ON m.id = c.old CROSS JOIN libraries l ON l.id = m.library_id
    CROSS JOIN tracks p ON p.id = c.new
    WHERE c.old >= ?2 AND (m.missing = 1 OR l.hidden = 1) AND p.missing = 0 ORDER BY c.old LIMIT 500";
/// Tracks that were displaced and found nowhere else: they are what has their names. What somebody made his own meanwhile
/// is no other's. They are so where that file is gone again, too: it may come back.
pub(super) const DISPLACED: &str = "SELECT d.track, d.taken_by
    FROM displaced_tracks d INDEXED BY displaced_tracks_by_library
    CROSS JOIN tracks m ON m.id = d.track CROSS JOIN tracks p ON p.id = d.taken_by
    WHERE d.library_id = ?1 AND d.track >= ?2 AND m.missing = 1
        AND (p.owner IS NULL OR p.owner IS m.owner) ORDER BY d.track LIMIT 500";
const FORGET_CLAIMS: &str = "DELETE FROM claims";
/// In this order, when everything is followed.
const SETTLE: [&str; 4] = [
    FORGET_CLAIMS,
    "DELETE FROM lost_tracks",
    "DELETE FROM displaced_tracks WHERE library_id = ?1",
    "UPDATE libraries
        SET settled_before = settled, settled = (SELECT ifnull(max(id), 0) FROM tracks) WHERE id = ?1",
];
/// Of the old track and of the new one.
const HOMES: &str =
    "SELECT t.album_id, t.artist_id, al.artist_id FROM tracks t CROSS JOIN albums al ON al.id = t.album_id
    WHERE t.id IN (?1, ?2) ORDER BY t.id = ?2";

/// In this order, with `?1` the old track and `?2` the new one. No path begins with a slash, so the first step frees the
/// new one's path for the old track.
const MERGE: [&str; 18] = [
    "UPDATE tracks SET path = '/' || path WHERE id = ?2 AND id <> ?1",
    "UPDATE tracks AS o SET (library_id, path, missing, owner, private, length_bytes, modified_ns, changed_ns, inode, album_id,
            artist_id, title, title_set, artist, genres, track, track_total, disc, year, duration_ms, bitrate_kbps,
            sample_rate_hz, bit_depth, channels, suffix, content_type, cover_path, cover_offset, cover_count,
            cover_type, cover_blob, cover_mark, artist_set, album_set, disc_title, release, details, audio_md5)
        = (SELECT n.library_id, substr(n.path, 2), n.missing, ifnull(o.owner, n.owner), max(o.private, n.private), n.length_bytes,
            n.modified_ns, n.changed_ns, n.inode, iif(o.artist_set IS NULL AND o.album_set IS NULL, n.album_id, o.album_id),
            iif(o.artist_set IS NULL, n.artist_id, o.artist_id), n.title, ifnull(n.title_set, o.title_set),
            iif(o.artist_set IS NULL, n.artist, o.artist), n.genres, n.track, n.track_total, n.disc, n.year, n.duration_ms, n.bitrate_kbps,
            n.sample_rate_hz, n.bit_depth, n.channels, n.suffix, n.content_type, n.cover_path, n.cover_offset,
            n.cover_count, n.cover_type, ifnull(o.cover_blob, n.cover_blob), n.cover_mark, ifnull(o.artist_set, n.artist_set),
            ifnull(o.album_set, n.album_set), n.disc_title, n.release, n.details, n.audio_md5
        FROM tracks n WHERE n.id = ?2)
        WHERE o.id = ?1",
    "DELETE FROM track_genres WHERE track_id = ?1",
    "UPDATE track_genres SET track_id = ?1 WHERE track_id = ?2",
    "DELETE FROM track_credits WHERE track_id = ?1",
    "UPDATE track_credits SET track_id = ?1 WHERE track_id = ?2",
    FORGET_ARTISTS[0],
    FORGET_ARTISTS[1],
    "UPDATE playlist_tracks SET track_id = ?1 WHERE track_id = ?2",
    "UPDATE play_queue_tracks SET track_id = ?1 WHERE track_id = ?2",
    "UPDATE share_tracks SET track_id = ?1 WHERE track_id = ?2",
    "UPDATE stem_sets SET track = ?1 WHERE track = ?2",
    "UPDATE jobs SET track = ?1 WHERE track = ?2",
    "UPDATE OR IGNORE instrumentals SET song = ?1, stale = 1 WHERE song = ?2",
    "UPDATE OR IGNORE bookmarks SET track_id = ?1 WHERE track_id = ?2",
    "INSERT INTO annotations (user_id, kind, item_id, starred, rating, plays, played)
        SELECT user_id, 1, ?1, starred, rating, plays, played FROM annotations WHERE kind = 1 AND item_id = ?2
        ON CONFLICT (user_id, kind, item_id) DO UPDATE SET starred = ifnull(starred, excluded.starred),
            rating = max(rating, excluded.rating), plays = plays + excluded.plays,
            played = nullif(max(ifnull(played, 0), ifnull(excluded.played, 0)), 0)",
    "DELETE FROM annotations WHERE kind = 1 AND item_id = ?2 AND ?1 <> ?2",
    "DELETE FROM track_words WHERE rowid = ?2 AND ?1 <> ?2",
];
const REMOVE: &str = "DELETE FROM tracks WHERE id = ?1";

/// Gives whose the two were.
async fn merge(tx: &mut Write, old: i64, new: i64) -> Result<Vec<Home>> {
    let homes: Vec<(i64, i64, i64)> = sqlx::query_as(HOMES).bind(old).bind(new).fetch_all(&mut **tx).await?;
    for sql in MERGE {
        sqlx::query(sql).bind(old).bind(new).execute(&mut **tx).await?;
    }
    sqlx::query(REMOVE).bind(new).execute(&mut **tx).await?;
    Ok(homes.into_iter().map(|(album, artist, album_artist)| Home { album, artist, album_artist }).collect())
}

/// Makes one track of each of these, the old one. Hard links share an inode: each track is used once.
async fn unite(tx: &mut Write, pairs: &[(i64, i64)]) -> Result<()> {
    let (mut used, mut touched, mut moved) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut heirs = Heirs::default();
    for (old, new) in pairs {
        if used.contains(old) || used.contains(new) {
            continue;
        }
        used.extend([*old, *new]);
        let homes = merge(tx, *old, *new).await?;
        touched.extend(homes.iter().map(|home| home.album));
        if let [old, new] = homes[..] {
            heirs.note(old, new);
        }
        moved.push(*old);
    }
    totals::index_words(tx, &moved).await?;
    totals::refresh(tx, &touched.into_iter().collect::<Vec<_>>()).await?;
    heirs.inherit(tx).await?;
    sqlx::query(TICK).bind(now()).execute(&mut **tx).await?;
    Ok(())
}

/// Settles at once which of these tracks, just recorded, are missing ones under other names, where their stamps say it all.
pub(super) async fn unite_recorded(tx: &mut Write, folder: FolderId, tracks: &[i64]) -> Result<()> {
    if !sqlx::query_scalar::<_, bool>(MISSES).bind(folder.0).fetch_one(&mut **tx).await? {
        return Ok(());
    }
    let query = sqlx::query_as(RECORDED).bind(folder.0).bind(0).bind(json_ids(tracks));
    let pairs: Vec<(i64, i64)> = query.fetch_all(&mut **tx).await?;
    if pairs.is_empty() {
        return Ok(());
    }
    unite(tx, &pairs).await
}

impl Sqlite {
    /// Finds moved files among the new ones of a library, and those that it lost in others.
    pub(super) async fn reunite(&self, folder: FolderId) -> Result<()> {
        if self.readers.one::<bool>(Query::new(ANY_GONE)).await? {
            self.unite_all(RENAMED, folder, |(_, new)| *new).await?;
            self.forget_claims().await?;
            self.gather_claims(folder).await?;
            self.unite_all(CLAIMED, folder, |(old, _)| *old).await?;
            self.unite_all(DISPLACED, folder, |(old, _)| *old).await?;
        }
        let mut tx = self.write().await?;
        for sql in SETTLE {
            sqlx::query(sql).bind(folder.0).execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Makes one track of each of the pairs that a statement gives in the order of `key`, a batch in a transaction.
    async fn unite_all(
        &self,
        pairs: &'static str,
        folder: FolderId,
        key: fn(&(i64, i64)) -> i64,
    ) -> Result<()> {
        let mut from = 0;
        loop {
            let mut tx = self.write().await?;
            let query = sqlx::query_as(pairs).bind(folder.0).bind(from);
            let pairs: Vec<(i64, i64)> = query.fetch_all(&mut *tx).await?;
            let Some(last) = pairs.last() else { return Ok(()) };
            // It may have more pairs than there was room for.
            from = key(last);
            unite(&mut tx, &pairs).await?;
            tx.commit().await?;
        }
    }

    /// Forgets what was claimed before a scan that broke off.
    async fn forget_claims(&self) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query(FORGET_CLAIMS).execute(&mut *tx).await?;
        tx.commit().await
    }
}
