//! Files that were renamed: a track that vanished and a new one with the same stamp are one track, which keeps its id,
//! stars, plays, bookmarks and place in playlists.
//!
//! Totals, covers and what is hidden need no step at the end of a scan: totals are counted with every write, covers
//! are looked up through the viewer's eyes, and an album or artist without a visible track is in no answer.

use std::collections::BTreeSet;

use store::FolderId;

use super::changes::FORGET_ARTISTS;
use super::library::TICK;
use super::playing::Write;
use super::{Result, Sqlite, now, totals};

// Only tracks that came with the last two scans can be old ones under new names, so an unchanged folder costs two short
// reads: two, because a file that is moved while its library is walked may be seen at its new place in one scan and missed at
// its old one in the next. The inode tells renames; length and modification keep a reused inode from being taken for one.
const MOVED: &str = "SELECT m.id, p.id FROM tracks p
    CROSS JOIN tracks m INDEXED BY tracks_missing ON m.library_id = p.library_id AND m.inode = p.inode
    WHERE p.id > (SELECT settled_before FROM libraries WHERE id = ?1) AND p.library_id = ?1 AND p.missing = 0
        AND p.inode <> 0 AND p.id > m.id AND m.missing = 1
        AND m.length_bytes = p.length_bytes AND m.modified_ns = p.modified_ns
    ORDER BY p.id LIMIT 500";
const SETTLED: &str = "UPDATE libraries
    SET settled_before = settled, settled = (SELECT ifnull(max(id), 0) FROM tracks) WHERE id = ?1";
const ALBUMS: &str = "SELECT album_id FROM tracks WHERE id IN (?1, ?2)";

/// In this order, with `?1` the old track and `?2` the new one. No path begins with a slash, so the first step frees the
/// new one's path for the old track.
const MERGE: [&str; 15] = [
    "UPDATE tracks SET path = '/' || path WHERE id = ?2 AND id <> ?1",
    "UPDATE tracks AS o SET (path, missing, owner, private, length_bytes, modified_ns, changed_ns, inode, album_id,
            artist_id, title, title_set, artist, genres, track, track_total, disc, year, duration_ms, bitrate_kbps,
            sample_rate_hz, bit_depth, channels, suffix, content_type, cover_path, cover_offset, cover_count,
            cover_type, cover_blob, artist_set, album_set, disc_title, release, details)
        = (SELECT substr(n.path, 2), n.missing, ifnull(o.owner, n.owner), max(o.private, n.private), n.length_bytes,
            n.modified_ns, n.changed_ns, n.inode, iif(o.artist_set IS NULL AND o.album_set IS NULL, n.album_id, o.album_id),
            iif(o.artist_set IS NULL, n.artist_id, o.artist_id), n.title, ifnull(n.title_set, o.title_set),
            iif(o.artist_set IS NULL, n.artist, o.artist), n.genres, n.track, n.track_total, n.disc, n.year, n.duration_ms, n.bitrate_kbps,
            n.sample_rate_hz, n.bit_depth, n.channels, n.suffix, n.content_type, n.cover_path, n.cover_offset,
            n.cover_count, n.cover_type, ifnull(o.cover_blob, n.cover_blob), ifnull(o.artist_set, n.artist_set),
            ifnull(o.album_set, n.album_set), n.disc_title, n.release, n.details
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

async fn merge(tx: &mut Write, old: i64, new: i64) -> Result<Vec<i64>> {
    let albums = sqlx::query_scalar(ALBUMS).bind(old).bind(new).fetch_all(&mut **tx).await?;
    for sql in MERGE {
        sqlx::query(sql).bind(old).bind(new).execute(&mut **tx).await?;
    }
    sqlx::query(REMOVE).bind(new).execute(&mut **tx).await?;
    Ok(albums)
}

impl Sqlite {
    /// Finds renamed files among the new ones, a batch in a transaction.
    pub(super) async fn reunite_moved(&self, folder: FolderId) -> Result<()> {
        loop {
            let mut tx = self.write().await?;
            let pairs: Vec<(i64, i64)> = sqlx::query_as(MOVED).bind(folder.0).fetch_all(&mut *tx).await?;
            if pairs.is_empty() {
                sqlx::query(SETTLED).bind(folder.0).execute(&mut *tx).await?;
                tx.commit().await?;
                return Ok(());
            }
            // Hard links share an inode: each track is used once, and what is left over is seen in the next round.
            let (mut used, mut touched, mut moved) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
            for (old, new) in pairs {
                if used.contains(&old) || used.contains(&new) {
                    continue;
                }
                used.extend([old, new]);
                touched.extend(merge(&mut tx, old, new).await?);
                moved.push(old);
            }
            totals::index_words(&mut tx, &moved).await?;
            totals::refresh(&mut tx, &touched.into_iter().collect::<Vec<_>>()).await?;
            sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
            tx.commit().await?;
        }
    }
}
