//! How an upload begins: limits, what is known already, room on the disk, a row and a spool file.

use std::sync::Arc;

use budget::limits::{UPLOAD_METADATA_BYTES_MAX, UPLOAD_STEP_BYTES, UPLOAD_WORDS_MAX};
use budget::{Fault, Slot};
use catalog::{Asked, MediaKind, Phase, UploadChange, UploadId, UploadRow, User, UserId};
use store::{Reserved, SpoolId};

use crate::engine::{Engine, Ingest, OPEN, now_ms};
use crate::error::{Error, ErrorKind};
use crate::metrics::Ended;
use crate::model::{Ask, Created};
use crate::name;
use crate::table::{Entry, Held};

/// What an open upload counts for.
pub(crate) struct Place {
    pub(crate) slot: Slot<UserId>,
    pub(crate) reserved: Option<Reserved>,
}

impl Ingest {
    /// Begins an upload, or finds that its sender has these bytes already: then it is ready at once.
    ///
    /// When this returns the upload outlives a loss of power.
    ///
    /// # Errors
    /// `Empty`, `TooLarge`, `BadRequest`, `Quota`, `TooManyUploads`, `Refused`, `Full`, `Store`, `Catalog`; nothing is left
    /// of it then.
    pub async fn create(&self, who: &User, ask: Ask) -> Result<Created, Error> {
        let engine = &self.0;
        engine.check_on()?;
        let ask = engine.checked(ask)?;
        if !ask.is_part
            && let Some(row) = engine.known(who, &ask).await?
        {
            return Ok(Created::Ready(row));
        }
        let place = engine.place(who.id, ask.length).await?;
        // Its file stays open for the request that follows.
        let (_parked, row) = engine.begin_upload(who.id, ask, Phase::Receiving, place).await?;
        Ok(Created::Open(row.id, row.expires))
    }
}

impl Engine {
    /// An ask with clean names, within the limits.
    pub(crate) fn checked(&self, ask: Ask) -> Result<Ask, Error> {
        match ask.length {
            Some(0) if !ask.is_part => {
                return Err(Error::new(ErrorKind::Empty, "there is nothing in this file"));
            }
            Some(length) if length > self.limits.upload_bytes_max => {
                return Err(self.too_large(self.limits.upload_bytes_max));
            }
            _ => {}
        }
        if ask.metadata.len() > UPLOAD_METADATA_BYTES_MAX {
            let said = format!("the metadata have more than {UPLOAD_METADATA_BYTES_MAX} bytes");
            return Err(Error::bad_request(said));
        }
        Ok(Ask { asked: checked_names(ask.asked)?, ..ask })
    }

    pub(crate) fn too_large(&self, max: u64) -> Error {
        Error::new(ErrorKind::TooLarge { max }, format!("at most {max} bytes are taken"))
    }

    /// Whether the user may have so many bytes more than his blobs and his open uploads have.
    pub(crate) async fn check_quota(&self, user: UserId, more: u64) -> Result<(), Error> {
        let max = self.limits.bytes_per_user;
        if max == 0 {
            return Ok(());
        }
        let used = self.catalog.bytes_of_user(user).await?;
        if used.saturating_add(more) <= max {
            return Ok(());
        }
        let said = format!("of your {max} bytes {used} are used, and this would need {more} more");
        Err(Error::new(ErrorKind::Quota { max }, said))
    }

    /// A slot and room on the disk for an upload of that length.
    pub(crate) async fn place(&self, user: UserId, length: Option<u64>) -> Result<Place, Error> {
        let slot = self.slots.take(user).map_err(|refused| match refused.fault {
            Fault::Caller => {
                let most = self.limits.uploads_per_user;
                let said =
                    format!("you have {most} open uploads, and may not have more; finish or cancel one");
                Error::new(ErrorKind::TooManyUploads, said)
            }
            Fault::Server | Fault::Never => refused.into(),
        })?;
        self.check_quota(user, length.unwrap_or(1)).await?;
        let reserved = Some(self.reserve(length.unwrap_or(UPLOAD_STEP_BYTES)).await?);
        Ok(Place { slot, reserved })
    }

    async fn reserve(&self, bytes: u64) -> Result<Reserved, Error> {
        let room = self.room.clone();
        match self.io.run(move || room.reserve(bytes)).await? {
            Ok(reserved) => Ok(reserved),
            Err(e) if e.kind() == store::ErrorKind::Full => Err(self.full(e).await),
            Err(e) => Err(e.into()),
        }
    }

    /// Makes sure that an open upload has room for all that is still to come.
    pub(crate) async fn reserve_rest(&self, entry: &Arc<Entry>, rest: u64) -> Result<(), Error> {
        let (room, desk) = (self.room.clone(), Arc::clone(entry));
        let grown = self.io.run(move || {
            let mut desk = desk.desk();
            let had = desk.reserved.as_ref().map_or(0, Reserved::bytes);
            let missing = rest.saturating_sub(had);
            match desk.reserved.as_mut() {
                Some(reserved) => reserved.grow(missing),
                None => room.reserve(missing).map(|reserved| desk.reserved = Some(reserved)),
            }
        });
        match grown.await? {
            Ok(()) => Ok(()),
            Err(e) if e.kind() == store::ErrorKind::Full => Err(self.full(e).await),
            Err(e) => Err(e.into()),
        }
    }

    /// The row first, then the file: a crash between them leaves a row that expires, and never a file that nobody knows.
    pub(crate) async fn begin_upload(
        &self,
        owner: UserId,
        ask: Ask,
        phase: Phase,
        place: Place,
    ) -> Result<(Held, UploadRow), Error> {
        let row = self.row(owner, ask, phase)?;
        let entry = Entry::new(&row, 0, place.reserved, Some(place.slot), Arc::clone(&self.wake));
        let entry = Arc::new(entry);
        entry.desk().beginning = true;
        // Taken before anybody else can see it. When this is dropped, it is taken back.
        let mut held = entry.free_baton().ok_or_else(Error::taken_over)?;
        self.enter(Arc::clone(&entry));
        self.catalog.add_upload(&row).await?;
        let (spool, id) = (self.spool.clone(), row.id.0);
        let created = self.io.run(move || spool.create(id)).await.and_then(|created| created);
        match created {
            Ok(spooled) => {
                held.spooled = Some(spooled);
                entry.desk().beginning = false;
                Ok((held, row))
            }
            Err(error) => {
                self.take_back(held).await;
                Err(match error.kind() {
                    store::ErrorKind::Full => self.full(error).await,
                    _ => error.into(),
                })
            }
        }
    }

    /// An upload of which nobody was told is as if it had never been, but for a row that says so.
    pub(crate) async fn take_back(&self, mut held: Held) {
        let entry = Arc::clone(&held.entry);
        let change = UploadChange::failed("it broke off before it began");
        match self.catalog.change_upload(entry.id, &OPEN, &change).await {
            Ok(row) => return self.close(&entry, Some(held), &row).await,
            Err(error) if error.kind() == catalog::ErrorKind::NotFound => {}
            Err(error) => {
                // It is tried again.
                tracing::warn!(upload = %entry.id, %error, "an upload that did not begin could not be taken back");
                return;
            }
        }
        entry.release();
        held.spooled = None;
        self.table.remove(entry.id);
        self.metrics.open(self.table.len());
    }

    fn row(&self, owner: UserId, ask: Ask, phase: Phase) -> Result<UploadRow, Error> {
        let now = now_ms();
        let lifetime_ms = i64::try_from(self.limits.lifetime_ms).unwrap_or(i64::MAX);
        Ok(UploadRow {
            id: UploadId(SpoolId::random()?),
            owner,
            phase,
            is_part: ask.is_part,
            length: ask.length,
            metadata: ask.metadata,
            ask: ask.asked,
            created: now,
            expires: now.saturating_add(lifetime_ms),
            blob: None,
            track: None,
            failure: None,
            suffix: None,
            content_type: None,
        })
    }

    /// A finished upload of bytes that the user himself has. What others have is not told.
    async fn known(&self, who: &User, ask: &Ask) -> Result<Option<UploadRow>, Error> {
        let Some(digest) = ask.asked.sha256 else { return Ok(None) };
        let Some((blob, track)) = self.catalog.owned_blob(who.id, digest).await? else { return Ok(None) };
        let is_other = ask.length.is_some_and(|length| length != blob.length);
        if is_other || (track.is_none() && blob.kind != MediaKind::Image) {
            return Ok(None);
        }
        let row = UploadRow {
            length: Some(blob.length),
            blob: Some(blob.id),
            track,
            suffix: Some(blob.suffix),
            content_type: Some(blob.content_type),
            ..self.row(who.id, ask.clone(), Phase::Ready)?
        };
        self.catalog.add_upload(&row).await?;
        self.metrics.ended(Ended::Known, row.length, None);
        Ok(Some(row))
    }
}

/// Names without what could be mistaken for something else; too many or too long ones are refused.
pub(crate) fn checked_names(asked: Asked) -> Result<Asked, Error> {
    let Asked { filename, title, artist, album, features, tags, sha256, image } = asked;
    if tags.len() > UPLOAD_WORDS_MAX {
        return Err(Error::bad_request(format!("there are more than {UPLOAD_WORDS_MAX} tags")));
    }
    let clean = |text: Option<String>| text.as_deref().and_then(name::text);
    Ok(Asked {
        filename: if filename.is_empty() { filename } else { name::file_name(&filename) },
        title: clean(title),
        artist: clean(artist),
        album: clean(album),
        features: clean(features),
        tags: tags.iter().filter_map(|tag| name::text(tag)).collect(),
        sha256,
        image,
    })
}
