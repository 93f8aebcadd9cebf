//! What a scan writes. Each call is one transaction over at most a batch of files.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use sqlx::FromRow;
use store::{FolderId, RelPath, Stamp};

use super::library::TICK;
use super::playing::Write;
use super::rows::{self, unsigned};
use super::{Result, Sqlite, json_ids, limit, now, totals};
use crate::error::{Error, ErrorKind};
use crate::fold;
use crate::model::{TrackId, UnixMs};
use crate::scan::{Found, Inventory, Known, Tags};

// Every path is greater than the empty text, which stands for "from the start".
pub(super) const KNOWN: &str =
    "SELECT id, path, length_bytes, modified_ns, changed_ns, inode, missing, nullif(cover_path, path) AS picture FROM tracks
    WHERE library_id = ?1 AND path > ?2 ORDER BY path LIMIT ?3";
const OLD_ALBUMS: &str = "SELECT DISTINCT album_id FROM tracks
    WHERE library_id = ?1 AND path IN (SELECT value FROM json_each(?2))";
const ALBUMS_OF: &str = "SELECT DISTINCT album_id FROM tracks
    WHERE library_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const MARK: &str = "UPDATE tracks SET missing = ?3
    WHERE library_id = ?1 AND id IN (SELECT value FROM json_each(?2))";
const RECORD: &str = "INSERT INTO tracks (library_id, path, length_bytes, modified_ns, changed_ns, inode, album_id,
        artist_id, title, artist, genres, track, track_total, disc, year, duration_ms, bitrate_kbps, sample_rate_hz,
        bit_depth, channels, suffix, content_type, cover_path, cover_offset, cover_count, cover_type, created)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
        ?24, ?25, ?26, ?27)
    ON CONFLICT (library_id, path) DO UPDATE SET missing = 0, length_bytes = excluded.length_bytes,
        modified_ns = excluded.modified_ns, changed_ns = excluded.changed_ns, inode = excluded.inode,
        album_id = excluded.album_id, artist_id = excluded.artist_id, title = excluded.title,
        artist = excluded.artist, genres = excluded.genres, track = excluded.track,
        track_total = excluded.track_total, disc = excluded.disc, year = excluded.year,
        duration_ms = excluded.duration_ms, bitrate_kbps = excluded.bitrate_kbps,
        sample_rate_hz = excluded.sample_rate_hz, bit_depth = excluded.bit_depth, channels = excluded.channels,
        suffix = excluded.suffix, content_type = excluded.content_type, cover_path = excluded.cover_path,
        cover_offset = excluded.cover_offset, cover_count = excluded.cover_count, cover_type = excluded.cover_type
    RETURNING id";
const FIND_ARTIST: &str = "SELECT id FROM artists WHERE key = ?1";
const ADD_ARTIST: &str = "INSERT INTO artists (name, key, sort_name) VALUES (?1, ?2, ?3) RETURNING id";
const INDEX_ARTIST: &str = "INSERT INTO artist_words (rowid, name) VALUES (?1, ?2)";
const FIND_ALBUM: &str = "SELECT id FROM albums WHERE artist_id = ?1 AND key = ?2";
const ADD_ALBUM: &str =
    "INSERT INTO albums (artist_id, name, key, sort_name, created) VALUES (?1, ?2, ?3, ?4, ?5)
    RETURNING id";
const INDEX_ALBUM: &str = "INSERT INTO album_words (rowid, name, artist) VALUES (?1, ?2, ?3)";
const FIND_GENRE: &str = "SELECT id FROM genres WHERE key = ?1";
const ADD_GENRE: &str = "INSERT INTO genres (name, key) VALUES (?1, ?2) RETURNING id";
const FORGET_TRACK_GENRES: &str =
    "DELETE FROM track_genres WHERE track_id IN (SELECT value FROM json_each(?1))";
const ADD_TRACK_GENRES: &str = "INSERT OR IGNORE INTO track_genres (track_id, genre_id)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1)";

/// The artist of files that name none; the scan writes this name.
const NOBODY: &str = "[unknown artist]";

#[derive(FromRow)]
struct KnownRow {
    id: i64,
    path: String,
    length_bytes: i64,
    modified_ns: i64,
    changed_ns: i64,
    inode: i64,
    missing: bool,
    picture: Option<String>,
}

impl TryFrom<KnownRow> for Known {
    type Error = Error;

    fn try_from(row: KnownRow) -> Result<Known> {
        let stamp = Stamp {
            length: unsigned(row.length_bytes),
            modified_ns: row.modified_ns,
            changed_ns: row.changed_ns,
            // All 64 bits of an inode number are kept, in a column that is signed.
            inode: row.inode.cast_unsigned(),
        };
        let picture = row.picture.as_deref().map(rows::path).transpose()?;
        Ok(Known { id: TrackId(row.id), path: rows::path(&row.path)?, stamp, missing: row.missing, picture })
    }
}

/// What makes an album one: its artist and its name, so that the folders of a box set are one album.
///
/// Files without any artist are told apart by their folders too, because then the name is mostly the folder's, and
/// "CD 1" says nothing.
fn album_key(tags: &Tags, path: &RelPath) -> String {
    let key = fold::key(&tags.album);
    if fold::key(&tags.album_artist) != NOBODY {
        return key;
    }
    let folder = path.parent();
    format!("{key}\n{}", folder.as_ref().map_or("", RelPath::as_str))
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// One transaction of a scan, with the ids that it looked up; it lives as long as the batch.
struct Batch {
    tx: Write,
    folder: i64,
    now: UnixMs,
    artists: HashMap<String, i64>,
    albums: HashMap<(i64, String), i64>,
    genres: HashMap<String, i64>,
}

impl Batch {
    async fn artist(&mut self, name: &str) -> Result<i64> {
        let key = fold::key(name);
        if let Some(id) = self.artists.get(&key) {
            return Ok(*id);
        }
        let known: Option<i64> =
            sqlx::query_scalar(FIND_ARTIST).bind(&key).fetch_optional(&mut *self.tx).await?;
        let id = match known {
            Some(id) => id,
            None => {
                let added = sqlx::query_scalar(ADD_ARTIST).bind(name).bind(&key).bind(fold::sort_name(name));
                let id = added.fetch_one(&mut *self.tx).await?;
                sqlx::query(INDEX_ARTIST).bind(id).bind(name).execute(&mut *self.tx).await?;
                id
            }
        };
        self.artists.insert(key, id);
        Ok(id)
    }

    async fn album(&mut self, tags: &Tags, path: &RelPath) -> Result<i64> {
        let artist = self.artist(&tags.album_artist).await?;
        let key = (artist, album_key(tags, path));
        if let Some(id) = self.albums.get(&key) {
            return Ok(*id);
        }
        let found = sqlx::query_scalar(FIND_ALBUM).bind(artist).bind(&key.1);
        let known: Option<i64> = found.fetch_optional(&mut *self.tx).await?;
        let id = match known {
            Some(id) => id,
            None => {
                let added = sqlx::query_scalar(ADD_ALBUM)
                    .bind(artist)
                    .bind(&tags.album)
                    .bind(&key.1)
                    .bind(fold::sort_name(&tags.album))
                    .bind(self.now);
                let id = added.fetch_one(&mut *self.tx).await?;
                let words = sqlx::query(INDEX_ALBUM).bind(id).bind(&tags.album).bind(&tags.album_artist);
                words.execute(&mut *self.tx).await?;
                id
            }
        };
        self.albums.insert(key, id);
        Ok(id)
    }

    async fn genre(&mut self, name: &str) -> Result<i64> {
        let key = fold::key(name);
        if let Some(id) = self.genres.get(&key) {
            return Ok(*id);
        }
        let known: Option<i64> =
            sqlx::query_scalar(FIND_GENRE).bind(&key).fetch_optional(&mut *self.tx).await?;
        let id = match known {
            Some(id) => id,
            None => sqlx::query_scalar(ADD_GENRE).bind(name).bind(&key).fetch_one(&mut *self.tx).await?,
        };
        self.genres.insert(key, id);
        Ok(id)
    }

    /// Adds or replaces one track; gives its id and its album's.
    async fn track(&mut self, found: &Found) -> Result<(i64, i64)> {
        let Found { path, stamp, tags } = found;
        let album = self.album(tags, path).await?;
        let artist = self.artist(&tags.artist).await?;
        let cover = tags.cover.as_ref();
        let id = sqlx::query_scalar(RECORD)
            .bind(self.folder)
            .bind(path.as_str())
            .bind(signed(stamp.length))
            .bind(stamp.modified_ns)
            .bind(stamp.changed_ns)
            .bind(stamp.inode.cast_signed())
            .bind(album)
            .bind(artist)
            .bind(&tags.title)
            .bind(&tags.artist)
            .bind(tags.genres.join("\n"))
            .bind(tags.track)
            .bind(tags.track_total)
            .bind(tags.disc)
            .bind(tags.year)
            .bind(signed(tags.duration_ms))
            .bind(tags.bitrate_kbps)
            .bind(tags.sample_rate_hz)
            .bind(tags.bit_depth)
            .bind(tags.channels)
            .bind(&tags.suffix)
            .bind(tags.content_type)
            .bind(cover.map(|cover| cover.path.as_str()))
            .bind(cover.map(|cover| signed(cover.offset)))
            .bind(cover.and_then(|cover| cover.count).map(signed))
            .bind(cover.map(|cover| cover.content_type))
            .bind(self.now)
            .fetch_one(&mut *self.tx)
            .await?;
        Ok((id, album))
    }
}

impl Sqlite {
    /// Hides or shows tracks of a folder.
    async fn mark(&self, folder: FolderId, ids: &[TrackId], missing: bool) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = json_ids(&ids.iter().map(|id| id.0).collect::<Vec<_>>());
        let mut tx = self.write().await?;
        let albums: Vec<i64> =
            sqlx::query_scalar(ALBUMS_OF).bind(folder.0).bind(&ids).fetch_all(&mut *tx).await?;
        sqlx::query(MARK).bind(folder.0).bind(&ids).bind(missing).execute(&mut *tx).await?;
        totals::refresh(&mut tx, &albums).await?;
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }
}

#[async_trait]
impl Inventory for Sqlite {
    async fn known(&self, folder: FolderId, after: Option<&RelPath>, rows_max: usize) -> Result<Vec<Known>> {
        let after = after.map_or("", RelPath::as_str);
        let query = sqlx::query_as(KNOWN).bind(folder.0).bind(after).bind(limit(rows_max));
        rows::page::<KnownRow, _>(query, &self.readers).await
    }

    async fn record(&self, folder: FolderId, found: &[Found]) -> Result<()> {
        if found.is_empty() {
            return Ok(());
        }
        let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
        let paths = serde_json::to_string(&paths).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "paths could not be written as JSON").because(e)
        })?;
        let mut tx = self.write().await?;
        let old: Vec<i64> =
            sqlx::query_scalar(OLD_ALBUMS).bind(folder.0).bind(paths).fetch_all(&mut *tx).await?;
        let mut touched: BTreeSet<i64> = old.into_iter().collect();
        let (artists, albums, genres) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut batch = Batch { tx, folder: folder.0, now: now(), artists, albums, genres };
        let mut ids = Vec::with_capacity(found.len());
        let mut pairs = Vec::new();
        for file in found {
            let (id, album) = batch.track(file).await?;
            touched.insert(album);
            ids.push(id);
            for genre in &file.tags.genres {
                pairs.push([id, batch.genre(genre).await?]);
            }
        }
        let pairs = serde_json::to_string(&pairs).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "genres could not be written as JSON").because(e)
        })?;
        let mut tx = batch.tx;
        sqlx::query(FORGET_TRACK_GENRES).bind(json_ids(&ids)).execute(&mut *tx).await?;
        sqlx::query(ADD_TRACK_GENRES).bind(pairs).execute(&mut *tx).await?;
        totals::index_words(&mut tx, &ids).await?;
        totals::refresh(&mut tx, &touched.into_iter().collect::<Vec<_>>()).await?;
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn mark_missing(&self, folder: FolderId, ids: &[TrackId]) -> Result<()> {
        self.mark(folder, ids, true).await
    }

    async fn mark_present(&self, folder: FolderId, ids: &[TrackId]) -> Result<()> {
        self.mark(folder, ids, false).await
    }

    async fn follow_moves(&self, folder: FolderId) -> Result<()> {
        self.reunite_moved(folder).await
    }
}
