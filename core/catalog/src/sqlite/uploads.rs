//! Uploads: their rows, and the two transactions that turn bytes into a track.

use async_trait::async_trait;
use budget::limits::{
    TAG_TEXT_BYTES_MAX, UPLOAD_CONCAT_BYTES_MAX, UPLOAD_METADATA_BYTES_MAX, UPLOAD_WORDS_MAX,
    UPLOADS_REMEMBERED_MAX,
};
use sqlx::FromRow;
use store::{BlobId, BlobKey, FileId, FolderId, SpoolId, Stamp};

use super::batch::Batch;
use super::columns::row;
use super::line::{Done, Job};
use super::playing::Write;
use super::readers::Query;
use super::rows::{self, unsigned};
use super::{Result, Sqlite, blobs, limit, now};
use crate::access::Viewer;
use crate::database::Uploads;
use crate::error::{Error, ErrorKind};
use crate::model::{
    Asked, Begun, BlobRow, DoomedBlob, MediaKind, Phase, Track, TrackId, UPLOADS, UnixMs, UploadChange,
    UploadId, UploadRow, UserId,
};
use crate::scan::{CONTENT_TYPES, COVER_TYPES, Found, Tags};

mod commit;

#[cfg(test)]
pub(super) use commit::COMING;
pub(super) use commit::{OWN, PICTURE, begin, commit, place_of};

/// Columns in the order of [`UploadTableRow`].
macro_rules! upload_rows {
    ($($rest:tt)*) => {
        concat!(
            "SELECT id, owner, phase, is_part, length, metadata, filename, title, artist, album, features, tags, sha256,
                image, created, expires, blob, track, failure, suffix, content_type FROM uploads ", $($rest)*
        )
    };
}

const ADD: &str = "INSERT INTO uploads (id, owner, phase, is_part, length, metadata, filename, title, artist, album,
        features, tags, sha256, image, created, expires, blob, track, failure, suffix, content_type, ended)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)";
const ONE: &str = upload_rows!("WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)");
pub(super) const OF_OWNER: &str =
    upload_rows!("INDEXED BY uploads_by_owner WHERE owner = ?1 ORDER BY created DESC, id LIMIT ?2");
pub(super) const OPEN: &str =
    upload_rows!("INDEXED BY uploads_open WHERE ended IS NULL AND id > ?1 ORDER BY id LIMIT ?2");
pub(super) const COUNT_OPEN: &str =
    "SELECT count(*) FROM uploads INDEXED BY uploads_open_by_owner WHERE owner = ?1 AND ended IS NULL";
pub(super) const EXPIRED: &str = upload_rows!(
    "INDEXED BY uploads_expiring WHERE phase = 'receiving' AND expires <= ?1 ORDER BY expires, id LIMIT ?2"
);
const CHANGE: &str = "UPDATE uploads SET phase = ?2, length = ?3, expires = ?4, suffix = ?5, content_type = ?6,
        failure = ?7, filename = ?8, title = ?9, artist = ?10, album = ?11, features = ?12, tags = ?13, sha256 = ?14,
        image = ?15, blob = ?16, ended = ?17 WHERE id = ?1";
pub(super) const FORGET: &str =
    "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads INDEXED BY uploads_ended
    WHERE ended IS NOT NULL AND ended < ?1 ORDER BY ended, id LIMIT ?2)";
pub(super) const FORGET_OVERFLOW: &str =
    "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads INDEXED BY uploads_ended_by_owner
    WHERE owner = ?1 AND ended IS NOT NULL ORDER BY created DESC, id LIMIT -1 OFFSET ?2)";

row! {
    #[derive(FromRow)]
    struct UploadTableRow {
        id: Vec<u8>,
        owner: i64,
        phase: String,
        is_part: bool,
        length: Option<i64>,
        metadata: String,
        #[sqlx(flatten)]
        ask: AskedRow,
        created: i64,
        expires: i64,
        blob: Option<Vec<u8>>,
        track: Option<i64>,
        failure: Option<String>,
        suffix: Option<String>,
        content_type: Option<String>,
    }
}

row! {
    #[derive(FromRow)]
    struct AskedRow {
        filename: String,
        title: Option<String>,
        artist: Option<String>,
        album: Option<String>,
        features: Option<String>,
        tags: String,
        sha256: Option<Vec<u8>>,
        image: Option<Vec<u8>>,
    }
}

fn damaged(what: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, what)
}

impl TryFrom<UploadTableRow> for UploadRow {
    type Error = Error;

    fn try_from(row: UploadTableRow) -> Result<UploadRow> {
        let id = row.id.try_into().map_err(|_| damaged("the id of an upload has another length"))?;
        let hash = |bytes: Option<Vec<u8>>| bytes.as_deref().map(rows::digest).transpose();
        Ok(UploadRow {
            id: UploadId(SpoolId::from_bytes(id)),
            owner: UserId(row.owner),
            phase: row.phase.parse().map_err(|_| damaged("the phase of an upload is none"))?,
            is_part: row.is_part,
            length: row.length.map(unsigned),
            metadata: row.metadata,
            ask: Asked {
                filename: row.ask.filename,
                title: row.ask.title,
                artist: row.ask.artist,
                album: row.ask.album,
                features: row.ask.features,
                tags: row.ask.tags.lines().map(str::to_owned).collect(),
                sha256: hash(row.ask.sha256)?,
                image: hash(row.ask.image)?,
            },
            created: row.created,
            expires: row.expires,
            blob: hash(row.blob)?,
            track: row.track.map(TrackId),
            failure: row.failure,
            suffix: row.suffix.as_deref().map(blobs::suffix).transpose()?,
            content_type: row.content_type.as_deref().map(blobs::media_type),
        })
    }
}

/// What is kept of a sender's words is bounded, whatever the face did.
fn check(row: &UploadRow) -> Result<()> {
    let Asked { filename, title, artist, album, features, tags, .. } = &row.ask;
    let texts = [title, artist, album, features].into_iter().filter_map(Option::as_ref);
    let text_bytes_max = usize::try_from(TAG_TEXT_BYTES_MAX).unwrap_or(usize::MAX);
    let bytes = texts.chain(tags).map(String::len).sum::<usize>() + filename.len();
    if bytes > text_bytes_max || tags.len() > UPLOAD_WORDS_MAX {
        return Err(Error::invalid("what is said about the file is too long"));
    }
    // Both with a line end between them.
    if row.metadata.len() > UPLOAD_METADATA_BYTES_MAX + 1 + UPLOAD_CONCAT_BYTES_MAX {
        return Err(Error::invalid("the metadata is too long"));
    }
    if let Some(content_type) = row.content_type
        && !CONTENT_TYPES.contains(&content_type)
        && !COVER_TYPES.contains(&content_type)
    {
        return Err(Error::invalid("no upload has that media type"));
    }
    Ok(())
}

fn bytes_of(id: Option<&BlobId>) -> Option<&[u8]> {
    id.map(|id| &id.as_bytes()[..])
}

fn signed(number: Option<u64>) -> Option<i64> {
    number.map(|number| i64::try_from(number).unwrap_or(i64::MAX))
}

/// One a line, so none may have a line of its own.
fn lines(tags: &[String]) -> String {
    let line = |tag: &String| tag.replace(['\n', '\r'], " ");
    tags.iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn read(tx: &mut Write, id: UploadId) -> Result<UploadRow> {
    let query = sqlx::query_as::<_, UploadTableRow>(ONE).bind(&id.0.as_bytes()[..]).bind(None::<i64>);
    rows::one(query.fetch_all(&mut **tx).await?, "upload")
}

/// Writes all that may change of a row.
async fn write(tx: &mut Write, row: &UploadRow) -> Result<()> {
    sqlx::query(CHANGE)
        .bind(&row.id.0.as_bytes()[..])
        .bind(row.phase.word())
        .bind(signed(row.length))
        .bind(row.expires)
        .bind(row.suffix.map(|suffix| suffix.as_str()))
        .bind(row.content_type)
        .bind(&row.failure)
        .bind(&row.ask.filename)
        .bind(&row.ask.title)
        .bind(&row.ask.artist)
        .bind(&row.ask.album)
        .bind(&row.ask.features)
        .bind(lines(&row.ask.tags))
        .bind(bytes_of(row.ask.sha256.as_ref()))
        .bind(bytes_of(row.ask.image.as_ref()))
        .bind(bytes_of(row.blob.as_ref()))
        .bind(row.phase.is_end().then(now))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Refuses so many bytes more for their owner than he may have. Changes come one after the other, so that nobody else's
/// come in between.
async fn check_space(tx: &mut Write, owner: UserId, more: u64, bytes_max: u64) -> Result<()> {
    let used = unsigned(sqlx::query_scalar(blobs::BYTES_OF_USER).bind(owner.0).fetch_one(&mut **tx).await?);
    if used.saturating_add(more) <= bytes_max {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Quota, format!("{used} bytes are there, and {more} more are over {bytes_max}")))
}

/// Adds a row, if its owner may have so many bytes.
pub(super) async fn add(tx: &mut Write, row: &UploadRow, bytes_max: Option<u64>) -> Result<()> {
    if let Some(bytes_max) = bytes_max {
        check_space(tx, row.owner, row.length.unwrap_or(1), bytes_max).await?;
    }
    // Who begins and ends uploads all day long fills no table: of his ended ones the last are remembered.
    sqlx::query(FORGET_OVERFLOW)
        .bind(row.owner.0)
        .bind(i64::from(UPLOADS_REMEMBERED_MAX))
        .execute(&mut **tx)
        .await?;
    sqlx::query(ADD)
        .bind(&row.id.0.as_bytes()[..])
        .bind(row.owner.0)
        .bind(row.phase.word())
        .bind(row.is_part)
        .bind(signed(row.length))
        .bind(&row.metadata)
        .bind(&row.ask.filename)
        .bind(&row.ask.title)
        .bind(&row.ask.artist)
        .bind(&row.ask.album)
        .bind(&row.ask.features)
        .bind(lines(&row.ask.tags))
        .bind(bytes_of(row.ask.sha256.as_ref()))
        .bind(bytes_of(row.ask.image.as_ref()))
        .bind(row.created)
        .bind(row.expires)
        .bind(bytes_of(row.blob.as_ref()))
        .bind(row.track.map(|track| track.0))
        .bind(&row.failure)
        .bind(row.suffix.map(|suffix| suffix.as_str()))
        .bind(row.content_type)
        .bind(row.phase.is_end().then(now))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Changes a row that is in one of these phases.
pub(super) async fn change(
    tx: &mut Write,
    id: UploadId,
    from: &[Phase],
    to: &UploadChange,
) -> Result<UploadRow> {
    let mut row = read(tx, id).await?;
    if !from.contains(&row.phase) || row.phase.is_end() {
        return Err(not_in_phase(row.phase));
    }
    if to.phase == Some(Phase::Publishing) || (to.phase == Some(Phase::Ready) && !row.is_part) {
        return Err(Error::invalid("an upload becomes that by what is done with its bytes"));
    }
    if let (None, Some(length), Some(bytes_max)) = (row.length, to.length, to.bytes_max) {
        check_space(tx, row.owner, length, bytes_max).await?;
    }
    row.phase = to.phase.unwrap_or(row.phase);
    row.length = to.length.or(row.length);
    row.expires = to.expires.unwrap_or(row.expires);
    if let Some((suffix, content_type)) = to.media {
        (row.suffix, row.content_type) = (Some(suffix), Some(content_type));
    }
    row.failure = to.failure.clone().or(row.failure);
    if let Some(ask) = &to.ask {
        row.ask = ask.clone();
    }
    check(&row)?;
    let let_go = if row.phase.is_end() { row.blob.take() } else { None };
    write(tx, &row).await?;
    if let Some(blob) = let_go {
        blobs::release(tx, &[blob]).await?;
    }
    Ok(row)
}

/// A job is answered in its own words.
fn other_answer() -> Error {
    damaged("a job was answered in the words of another")
}

impl Sqlite {
    async fn add_row(&self, row: &UploadRow, bytes_max: Option<u64>) -> Result<()> {
        check(row)?;
        match self.in_line(Job::Add(Box::new(row.clone()), bytes_max)).await? {
            Done::Added => Ok(()),
            _ => Err(other_answer()),
        }
    }

    async fn rows_of_uploads(&self, query: Query) -> Result<Vec<UploadRow>> {
        self.readers.page::<UploadTableRow, _>(query).await
    }
}

fn not_in_phase(phase: Phase) -> Error {
    Error::new(ErrorKind::NotAllowed, format!("the upload is {phase}"))
}

#[async_trait]
impl Uploads for Sqlite {
    async fn add_upload(&self, row: &UploadRow) -> Result<()> {
        self.add_row(row, None).await
    }

    async fn add_upload_within(&self, row: &UploadRow, bytes_max: u64) -> Result<()> {
        self.add_row(row, Some(bytes_max)).await
    }

    async fn upload(&self, owner: Option<UserId>, id: UploadId) -> Result<UploadRow> {
        let query = Query::new(ONE).bind(id.0.as_bytes().to_vec()).bind(owner.map(|owner| owner.0));
        self.readers.noun::<UploadTableRow, _>(query, "upload").await
    }

    async fn uploads_of(&self, owner: UserId, rows_max: usize) -> Result<Vec<UploadRow>> {
        self.rows_of_uploads(Query::new(OF_OWNER).bind(owner.0).bind(limit(rows_max))).await
    }

    async fn open_uploads_of(&self, owner: UserId) -> Result<u64> {
        Ok(unsigned(self.readers.one(Query::new(COUNT_OPEN).bind(owner.0)).await?))
    }

    async fn open_uploads(&self, after: Option<UploadId>, rows_max: usize) -> Result<Vec<UploadRow>> {
        let after = after.map_or_else(Vec::new, |id| id.0.as_bytes().to_vec());
        self.rows_of_uploads(Query::new(OPEN).bind(after).bind(limit(rows_max))).await
    }

    async fn change_upload(&self, id: UploadId, from: &[Phase], to: &UploadChange) -> Result<UploadRow> {
        match self.in_line(Job::Change(id, from.to_vec(), Box::new(to.clone()))).await? {
            Done::Changed(row) => Ok(*row),
            _ => Err(other_answer()),
        }
    }

    async fn expired_uploads(&self, now: UnixMs, rows_max: usize) -> Result<Vec<UploadRow>> {
        self.rows_of_uploads(Query::new(EXPIRED).bind(now).bind(limit(rows_max))).await
    }

    async fn forget_uploads(&self, ended_before: UnixMs, rows_max: usize) -> Result<u64> {
        let mut tx = self.write().await?;
        let done = sqlx::query(FORGET).bind(ended_before).bind(limit(rows_max)).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    async fn owned_blob(&self, owner: UserId, id: BlobId) -> Result<Option<(BlobRow, Option<TrackId>)>> {
        self.blob_of_owner(owner, id).await
    }

    async fn begin_blob(&self, upload: UploadId, row: &BlobRow) -> Result<Begun> {
        match self.in_line(Job::Begin(upload, Box::new(row.clone()))).await? {
            Done::Begun(begun) => Ok(*begun),
            _ => Err(other_answer()),
        }
    }

    async fn commit_upload(
        &self,
        upload: UploadId,
        key: &BlobKey,
        found: Option<&Tags>,
    ) -> Result<Option<TrackId>> {
        match self.in_line(Job::Commit(upload, key.clone(), found.cloned().map(Box::new))).await? {
            Done::Committed(track) => Ok(track),
            _ => Err(other_answer()),
        }
    }

    async fn blob_by_file_id(&self, viewer: &Viewer, id: FileId) -> Result<(BlobRow, Option<Track>)> {
        self.blob_seen(viewer, id).await
    }

    async fn remove_track(&self, viewer: &Viewer, id: TrackId) -> Result<Vec<BlobKey>> {
        self.remove_one_track(viewer, id).await
    }

    async fn remove_media(&self, owner: UserId, id: BlobId, since: UnixMs) -> Result<bool> {
        self.take_media(owner, id, since).await
    }

    async fn doomed_blobs(&self, after: Option<&DoomedBlob>, rows_max: usize) -> Result<Vec<DoomedBlob>> {
        self.oldest_doomed(after, rows_max).await
    }

    async fn begin_removal(&self, key: &BlobKey) -> Result<bool> {
        self.take_doomed(key).await
    }

    async fn removal_failed(&self, key: &BlobKey) -> Result<()> {
        self.put_doomed_last(key).await
    }

    async fn doom_unwanted(&self, key: &BlobKey, id: BlobId, length: u64) -> Result<bool> {
        self.doom_one(key, id, length).await
    }

    async fn blob_to_check(&self, before: UnixMs) -> Result<Option<BlobRow>> {
        self.next_to_check(before).await
    }

    async fn blob_gone(&self, key: &BlobKey) -> Result<()> {
        self.forget_doomed(key).await
    }

    async fn doom_unknown(&self, keys: &[BlobKey]) -> Result<u64> {
        self.doom_keys(keys).await
    }

    async fn blob(&self, id: BlobId) -> Result<BlobRow> {
        self.one_blob(id).await
    }

    async fn blobs(&self, after: Option<BlobId>, rows_max: usize) -> Result<Vec<BlobRow>> {
        self.blobs_after(after, rows_max).await
    }

    async fn mark_bad(&self, id: BlobId, bad: bool) -> Result<()> {
        self.mark_blob(id, bad).await
    }

    async fn references_of(&self, id: BlobId) -> Result<u64> {
        self.count_references(id).await
    }

    async fn bytes_of_user(&self, owner: UserId) -> Result<u64> {
        self.count_bytes(owner).await
    }
}
