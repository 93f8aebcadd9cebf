//! Instrumentals as rows of `tracks`, so that they are listed, found, starred and played like any song. Triggers say which
//! of them are stale, and whatever transaction made them so makes them right before it ends.

use sqlx::FromRow;
use store::{FolderId, RenditionKey, Stamp};

use super::batch::Batch;
use super::changes;
use super::library::TICK;
use super::playing::Write;
use super::rows::{path, small, unsigned};
use super::{Result, now, totals};
use crate::error::{Error, ErrorKind};
use crate::model::instrumentals::{path_of, twin_of};
use crate::scan::{Details, Found, Tags};

/// A song, and the accompaniment of its last set that has one.
const STALE: &str = "SELECT i.song, i.track AS own, p.album_id AS old_album, t.library_id, t.path,
        ifnull(t.title_set, t.title) AS title, t.artist, al.name AS album, ar.name AS album_artist, t.genres, t.track,
        t.track_total, t.disc, t.year, t.missing,
        (SELECT json_array(hex(f.key), f.length_bytes, s.samples, s.created)
            FROM stem_sets s CROSS JOIN stem_files f ON f.set_id = s.id AND f.stem = 'accompaniment'
            WHERE s.track = t.id AND s.instrumental = 1 ORDER BY s.created DESC, s.id DESC LIMIT 1) AS made
    FROM instrumentals i INDEXED BY instrumentals_stale
    LEFT JOIN tracks p ON p.id = i.track
    LEFT JOIN tracks t ON t.id = i.song
    LEFT JOIN albums al ON al.id = t.album_id
    LEFT JOIN artists ar ON ar.id = al.artist_id
    WHERE i.stale = 1 LIMIT 100";
const FORGET: &str = "DELETE FROM instrumentals WHERE song = ?1";
/// It keeps its id when its path changes with its bytes.
const MOVE: &str = "UPDATE tracks SET library_id = ?2, path = ?3 WHERE id = ?1";
const DRESS: &str =
    "UPDATE tracks SET (owner, private, cover_path, cover_offset, cover_count, cover_type, cover_blob, cover_mark)
        = (SELECT s.owner, s.private, s.cover_path, s.cover_offset, s.cover_count, s.cover_type, s.cover_blob,
                s.cover_mark FROM tracks s WHERE s.id = ?2)
    WHERE id = ?1";
const HIDE: &str = "UPDATE tracks SET missing = 1 WHERE id = ?1";
const SETTLED: &str = "UPDATE instrumentals SET track = ?2, stale = 0 WHERE song = ?1";

#[derive(FromRow)]
struct StaleRow {
    song: i64,
    own: Option<i64>,
    old_album: Option<i64>,
    // Of the song, as long as there is one.
    library_id: Option<i64>,
    path: Option<String>,
    title: Option<String>,
    artist: Option<String>,
    album: Option<String>,
    album_artist: Option<String>,
    genres: Option<String>,
    track: Option<i64>,
    track_total: Option<i64>,
    disc: Option<i64>,
    year: Option<i64>,
    missing: Option<bool>,
    /// Key, length, samples and time of the accompaniment.
    made: Option<String>,
}

/// What becomes of an instrumental.
enum Wanted {
    /// It is this, in that library.
    Song(FolderId, Box<Found>),
    /// Its song or its stems are not there now, and may come back.
    Hidden,
    /// It goes with its song.
    Nothing,
}

impl StaleRow {
    fn wanted(&self) -> Result<Wanted> {
        let (Some(library), Some(song)) = (self.library_id, &self.path) else { return Ok(Wanted::Nothing) };
        let Some(made) = self.made.as_ref().filter(|_| self.missing != Some(true)) else {
            return Ok(Wanted::Hidden);
        };
        let damaged = |e| Error::new(ErrorKind::Unavailable, "an accompaniment is none").because(e);
        let (key, length, samples, created): (String, u64, u64, i64) =
            serde_json::from_str(made).map_err(damaged)?;
        let key: RenditionKey = key
            .to_ascii_lowercase()
            .parse()
            .map_err(|_| Error::new(ErrorKind::Unavailable, "the key of an accompaniment is none"))?;
        let Some(path) = path_of(&key, &path(song)?) else { return Ok(Wanted::Nothing) };
        let stamp = Stamp { length, modified_ns: created.saturating_mul(1_000_000), changed_ns: 0, inode: 0 };
        let found = Found { path, stamp, tags: self.tags(samples) };
        Ok(Wanted::Song(twin_of(FolderId(library)), Box::new(found)))
    }

    fn tags(&self, samples: u64) -> Tags {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Tags {
            title: format!("{} (Instrumental)", text(&self.title)),
            album: format!("{} (Instrumentals)", text(&self.album)),
            artist: text(&self.artist),
            album_artist: text(&self.album_artist),
            genres: self.genres.iter().flat_map(|genres| genres.lines()).map(str::to_owned).collect(),
            track: self.track.map(small),
            track_total: self.track_total.map(small),
            disc: self.disc.map(small),
            year: self.year.map(small),
            duration_ms: unsigned((samples.saturating_mul(1_000) / RATE_HZ).try_into().unwrap_or(0)),
            bitrate_kbps: 1_411,
            sample_rate_hz: RATE_HZ as u32,
            bit_depth: Some(16),
            channels: 2,
            suffix: "wav".to_owned(),
            content_type: "audio/wav",
            cover: None,
            details: Details::default(),
        }
    }
}

/// Of every stem.
const RATE_HZ: u64 = 44_100;

/// Makes all instrumentals right of which something changed.
pub(super) async fn settle(tx: &mut Write) -> Result<()> {
    loop {
        let stale: Vec<StaleRow> = sqlx::query_as(STALE).fetch_all(&mut **tx).await?;
        if stale.is_empty() {
            return Ok(());
        }
        for row in stale {
            match row.wanted()? {
                Wanted::Song(library, found) => put(tx, &row, library, &found).await?,
                Wanted::Hidden => hide(tx, &row).await?,
                Wanted::Nothing => remove(tx, &row).await?,
            }
        }
        sqlx::query(TICK).bind(now()).execute(&mut **tx).await?;
    }
}

async fn put(tx: &mut Write, row: &StaleRow, library: FolderId, found: &Found) -> Result<()> {
    if let Some(id) = row.own {
        let query = sqlx::query(MOVE).bind(id).bind(library.0).bind(found.path.as_str());
        query.execute(&mut **tx).await?;
    }
    let mut batch = Batch::begin(tx, library);
    batch.remember(std::slice::from_ref(found)).await?;
    // Not by its folder, which has the key of its bytes: songs of one album stay one album.
    let id = batch.track(found, &found.tags, "instrumentals").await?;
    sqlx::query(DRESS).bind(id).bind(row.song).execute(&mut **batch.tx).await?;
    batch.finish().await?;
    sqlx::query(SETTLED).bind(row.song).bind(id).execute(&mut **tx).await?;
    Ok(())
}

/// It keeps its id and all that is known of it.
async fn hide(tx: &mut Write, row: &StaleRow) -> Result<()> {
    if let (Some(id), Some(album)) = (row.own, row.old_album) {
        sqlx::query(HIDE).bind(id).execute(&mut **tx).await?;
        totals::refresh(tx, &[album]).await?;
    }
    sqlx::query(SETTLED).bind(row.song).bind(row.own).execute(&mut **tx).await?;
    Ok(())
}

async fn remove(tx: &mut Write, row: &StaleRow) -> Result<()> {
    sqlx::query(FORGET).bind(row.song).execute(&mut **tx).await?;
    if let (Some(id), Some(album)) = (row.own, row.old_album) {
        changes::remove(tx, id).await?;
        totals::refresh(tx, &[album]).await?;
    }
    Ok(())
}
