//! What a user may do to one track: call it something else, give it a picture, hide it, and remove what was sent.

use sqlx::FromRow;
use store::{BlobId, BlobKey, FolderId};

use super::batch::{Batch, folder_of};
use super::heirs::{Heirs, Home};
use super::library::TICK;
use super::playing::Write;
use super::rows::{self, TrackRow};
use super::spellings::Spellings;
use super::sql::{has_cover, play_state, seen, track_rows, track_seen};
use super::uploads::{OWN, PICTURE, place_of};
use super::{Result, Scope, Sqlite, blobs, now, totals};
use crate::access::Viewer;
use crate::error::{Error, ErrorKind};
use crate::fold;
use crate::model::instrumentals::is_twin;
use crate::model::{ImageChange, MediaKind, Track, TrackChange, TrackId, UPLOADS, UserId, Visibility};
use crate::scan::{Person, clean};

const ONE: &str = track_rows!("SELECT t.id FROM tracks t WHERE t.id = ?4 AND ", track_seen!());
const TARGET: &str = concat!(
    "WITH ",
    seen!(),
    " SELECT t.library_id, t.path, t.owner, t.artist, t.artist_id, t.album_id, al.name AS album,
        ar.name AS album_artist, ar.id AS album_artist_id, t.private, t.blob, t.cover_blob
    FROM tracks t CROSS JOIN albums al ON al.id = t.album_id CROSS JOIN artists ar ON ar.id = al.artist_id
    WHERE t.id = ?4 AND ",
    track_seen!()
);
const CHANGE: &str = "UPDATE tracks SET title_set = ifnull(?2, title_set), artist = ?3, artist_id = ?4,
        artist_set = ifnull(?5, artist_set), album_id = ?6, album_set = ifnull(?7, album_set), cover_blob = ?8,
        owner = ?9, private = ?10
    WHERE id = ?1";
/// Where a user said whose a track is, the file's artists are not shown. `?1` is the track.
pub(super) const FORGET_ARTISTS: [&str; 2] = [
    "UPDATE tracks SET details = json_remove(details, '$.a', '$.A'), release = json_remove(release, '$.a')
        WHERE id = ?1 AND artist_set IS NOT NULL",
    "DELETE FROM track_credits WHERE track_id = ?1 AND role <= 2
        AND (SELECT artist_set FROM tracks WHERE id = ?1) IS NOT NULL",
];
/// In this order, with `?1` the track. What refers to it by a constraint goes by itself.
const REMOVE: [&str; 3] = [
    "DELETE FROM annotations WHERE kind = 1 AND item_id = ?1",
    "DELETE FROM track_words WHERE rowid = ?1",
    "DELETE FROM tracks WHERE id = ?1",
];
const PRIVATE_UPLOADS: &str = "SELECT id, album_id, blob, cover_blob FROM tracks
    WHERE owner = ?1 AND private = 1 AND library_id = ?2";
const MEDIA: &str = "SELECT blob FROM media WHERE owner = ?1 UNION
    SELECT blob FROM uploads WHERE owner = ?1 AND ended IS NULL AND blob IS NOT NULL";

/// A track as it is before it changes.
#[derive(FromRow)]
struct Target {
    library_id: i64,
    path: String,
    owner: Option<i64>,
    artist: String,
    artist_id: i64,
    album_id: i64,
    album: String,
    album_artist: String,
    album_artist_id: i64,
    private: bool,
    blob: Option<Vec<u8>>,
    cover_blob: Option<Vec<u8>>,
}

impl Target {
    fn owner(&self) -> Option<UserId> {
        self.owner.map(UserId)
    }

    fn home(&self) -> Home {
        Home { album: self.album_id, artist: self.artist_id, album_artist: self.album_artist_id }
    }

    fn image(&self) -> Result<Option<BlobId>> {
        self.cover_blob.as_deref().map(rows::digest).transpose()
    }

    /// Who sees it after the change. An instrumental is seen by who sees its song.
    fn private_after(&self, change: Option<Visibility>) -> Result<bool> {
        let private = change.map_or(self.private, |visibility| visibility == Visibility::Private);
        if private != self.private && is_twin(FolderId(self.library_id)) {
            let why = "an instrumental is seen by those who see its song; change who sees the song";
            return Err(Error::new(ErrorKind::NotAllowed, why));
        }
        Ok(private)
    }

    /// What tells its album from others when nobody knows the artist.
    fn place(&self) -> Result<String> {
        if self.library_id == UPLOADS.0 {
            return Ok(place_of(self.owner()));
        }
        Ok(folder_of(&rows::path(&self.path)?))
    }
}

/// A name is 1 to 256 characters without control characters.
fn check_name(name: Option<&String>, what: &'static str) -> Result<()> {
    if name.is_none_or(|name| clean(name).as_ref() == Some(name)) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} has 1 to 256 characters, no control characters and no blanks at its ends"
    )))
}

/// The track, if it is the viewer's to change: his own, or anybody's for who manages. One without an owner is left to
/// the face's judgement.
async fn target(tx: &mut Write, scope: &Scope, id: TrackId) -> Result<Target> {
    let found: Option<Target> = scope.rows(TARGET).bind(id.0).fetch_optional(&mut **tx).await?;
    let is_his = |target: &Target| scope.manages || target.owner.is_none_or(|owner| owner == scope.user);
    found.filter(is_his).ok_or_else(|| Error::not_found("track"))
}

/// The picture that a track has after the change.
async fn image_after(
    tx: &mut Write,
    scope: &Scope,
    target: &Target,
    change: ImageChange,
) -> Result<Option<BlobId>> {
    let id = match change {
        ImageChange::Keep => return target.image(),
        ImageChange::Drop => return Ok(None),
        ImageChange::Set(id) => id,
    };
    let query = sqlx::query_scalar(PICTURE).bind(&id.as_bytes()[..]).bind(scope.user).bind(target.owner);
    let content_type: Option<String> = query.fetch_optional(&mut **tx).await?;
    match content_type.map(|text| MediaKind::of(&text)) {
        None => Err(Error::not_found("image")),
        Some(MediaKind::Image) => Ok(Some(id)),
        Some(MediaKind::Audio | MediaKind::Video) => Err(Error::invalid("that file is no picture")),
    }
}

/// What a change makes of artist and album.
struct Names {
    artist: String,
    home: Home,
    spellings: Spellings,
}

/// Finds or makes the artist and the album of the new names. Where the album's artist was the track's, it stays so.
async fn names_after(tx: &mut Write, target: &Target, change: &TrackChange) -> Result<Names> {
    let spellings = Spellings::default();
    let artist = target.artist.clone();
    let old = Names { artist, home: target.home(), spellings };
    if change.artist.is_none() && change.album.is_none() {
        return Ok(old);
    }
    let artist = change.artist.as_ref().unwrap_or(&target.artist);
    let same = fold::key(&target.album_artist) == fold::key(&target.artist);
    let album_artist = if same { artist } else { &target.album_artist };
    let album = change.album.as_ref().unwrap_or(&target.album);
    let mut batch = Batch::begin(tx, FolderId(target.library_id));
    let artist_id = batch.artist(&Person::named(artist)).await?;
    let album_artist = batch.credit(&Person::named(album_artist)).await?;
    let album_id = batch.album(&album_artist, album, &target.place()?, None).await?;
    let home = Home { album: album_id, artist: artist_id, album_artist: album_artist.id.0 };
    Ok(Names { artist: artist.clone(), home, spellings: batch.spellings })
}

impl Sqlite {
    pub(super) async fn change_one_track(
        &self,
        scope: &Scope,
        id: TrackId,
        change: &TrackChange,
    ) -> Result<Track> {
        check_name(change.title.as_ref(), "a title")?;
        check_name(change.artist.as_ref(), "an artist")?;
        check_name(change.album.as_ref(), "an album")?;
        let mut tx = self.write().await?;
        let target = target(&mut tx, scope, id).await?;
        let image = image_after(&mut tx, scope, &target, change.image).await?;
        let mut names = names_after(&mut tx, &target, change).await?;
        let private = target.private_after(change.visibility)?;
        let hides = change.visibility == Some(Visibility::Private);
        let owner = target.owner.or_else(|| hides.then_some(scope.user));
        sqlx::query(CHANGE)
            .bind(id.0)
            .bind(&change.title)
            .bind(&names.artist)
            .bind(names.home.artist)
            .bind(&change.artist)
            .bind(names.home.album)
            .bind(&change.album)
            .bind(image.as_ref().map(|image| &image.as_bytes()[..]))
            .bind(owner)
            .bind(private)
            .execute(&mut *tx)
            .await?;
        for sql in FORGET_ARTISTS.into_iter().filter(|_| change.artist.is_some()) {
            sqlx::query(sql).bind(id.0).execute(&mut *tx).await?;
        }
        if let (Some(owner), None, Some(blob)) = (owner, target.owner, &target.blob) {
            sqlx::query(OWN).bind(owner).bind(blob).bind(now()).execute(&mut *tx).await?;
        }
        if let Some(old) = target.image()?.filter(|old| Some(*old) != image) {
            let owners: Vec<UserId> = target.owner().into_iter().chain([UserId(scope.user)]).collect();
            blobs::disown_picture(&mut tx, old, &owners).await?;
            blobs::release(&mut tx, &[old]).await?;
        }
        let mut albums = vec![target.album_id, names.home.album];
        albums.dedup();
        names.spellings.name_albums(&mut tx, &[id.0]).await?;
        totals::refresh(&mut tx, &albums).await?;
        names.spellings.name_artists(&mut tx, &[id.0]).await?;
        let mut heirs = Heirs::default();
        heirs.note(target.home(), names.home);
        heirs.inherit(&mut tx).await?;
        totals::index_words(&mut tx, &[id.0]).await?;
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        let found: Vec<TrackRow> = scope.rows(ONE).bind(id.0).fetch_all(&mut *tx).await?;
        let track = rows::one(found, "track")?;
        tx.commit().await?;
        Ok(track)
    }

    pub(super) async fn remove_one_track(&self, viewer: &Viewer, id: TrackId) -> Result<Vec<BlobKey>> {
        let scope = Scope::of(viewer);
        let mut tx = self.write().await?;
        let target = target(&mut tx, &scope, id).await?;
        if target.owner.is_none() && !scope.manages {
            return Err(Error::not_found("track"));
        }
        if target.library_id != UPLOADS.0 {
            let why = "the files of a library's folder are never removed; remove the file itself";
            return Err(Error::new(ErrorKind::NotAllowed, why));
        }
        let blob = target.blob.as_deref().map(rows::digest).transpose()?;
        let image = target.image()?;
        remove(&mut tx, id.0).await?;
        if let Some(blob) = blob {
            blobs::disown_sound(&mut tx, blob, target.owner()).await?;
        }
        if let Some(image) = image {
            let owners: Vec<UserId> = target.owner().into_iter().chain([viewer.user]).collect();
            blobs::disown_picture(&mut tx, image, &owners).await?;
        }
        let ids: Vec<BlobId> = blob.into_iter().chain(image).collect();
        let doomed = blobs::release(&mut tx, &ids).await?;
        totals::refresh(&mut tx, &[target.album_id]).await?;
        sqlx::query(TICK).bind(now()).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(doomed)
    }
}

pub(super) async fn remove(tx: &mut Write, id: i64) -> Result<()> {
    for sql in REMOVE {
        sqlx::query(sql).bind(id).execute(&mut **tx).await?;
    }
    Ok(())
}

/// Removes what a user who goes has for himself alone: private tracks that he sent. Gives the blobs that he referred to,
/// to be released when he is gone.
pub(super) async fn remove_what_is_his_alone(tx: &mut Write, owner: UserId) -> Result<Vec<BlobId>> {
    let mut ids: Vec<Vec<u8>> = sqlx::query_scalar(MEDIA).bind(owner.0).fetch_all(&mut **tx).await?;
    type Row = (i64, i64, Option<Vec<u8>>, Option<Vec<u8>>);
    let tracks: Vec<Row> =
        sqlx::query_as(PRIVATE_UPLOADS).bind(owner.0).bind(UPLOADS.0).fetch_all(&mut **tx).await?;
    let mut albums = Vec::new();
    for (id, album, blob, image) in tracks {
        remove(tx, id).await?;
        albums.push(album);
        ids.extend(blob);
        ids.extend(image);
    }
    albums.sort_unstable();
    albums.dedup();
    totals::refresh(tx, &albums).await?;
    ids.sort_unstable();
    ids.dedup();
    ids.iter().map(|id| rows::digest(id)).collect()
}
