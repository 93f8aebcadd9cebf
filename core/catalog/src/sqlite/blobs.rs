//! Bytes that the store keeps: what refers to them, and what becomes of those that nothing refers to.
//!
//! Whoever takes a reference away calls [`release`] in the same transaction, and it asks the tables whether there is
//! another one: no count is kept, so none can be wrong.

use sqlx::FromRow;
use store::{BlobId, BlobKey, FileId, SpoolId, Suffix};

use super::columns::row;
use super::playing::Write;
use super::readers::Query;
use super::rows::{self, TrackRow, unsigned};
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::{Result, Scope, Sqlite, limit, now};
use crate::access::Viewer;
use crate::error::{Error, ErrorKind};
use crate::model::{BlobRow, DoomedBlob, MediaKind, Track, TrackId, UnixMs, UserId};
use crate::scan::{CONTENT_TYPES, COVER_TYPES};

/// The columns of a [`BlobTableRow`].
macro_rules! blob_rows {
    ($($rest:tt)*) => {
        concat!("SELECT b.id, b.key, b.length, b.suffix, b.content_type, b.created, b.bad FROM blobs b ", $($rest)*)
    };
}

const ONE: &str = blob_rows!("WHERE b.id = ?1");
pub(super) const TO_CHECK: &str = blob_rows!(
    "INDEXED BY blobs_by_check WHERE b.key IS NOT NULL AND b.checked < ?1 ORDER BY b.checked, b.id LIMIT 1"
);
pub(super) const AFTER: &str = blob_rows!("WHERE b.id > ?1 AND b.key IS NOT NULL ORDER BY b.id LIMIT ?2");
pub(super) const OWNED: &str = blob_rows!(
    "JOIN media m ON m.blob = b.id
    WHERE m.owner = ?1 AND b.id = ?2 AND b.key IS NOT NULL AND b.bad = 0"
);
pub(super) const LATEST_OF_OWNER: &str =
    "SELECT max(id) FROM tracks WHERE blob = ?2 AND owner = ?1 AND missing = 0";
// Two are enough to know that there is more than one.
pub(super) const BY_FILE_ID: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT b.id, b.key, b.length, b.suffix, b.content_type, b.created, b.bad FROM blobs b
    WHERE b.id BETWEEN ?4 AND ?5 AND b.key IS NOT NULL
        AND (EXISTS (SELECT 1 FROM media m WHERE m.blob = b.id AND m.owner = ?1)
            OR EXISTS (SELECT 1 FROM tracks t WHERE t.blob = b.id AND ",
    track_seen!(),
    ") OR EXISTS (SELECT 1 FROM tracks t WHERE t.cover_blob = b.id AND ",
    track_seen!(),
    "))
    ORDER BY b.id LIMIT 2"
);
pub(super) const TRACK_OF: &str = track_rows!(
    "SELECT t.id FROM tracks t INDEXED BY tracks_by_blob WHERE t.blob = ?4 AND ",
    track_seen!(),
    " ORDER BY t.id LIMIT 1"
);
const MARK: &str = "UPDATE blobs SET bad = ?2, checked = ?3 WHERE id = ?1";
pub(super) const REFERENCES: &str = "SELECT (SELECT count(*) FROM media WHERE blob = ?1)
    + (SELECT count(*) FROM tracks WHERE blob = ?1) + (SELECT count(*) FROM tracks WHERE cover_blob = ?1)
    + (SELECT count(*) FROM uploads WHERE blob = ?1 AND ended IS NULL)";
pub(super) const BYTES_OF_USER: &str =
    "SELECT (SELECT ifnull(sum(b.length), 0) FROM media m CROSS JOIN blobs b ON b.id = m.blob WHERE m.owner = ?1)
    + (SELECT ifnull(sum(length), 0) FROM uploads WHERE owner = ?1 AND ended IS NULL)";

pub(super) const RELEASE: &str = "DELETE FROM blobs WHERE id = ?1
    AND NOT EXISTS (SELECT 1 FROM media WHERE blob = ?1)
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE blob = ?1)
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE cover_blob = ?1)
    AND NOT EXISTS (SELECT 1 FROM uploads WHERE blob = ?1 AND ended IS NULL)
    RETURNING key, length, bad";
const DOOM: &str = "INSERT INTO doomed_blobs (key, id, length, doomed, bad) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (key) DO NOTHING";
// Nothing may rely on the key: no row has it, and where it is the hash itself, no row of that hash is on its way to it.
const DOOM_UNWANTED: &str = "INSERT INTO doomed_blobs (key, id, length, doomed)
    SELECT ?1, ?2, ?3, ?4
    WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE key = ?1) AND NOT EXISTS (SELECT 1 FROM blobs WHERE id = ?5)
    ON CONFLICT (key) DO NOTHING";
// Sound and video are their owner's while a track of his plays them.
const DISOWN_SOUND: &str = "DELETE FROM media WHERE blob = ?1 AND owner = ?2
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE blob = ?1 AND owner = ?2)
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE cover_blob = ?1 AND owner = ?2)";
// A picture may be shown by a track that has no owner, or another one.
const DISOWN_PICTURE: &str = "DELETE FROM media WHERE blob = ?1 AND owner = ?2
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE cover_blob = ?1)";
// Whatever kind it is, no track may need it, and its owner may not have had it before.
const TAKE: &str = "DELETE FROM media WHERE owner = ?1 AND blob = ?2 AND created >= ?3
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE blob = ?2 AND owner = ?1)
    AND NOT EXISTS (SELECT 1 FROM tracks WHERE cover_blob = ?2)";

pub(super) const OLDEST_DOOMED: &str =
    "SELECT key, doomed, length IS NOT NULL AS is_known FROM doomed_blobs INDEXED BY doomed_blobs_by_age
    WHERE (doomed, key) > (?1, ?2) ORDER BY doomed, key LIMIT ?3";
const TAKE_DOOMED: &str = "UPDATE doomed_blobs SET removing = 1 WHERE key = ?1";
const STAYS: &str = "UPDATE doomed_blobs SET doomed = max(?2, doomed + 1) WHERE key = ?1";
const GONE: &str = "DELETE FROM doomed_blobs WHERE key = ?1";
const DOOM_UNKNOWN: &str = "INSERT INTO doomed_blobs (key, id, length, doomed)
    SELECT ?1, ?2, NULL, ?3
    WHERE NOT EXISTS (SELECT 1 FROM blobs WHERE key = ?1) AND NOT EXISTS (SELECT 1 FROM blobs WHERE id = ?2)
        AND NOT EXISTS (SELECT 1 FROM uploads WHERE id = ?4 AND ended IS NULL)
    ON CONFLICT (key) DO NOTHING";

row! {
    struct DoomedRow {
        key: String,
        doomed: i64,
        is_known: bool,
    }
}

row! {
    #[derive(FromRow)]
    pub(super) struct BlobTableRow {
        id: Vec<u8>,
        key: Option<String>,
        length: i64,
        suffix: String,
        content_type: String,
        created: i64,
        bad: bool,
    }
}

impl TryFrom<BlobTableRow> for BlobRow {
    type Error = Error;

    fn try_from(row: BlobTableRow) -> Result<BlobRow> {
        let content_type = media_type(&row.content_type);
        Ok(BlobRow {
            id: rows::digest(&row.id)?,
            key: row.key.as_deref().map(rows::key).transpose()?,
            length: unsigned(row.length),
            suffix: suffix(&row.suffix)?,
            content_type,
            kind: MediaKind::of(content_type),
            created: row.created,
            bad: row.bad,
        })
    }
}

/// The constant of a media type of sound, video or a picture.
pub(super) fn media_type(text: &str) -> &'static str {
    match MediaKind::of(text) {
        MediaKind::Image => rows::media_type(text, &COVER_TYPES),
        MediaKind::Audio | MediaKind::Video => rows::media_type(text, &CONTENT_TYPES),
    }
}

pub(super) fn suffix(text: &str) -> Result<Suffix> {
    Suffix::parse(text)
        .map_err(|e| Error::new(ErrorKind::Unavailable, "a suffix in the database is none").because(e))
}

/// The blob of that hash.
pub(super) async fn find(tx: &mut Write, id: BlobId) -> Result<Option<BlobRow>> {
    let found: Option<BlobTableRow> =
        sqlx::query_as(ONE).bind(&id.as_bytes()[..]).fetch_optional(&mut **tx).await?;
    found.map(BlobRow::try_from).transpose()
}

/// Removes the rows of those of these blobs that nothing refers to, and dooms their bytes; gives their keys.
pub(super) async fn release(tx: &mut Write, ids: &[BlobId]) -> Result<Vec<BlobKey>> {
    let mut doomed = Vec::new();
    for id in ids {
        let gone: Option<(Option<String>, i64, bool)> =
            sqlx::query_as(RELEASE).bind(&id.as_bytes()[..]).fetch_optional(&mut **tx).await?;
        if let Some((Some(key), length, bad)) = gone {
            let key = rows::key(&key)?;
            doom(tx, &key, Some(*id), length, bad).await?;
            doomed.push(key);
        }
    }
    Ok(doomed)
}

/// Dooms bytes under a key. With their hash, they can be called back while nobody has begun to remove them; `bad` ones
/// are to be written anew then.
pub(super) async fn doom(
    tx: &mut Write,
    key: &BlobKey,
    id: Option<BlobId>,
    length: i64,
    bad: bool,
) -> Result<()> {
    let id = id.as_ref().map(|id| &id.as_bytes()[..]);
    let query = sqlx::query(DOOM).bind(key.as_str()).bind(id).bind(length).bind(now()).bind(bad);
    query.execute(&mut **tx).await?;
    Ok(())
}

/// Takes the bytes of a track that went from its owner, if it was the last of his tracks that plays them.
pub(super) async fn disown_sound(tx: &mut Write, id: BlobId, owner: Option<UserId>) -> Result<()> {
    let Some(owner) = owner else { return Ok(()) };
    sqlx::query(DISOWN_SOUND).bind(&id.as_bytes()[..]).bind(owner.0).execute(&mut **tx).await?;
    Ok(())
}

/// Takes a picture from these users, if no track shows it any more.
pub(super) async fn disown_picture(tx: &mut Write, id: BlobId, owners: &[UserId]) -> Result<()> {
    for owner in owners {
        sqlx::query(DISOWN_PICTURE).bind(&id.as_bytes()[..]).bind(owner.0).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The upload that a key is made of, if it is one: its last part is the id, as digits alone or as a UUID.
fn upload_in(key: &BlobKey) -> Option<SpoolId> {
    let name = key.as_str().rsplit('/').next()?;
    let digits = name.split('.').next()?.replace('-', "");
    digits.parse().ok()
}

impl Sqlite {
    pub(super) async fn one_blob(&self, id: BlobId) -> Result<BlobRow> {
        self.readers.noun::<BlobTableRow, _>(Query::new(ONE).bind(id.as_bytes().to_vec()), "blob").await
    }

    pub(super) async fn blobs_after(&self, after: Option<BlobId>, rows_max: usize) -> Result<Vec<BlobRow>> {
        let after = after.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        let found: Vec<BlobTableRow> =
            self.readers.all(Query::new(AFTER).bind(after).bind(limit(rows_max))).await?;
        rows::all(found)
    }

    pub(super) async fn blob_of_owner(
        &self,
        owner: UserId,
        id: BlobId,
    ) -> Result<Option<(BlobRow, Option<TrackId>)>> {
        let bytes = id.as_bytes().to_vec();
        let found: Option<BlobTableRow> =
            self.readers.optional(Query::new(OWNED).bind(owner.0).bind(bytes.clone())).await?;
        let Some(row) = found.map(BlobRow::try_from).transpose()? else { return Ok(None) };
        let track: Option<i64> =
            self.readers.one(Query::new(LATEST_OF_OWNER).bind(owner.0).bind(bytes)).await?;
        Ok(Some((row, track.map(TrackId))))
    }

    pub(super) async fn blob_seen(&self, viewer: &Viewer, id: FileId) -> Result<(BlobRow, Option<Track>)> {
        let scope = Scope::of(viewer);
        let (first, last) = id.range();
        let query = scope.query(BY_FILE_ID);
        let query = query.bind(first.as_bytes().to_vec()).bind(last.as_bytes().to_vec());
        let found: Vec<BlobRow> = rows::all(self.readers.all::<BlobTableRow>(query).await?)?;
        let mut found = found.into_iter();
        let row = match (found.next(), found.next()) {
            (Some(row), None) => row,
            (Some(_), Some(_)) => {
                return Err(Error::new(ErrorKind::Ambiguous, "more than one file has an id that begins so"));
            }
            (None, _) => return Err(Error::not_found("file")),
        };
        let query = scope.query(TRACK_OF).bind(row.id.as_bytes().to_vec());
        let track = self.readers.optional::<TrackRow>(query).await?.map(Track::try_from).transpose()?;
        Ok((row, track))
    }

    pub(super) async fn mark_blob(&self, id: BlobId, bad: bool) -> Result<()> {
        let mut tx = self.write().await?;
        let done = sqlx::query(MARK).bind(&id.as_bytes()[..]).bind(bad).bind(now()).execute(&mut *tx).await?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found("blob"));
        }
        tx.commit().await
    }

    pub(super) async fn count_references(&self, id: BlobId) -> Result<u64> {
        let query = Query::new(REFERENCES).bind(id.as_bytes().to_vec());
        Ok(unsigned(self.readers.one(query).await?))
    }

    pub(super) async fn count_bytes(&self, owner: UserId) -> Result<u64> {
        Ok(unsigned(self.readers.one(Query::new(BYTES_OF_USER).bind(owner.0)).await?))
    }

    pub(super) async fn take_media(&self, owner: UserId, id: BlobId, since: UnixMs) -> Result<bool> {
        let mut tx = self.write().await?;
        let query = sqlx::query(TAKE).bind(owner.0).bind(&id.as_bytes()[..]).bind(since);
        if query.execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        release(&mut tx, &[id]).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub(super) async fn oldest_doomed(
        &self,
        after: Option<&DoomedBlob>,
        rows_max: usize,
    ) -> Result<Vec<DoomedBlob>> {
        let (doomed, key) = after.map_or((i64::MIN, ""), |after| (after.doomed, after.key.as_str()));
        let query = Query::new(OLDEST_DOOMED).bind(doomed).bind(key.to_owned()).bind(limit(rows_max));
        let found: Vec<DoomedRow> = self.readers.all(query).await?;
        let blob = |row: DoomedRow| {
            Ok(DoomedBlob { key: rows::key(&row.key)?, doomed: row.doomed, is_known: row.is_known })
        };
        found.into_iter().map(blob).collect()
    }

    pub(super) async fn take_doomed(&self, key: &BlobKey) -> Result<bool> {
        let mut tx = self.write().await?;
        let done = sqlx::query(TAKE_DOOMED).bind(key.as_str()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn put_doomed_last(&self, key: &BlobKey) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query(STAYS).bind(key.as_str()).bind(now()).execute(&mut *tx).await?;
        tx.commit().await
    }

    pub(super) async fn doom_one(&self, key: &BlobKey, id: BlobId, length: u64) -> Result<bool> {
        let mut tx = self.write().await?;
        let bytes = &id.as_bytes()[..];
        let done = sqlx::query(DOOM_UNWANTED)
            .bind(key.as_str())
            .bind(bytes)
            .bind(i64::try_from(length).unwrap_or(i64::MAX))
            .bind(now())
            .bind((BlobKey::of_digest(&id) == *key).then_some(bytes))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    pub(super) async fn next_to_check(&self, before: UnixMs) -> Result<Option<BlobRow>> {
        let found: Option<BlobTableRow> = self.readers.optional(Query::new(TO_CHECK).bind(before)).await?;
        found.map(BlobRow::try_from).transpose()
    }

    pub(super) async fn forget_doomed(&self, key: &BlobKey) -> Result<()> {
        let mut tx = self.write().await?;
        sqlx::query(GONE).bind(key.as_str()).execute(&mut *tx).await?;
        tx.commit().await
    }

    pub(super) async fn doom_keys(&self, keys: &[BlobKey]) -> Result<u64> {
        let mut tx = self.write().await?;
        let mut doomed = 0;
        for key in keys {
            // An upload may be on its way to this key: one that is its hash, or one that is made of its own id.
            let id = key.as_str().parse::<BlobId>().ok();
            let upload = upload_in(key);
            let query = sqlx::query(DOOM_UNKNOWN).bind(key.as_str());
            let query = query.bind(id.as_ref().map(|id| &id.as_bytes()[..])).bind(now());
            let query = query.bind(upload.as_ref().map(|id| &id.as_bytes()[..]));
            doomed += query.execute(&mut *tx).await?.rows_affected();
        }
        tx.commit().await?;
        Ok(doomed)
    }
}
