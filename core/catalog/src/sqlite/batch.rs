//! Tracks written in one transaction: with their albums, artists, genres, search words and totals.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use sqlx::FromRow;
use store::{FolderId, RelPath};

use super::credits::AlbumKey;
use super::heirs::{Heirs, Home};
use super::library::TICK;
use super::playing::Write;
use super::spellings::Spellings;
use super::{Result, json_ids, now, totals};
use crate::error::{Error, ErrorKind};
use crate::fold;
use crate::model::{CoverMark, UPLOADS, UnixMs};
use crate::scan::{Found, Tags};

const HOMES: &str = "SELECT t.path, t.album_id, t.artist_id, al.artist_id AS album_artist_id
    FROM json_each(?2) j CROSS JOIN tracks t ON t.library_id = ?1 AND t.path = j.value
    CROSS JOIN albums al ON al.id = t.album_id";
pub(super) const RENAMED: &str = "SELECT path, artist_set, album_set FROM tracks INDEXED BY tracks_renamed
    WHERE library_id = ?1 AND path IN (SELECT value FROM json_each(?2))
        AND (artist_set IS NOT NULL OR album_set IS NOT NULL)";
/// The length that a look at a video told stays while its file does.
const RECORD: &str = "INSERT INTO tracks (library_id, path, length_bytes, modified_ns, changed_ns, inode, album_id,
        artist_id, title, artist, genres, track, track_total, disc, year, duration_ms, bitrate_kbps, sample_rate_hz,
        bit_depth, channels, suffix, content_type, cover_path, cover_offset, cover_count, cover_type, created, disc_title, release,
        details, audio_md5, cover_mark, came)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
        ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, (SELECT scan_began FROM library_clock))
    ON CONFLICT (library_id, path) DO UPDATE SET missing = 0, length_bytes = excluded.length_bytes,
        modified_ns = excluded.modified_ns, changed_ns = excluded.changed_ns, inode = excluded.inode,
        album_id = excluded.album_id, artist_id = excluded.artist_id, title = excluded.title,
        artist = excluded.artist, genres = excluded.genres, track = excluded.track,
        track_total = excluded.track_total, disc = excluded.disc, year = excluded.year,
        duration_ms = ifnull((SELECT f.duration_ms FROM video_facts f WHERE f.track = tracks.id
            AND (tracks.length_bytes, tracks.modified_ns, tracks.changed_ns, tracks.inode)
                IS (excluded.length_bytes, excluded.modified_ns, excluded.changed_ns, excluded.inode)),
            excluded.duration_ms), bitrate_kbps = excluded.bitrate_kbps,
        sample_rate_hz = excluded.sample_rate_hz, bit_depth = excluded.bit_depth, channels = excluded.channels,
        suffix = excluded.suffix, content_type = excluded.content_type, cover_path = excluded.cover_path,
        cover_offset = excluded.cover_offset, cover_count = excluded.cover_count, cover_type = excluded.cover_type,
        disc_title = excluded.disc_title, release = excluded.release, details = excluded.details,
        audio_md5 = excluded.audio_md5, cover_mark = excluded.cover_mark
    RETURNING id";
// What this scan recorded under another name may be a private song's file: then it is private too, from the first moment on.
pub(super) const HIDE: &str = "UPDATE tracks SET (owner, private) = (SELECT k.owner, 1
        FROM tracks k INDEXED BY tracks_private_files WHERE k.private = 1
            AND k.library_id = tracks.library_id AND k.inode = tracks.inode
            AND k.length_bytes = tracks.length_bytes AND k.modified_ns = tracks.modified_ns)
    WHERE id IN (SELECT n.id FROM json_each(?2) j CROSS JOIN tracks n ON n.id = j.value
        CROSS JOIN tracks k INDEXED BY tracks_private_files ON k.library_id = ?1 AND k.inode = n.inode
        WHERE n.library_id = ?1 AND n.private = 0 AND n.inode <> 0 AND k.private = 1
            AND n.id > (SELECT settled FROM libraries WHERE id = ?1)
            AND k.length_bytes = n.length_bytes AND k.modified_ns = n.modified_ns)";
const FIND_GENRE: &str = "SELECT id FROM genres WHERE key = ?1";
const ADD_GENRE: &str = "INSERT INTO genres (name, key) VALUES (?1, ?2) RETURNING id";
const FORGET_TRACK_GENRES: &str =
    "DELETE FROM track_genres WHERE track_id IN (SELECT value FROM json_each(?1))";
const FORGET_CREDITS: &str = "DELETE FROM track_credits WHERE track_id IN (SELECT value FROM json_each(?1))";
const ADD_CREDITS: &str = "INSERT OR IGNORE INTO track_credits (artist_id, role, track_id)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1)";
const ADD_TRACK_GENRES: &str = "INSERT OR IGNORE INTO track_genres (track_id, genre_id)
    SELECT value ->> 0, value ->> 1 FROM json_each(?1)";

/// Where a file comes from: its folder.
pub(super) fn folder_of(path: &RelPath) -> String {
    path.parent().map_or_else(String::new, |folder| folder.as_str().to_owned())
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[derive(FromRow)]
struct HomeRow {
    path: String,
    album_id: i64,
    artist_id: i64,
    album_artist_id: i64,
}

#[derive(FromRow)]
struct RenamedRow {
    path: String,
    artist_set: Option<String>,
    album_set: Option<String>,
}

/// What a user called artist and album of a track.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    pub(super) artist: Option<String>,
    pub(super) album: Option<String>,
}

impl Names {
    /// The tags with these names in the place of their own. Where the album's artist was the track's, it stays so.
    pub(super) fn over<'t>(&self, tags: &'t Tags) -> Cow<'t, Tags> {
        let mut tags = Cow::Borrowed(tags);
        if let Some(artist) = &self.artist {
            let tags = tags.to_mut();
            if fold::key(&tags.album_artist) == fold::key(&tags.artist) {
                tags.album_artist.clone_from(artist);
            }
            tags.artist.clone_from(artist);
            tags.details.artists.clear();
            tags.details.album_artists.clear();
        }
        if let Some(album) = &self.album {
            let tags = tags.to_mut();
            tags.album.clone_from(album);
            tags.details.release.musicbrainz = None;
        }
        tags
    }
}

/// One transaction, with the ids that it looked up and the albums that it touched.
pub(super) struct Batch<'t> {
    pub(super) tx: &'t mut Write,
    pub(super) folder: i64,
    pub(super) now: UnixMs,
    pub(super) artists: HashMap<String, i64>,
    pub(super) albums: HashMap<AlbumKey, i64>,
    pub(super) spellings: Spellings,
    genres: HashMap<String, i64>,
    /// By path.
    renamed: HashMap<String, Names>,
    /// Whose the tracks were before, by path.
    homes: HashMap<String, Home>,
    heirs: Heirs,
    touched: BTreeSet<i64>,
    pub(super) tracks: Vec<i64>,
    track_genres: Vec<[i64; 2]>,
    /// Artist, role, track.
    credits: Vec<[i64; 3]>,
}

impl<'t> Batch<'t> {
    pub(super) fn begin(tx: &'t mut Write, folder: FolderId) -> Self {
        Batch {
            tx,
            folder: folder.0,
            now: now(),
            artists: HashMap::new(),
            albums: HashMap::new(),
            spellings: Spellings::default(),
            genres: HashMap::new(),
            renamed: HashMap::new(),
            homes: HashMap::new(),
            heirs: Heirs::default(),
            touched: BTreeSet::new(),
            tracks: Vec::new(),
            track_genres: Vec::new(),
            credits: Vec::new(),
        }
    }

    /// Takes note of albums that lose tracks.
    pub(super) fn touch(&mut self, albums: &BTreeSet<i64>) {
        self.touched.extend(albums);
    }

    /// Looks up what the catalog has of these files already: their albums, and the names that users gave.
    pub(super) async fn remember(&mut self, found: &[Found]) -> Result<()> {
        let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
        let paths = serde_json::to_string(&paths).map_err(|e| {
            Error::new(ErrorKind::Unavailable, "paths could not be written as JSON").because(e)
        })?;
        let homes: Vec<HomeRow> =
            sqlx::query_as(HOMES).bind(self.folder).bind(&paths).fetch_all(&mut **self.tx).await?;
        self.touched.extend(homes.iter().map(|row| row.album_id));
        let home = |row: &HomeRow| Home {
            album: row.album_id,
            artist: row.artist_id,
            album_artist: row.album_artist_id,
        };
        self.homes = homes.iter().map(|row| (row.path.clone(), home(row))).collect();
        let renamed: Vec<RenamedRow> =
            sqlx::query_as(RENAMED).bind(self.folder).bind(&paths).fetch_all(&mut **self.tx).await?;
        let names = |row: RenamedRow| (row.path, Names { artist: row.artist_set, album: row.album_set });
        self.renamed = renamed.into_iter().map(names).collect();
        Ok(())
    }

    async fn genre(&mut self, name: &str) -> Result<i64> {
        let key = fold::key(name);
        if let Some(id) = self.genres.get(&key) {
            return Ok(*id);
        }
        let known: Option<i64> =
            sqlx::query_scalar(FIND_GENRE).bind(&key).fetch_optional(&mut **self.tx).await?;
        let id = match known {
            Some(id) => id,
            None => sqlx::query_scalar(ADD_GENRE).bind(name).bind(&key).fetch_one(&mut **self.tx).await?,
        };
        self.genres.insert(key, id);
        Ok(id)
    }

    /// Adds or replaces one track of a folder.
    pub(super) async fn add(&mut self, found: &Found) -> Result<()> {
        let names = self.renamed.remove(found.path.as_str()).unwrap_or_default();
        let tags = names.over(&found.tags);
        self.track(found, &tags, &folder_of(&found.path)).await?;
        Ok(())
    }

    /// Adds or replaces a track that comes from `place`, with these tags instead of the file's; gives its id.
    pub(super) async fn track(&mut self, found: &Found, tags: &Tags, place: &str) -> Result<i64> {
        let Found { path, stamp, .. } = found;
        let details = &tags.details;
        let credits = self.credits(tags).await?;
        let artist = credits.artist;
        // What was sent is in nobody's way: its release is not what makes it part of an album.
        let release = details.release.musicbrainz.as_deref().filter(|_| self.folder != UPLOADS.0);
        let album = self.album(&credits.album_artist, &tags.album, place, release).await?;
        if let Some(old) = self.homes.remove(path.as_str()) {
            self.heirs.note(old, Home { album, artist, album_artist: credits.album_artist.id.0 });
        }
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
            .bind(&details.disc_title)
            .bind(credits.release.text())
            .bind(credits.details.text())
            .bind(details.audio_md5.as_ref().map(|md5| &md5[..]))
            .bind(cover.and_then(|cover| cover.mark).unwrap_or_else(|| CoverMark::of(stamp)).0)
            .fetch_one(&mut **self.tx)
            .await?;
        self.credits
            .extend(credits.others.into_iter().map(|(artist, part)| [artist, i64::from(u8::from(part)), id]));
        self.touched.insert(album);
        self.tracks.push(id);
        for genre in &tags.genres {
            let genre = self.genre(genre).await?;
            self.track_genres.push([id, genre]);
        }
        Ok(id)
    }

    /// Writes what follows from the tracks, and gives their ids, in the order in which they came; the transaction is still to
    /// be committed.
    pub(super) async fn finish(mut self) -> Result<Vec<i64>> {
        let unwritable =
            |e| Error::new(ErrorKind::Unavailable, "numbers could not be written as JSON").because(e);
        let pairs = serde_json::to_string(&self.track_genres).map_err(unwritable)?;
        let credits = serde_json::to_string(&self.credits).map_err(unwritable)?;
        let tx = self.tx;
        sqlx::query(HIDE).bind(self.folder).bind(json_ids(&self.tracks)).execute(&mut **tx).await?;
        sqlx::query(FORGET_TRACK_GENRES).bind(json_ids(&self.tracks)).execute(&mut **tx).await?;
        sqlx::query(ADD_TRACK_GENRES).bind(pairs).execute(&mut **tx).await?;
        sqlx::query(FORGET_CREDITS).bind(json_ids(&self.tracks)).execute(&mut **tx).await?;
        sqlx::query(ADD_CREDITS).bind(credits).execute(&mut **tx).await?;
        self.spellings.name_albums(tx, &self.tracks).await?;
        totals::index_words(tx, &self.tracks).await?;
        totals::refresh(tx, &self.touched.into_iter().collect::<Vec<_>>()).await?;
        self.spellings.name_artists(tx, &self.tracks).await?;
        self.heirs.inherit(tx).await?;
        sqlx::query(TICK).bind(now()).execute(&mut **tx).await?;
        Ok(self.tracks)
    }
}
