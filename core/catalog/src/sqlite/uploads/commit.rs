//! From bytes to a track: the hash is written down before the store keeps the bytes, and all the rest in one transaction
//! after it. A server that is killed in between finds the upload where it was and does the same again.

use budget::limits::UPLOAD_NAME_BYTES_MAX;
use sqlx::FromRow;

use super::{
    Batch, Begun, BlobId, BlobKey, BlobRow, COVER_TYPES, Error, ErrorKind, FolderId, Found, MediaKind, Phase,
    Result, Stamp, Tags, TrackId, UPLOADS, UploadId, UploadRow, UserId, Write, blobs, not_in_phase, now,
    read, rows, write,
};
use crate::scan::{clean, genres};
use crate::sqlite::batch::Names;

const CALL_BACK: &str =
    "SELECT key, length, removing, bad FROM doomed_blobs WHERE id = ?1 ORDER BY removing DESC, bad, key";
const CALLED_BACK: &str = "DELETE FROM doomed_blobs WHERE key = ?1";
const ADD_BLOB: &str = "INSERT INTO blobs (id, key, length, suffix, content_type, created, bad, checked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
const KEEP: &str = "UPDATE blobs SET key = ?2, bad = 0, checked = ?3 WHERE id = ?1";
pub(in crate::sqlite) const OWN: &str =
    "INSERT INTO media (owner, blob, created) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
pub(in crate::sqlite) const PICTURE: &str =
    "SELECT b.content_type FROM blobs b WHERE b.id = ?1 AND b.key IS NOT NULL
    AND EXISTS (SELECT 1 FROM media m WHERE m.blob = b.id AND m.owner IN (?2, ?3))";
// Pictures wait for nothing, so that no two uploads ever wait for each other.
pub(in crate::sqlite) const COMING: &str =
    "SELECT b.content_type FROM uploads u JOIN blobs b ON b.id = u.blob
    WHERE u.blob = ?1 AND u.owner = ?2 AND u.ended IS NULL LIMIT 1";
const DRESS: &str = "UPDATE tracks SET owner = ?2, private = 0, blob = ?3, cover_blob = ?4, title_set = ?5,
    artist_set = ?6, album_set = ?7 WHERE id = ?1";
const READY: &str = "UPDATE uploads SET track = ?2 WHERE id = ?1";

/// What files are called of which nobody knows the album.
const NO_ALBUM: &str = "[Unknown Album]";

/// Where uploads of one user come from, which tells albums without an artist apart.
pub(in crate::sqlite) fn place_of(owner: Option<UserId>) -> String {
    owner.map_or_else(String::new, |owner| owner.to_string())
}

/// What a file is called when it is saved: the last part of what its sender called it, with nothing that a file system
/// or a header would not take, and the suffix of what it is.
fn file_name(row: &UploadRow, suffix: &str) -> String {
    let name = row.ask.filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 5 => stem,
        _ => name,
    };
    let kept: String = stem.chars().filter(|c| !c.is_control()).collect();
    let mut kept = kept.trim().trim_start_matches('.').trim();
    while kept.len() > UPLOAD_NAME_BYTES_MAX {
        let mut end = UPLOAD_NAME_BYTES_MAX;
        while !kept.is_char_boundary(end) {
            end -= 1;
        }
        kept = kept[..end].trim_end();
    }
    format!("{}.{suffix}", if kept.is_empty() { "upload" } else { kept })
}

/// The first transaction: the hash is known, and from now on these bytes do not go.
pub(in crate::sqlite) async fn begin(tx: &mut Write, upload: UploadId, row: &BlobRow) -> Result<Begun> {
    let mut sent = read(tx, upload).await?;
    if !matches!(sent.phase, Phase::Receiving | Phase::Checking | Phase::Publishing) {
        return Err(not_in_phase(sent.phase));
    }
    if sent.is_part || sent.blob.is_some_and(|blob| blob != row.id) {
        return Err(Error::new(ErrorKind::NotAllowed, "the upload is to become other bytes"));
    }
    let begun = match blobs::find(tx, row.id).await? {
        Some(known) if known.key.is_some() && !known.bad => Begun::There(known),
        Some(_) => Begun::New,
        None => {
            let (key, bad) =
                call_back(tx, row.id).await?.map_or((None, false), |(key, bad)| (Some(key), bad));
            let known = BlobRow { key, created: now(), bad, ..row.clone() };
            add_blob(tx, &known).await?;
            if known.key.is_some() && !bad { Begun::There(known) } else { Begun::New }
        }
    };
    (sent.phase, sent.blob, sent.length) = (Phase::Publishing, Some(row.id), Some(row.length));
    (sent.suffix, sent.content_type) = (Some(row.suffix), Some(row.content_type));
    super::check(&sent)?;
    write(tx, &sent).await?;
    Ok(begun)
}

/// The second transaction: the store keeps the bytes, and everybody may know.
pub(in crate::sqlite) async fn commit(
    tx: &mut Write,
    upload: UploadId,
    key: &BlobKey,
    found: Option<&Tags>,
) -> Result<Option<TrackId>> {
    let mut sent = read(tx, upload).await?;
    let Some(id) = sent.blob.filter(|_| matches!(sent.phase, Phase::Publishing | Phase::Ready)) else {
        return Err(not_in_phase(sent.phase));
    };
    if sent.phase == Phase::Ready {
        return Ok(sent.track);
    }
    if is_picture_coming(tx, &sent).await? {
        return Err(Error::new(ErrorKind::Busy, "the picture of this upload is still being published"));
    }
    let blob = blobs::find(tx, id).await?.ok_or_else(|| Error::not_found("blob"))?;
    keep(tx, &blob, key).await?;
    sqlx::query(OWN).bind(sent.owner.0).bind(&id.as_bytes()[..]).bind(now()).execute(&mut **tx).await?;
    let track = match (blob.kind, found) {
        (MediaKind::Image, _) => None,
        (_, Some(tags)) => Some(add_track(tx, &sent, &blob, tags).await?),
        (_, None) => return Err(Error::invalid("sound and video come with tags")),
    };
    (sent.phase, sent.failure) = (Phase::Ready, None);
    write(tx, &sent).await?;
    let query = sqlx::query(READY).bind(&upload.0.as_bytes()[..]);
    query.bind(track.map(|track| track.0)).execute(&mut **tx).await?;
    Ok(track)
}

#[derive(FromRow)]
struct Called {
    key: String,
    length: Option<i64>,
    removing: bool,
    bad: bool,
}

/// Bytes that are doomed and still there, as their key and whether they are bad. Those that are being removed cannot come
/// back; where a key is made of the hash, nothing can be kept under it before they are gone.
async fn call_back(tx: &mut Write, id: BlobId) -> Result<Option<(BlobKey, bool)>> {
    let query = sqlx::query_as(CALL_BACK).bind(&id.as_bytes()[..]);
    let found: Vec<Called> = query.fetch_all(&mut **tx).await?;
    for Called { key, length, removing, bad } in found {
        let parsed = rows::key(&key)?;
        if removing && parsed == BlobKey::of_digest(&id) {
            return Err(Error::new(ErrorKind::Busy, "the same bytes are being removed"));
        }
        if removing {
            continue;
        }
        sqlx::query(CALLED_BACK).bind(&key).execute(&mut **tx).await?;
        // Bytes of which no row tells are published again, over what there is.
        if length.is_some() {
            return Ok(Some((parsed, bad)));
        }
    }
    Ok(None)
}

async fn add_blob(tx: &mut Write, row: &BlobRow) -> Result<()> {
    sqlx::query(ADD_BLOB)
        .bind(&row.id.as_bytes()[..])
        .bind(row.key.as_ref().map(BlobKey::as_str))
        .bind(i64::try_from(row.length).unwrap_or(i64::MAX))
        .bind(row.suffix.as_str())
        .bind(row.content_type)
        .bind(row.created)
        .bind(row.bad)
        .bind(now())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Says that the store has a blob under this key. Where it has it under another one that is sound, this one goes.
async fn keep(tx: &mut Write, blob: &BlobRow, key: &BlobKey) -> Result<()> {
    let length = i64::try_from(blob.length).unwrap_or(i64::MAX);
    match &blob.key {
        // Whether these were written anew, who wrote them knows and says: they may have gone bad since they were found.
        Some(known) if known == key => return Ok(()),
        Some(_) if !blob.bad => return blobs::doom(tx, key, None, length, false).await,
        Some(known) => blobs::doom(tx, known, None, length, true).await?,
        None => {}
    }
    let query = sqlx::query(KEEP).bind(&blob.id.as_bytes()[..]).bind(key.as_str());
    query.bind(now()).execute(&mut **tx).await?;
    Ok(())
}

/// Makes the track of an upload, with the words of its sender in the place of the file's.
async fn add_track(tx: &mut Write, sent: &UploadRow, blob: &BlobRow, tags: &Tags) -> Result<TrackId> {
    let suffix = blob.suffix.as_str();
    let path = rows::path(&format!("{}/{}", sent.id, file_name(sent, suffix)))?;
    let stamp = Stamp { length: blob.length, modified_ns: now() * 1_000_000, changed_ns: 0, inode: 0 };
    let mut found = Found { path: path.clone(), stamp, tags: tags.clone() };
    suffix.clone_into(&mut found.tags.suffix);
    // The folder that the album would be called after is the upload itself.
    if found.tags.album == sent.id.to_string() {
        NO_ALBUM.clone_into(&mut found.tags.album);
    }
    if !sent.ask.tags.is_empty() {
        let words = sent.ask.tags.iter().chain(&tags.genres).map(String::as_str);
        found.tags.genres = genres(words);
    }
    if let Some(cover) = &mut found.tags.cover {
        cover.path = path;
    }
    let names = Names {
        artist: sent.ask.artist.as_ref().and_then(clean),
        album: sent.ask.album.as_ref().and_then(clean),
    };
    let tags = names.over(&found.tags).into_owned();

    let mut batch = Batch::begin(tx, FolderId(UPLOADS.0));
    let id = batch.track(&found, &tags, &place_of(Some(sent.owner))).await?;
    let image = picture(batch.tx, sent.ask.image, sent.owner).await?;
    // The title is part of what is searched, so it is there before the words are.
    sqlx::query(DRESS)
        .bind(id)
        .bind(sent.owner.0)
        .bind(&blob.id.as_bytes()[..])
        .bind(image.as_ref().map(|image| &image.as_bytes()[..]))
        .bind(sent.ask.title.as_ref().and_then(clean))
        .bind(&names.artist)
        .bind(&names.album)
        .execute(&mut **batch.tx)
        .await?;
    batch.finish().await?;
    Ok(TrackId(id))
}

/// Whether the picture that was asked for is its sender's and all there, and only waits to be published.
async fn is_picture_coming(tx: &mut Write, sent: &UploadRow) -> Result<bool> {
    let Some(image) = sent.ask.image.filter(|image| sent.blob != Some(*image)) else { return Ok(false) };
    if picture(tx, Some(image), sent.owner).await?.is_some() {
        return Ok(false);
    }
    let query = sqlx::query_scalar(COMING).bind(&image.as_bytes()[..]).bind(sent.owner.0);
    let content_type: Option<String> = query.fetch_optional(&mut **tx).await?;
    Ok(content_type.is_some_and(|text| COVER_TYPES.contains(&text.as_str())))
}

/// The picture that was asked for, if it is one and its sender's: what is no picture was refused when it came, and is no
/// reason to lose the sound.
async fn picture(tx: &mut Write, id: Option<BlobId>, owner: UserId) -> Result<Option<BlobId>> {
    let Some(id) = id else { return Ok(None) };
    let query = sqlx::query_scalar(PICTURE).bind(&id.as_bytes()[..]).bind(owner.0).bind(owner.0);
    let content_type: Option<String> = query.fetch_optional(&mut **tx).await?;
    Ok(content_type.filter(|text| COVER_TYPES.contains(&text.as_str())).map(|_| id))
}
