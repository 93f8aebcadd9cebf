//! How an upload begins: limits, what is known already, room on the disk, a row and a spool file.

use std::sync::Arc;

use budget::limits::{
    QUOTA_TRIES, UPLOAD_CONCAT_BYTES_MAX, UPLOAD_METADATA_BYTES_MAX, UPLOAD_STEP_BYTES, UPLOAD_SYNC_BYTES,
    UPLOAD_WORDS_MAX,
};
use budget::{Fault, Slot};
use catalog::{Asked, MediaKind, Phase, UploadChange, UploadId, UploadRow, User, UserId};
use store::{Reserved, SpoolId, Whole};

use crate::asked;
use crate::engine::{Engine, Ingest, OPEN, now_ms};
use crate::error::{Error, ErrorKind};
use crate::metrics::Ended;
use crate::model::{Ask, Created};
use crate::name;
use crate::size::size;
use crate::table::{Entry, Held};

/// What an open upload counts for.
pub(crate) struct Place {
    pub(crate) slot: Slot<UserId>,
    pub(crate) reserved: Option<Reserved>,
    /// The part whose slot it is.
    pub(crate) lender: Option<Arc<Entry>>,
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
        let (metadata, concat) = asked::sent(&ask.metadata);
        if concat.is_some_and(|concat| concat.len() > UPLOAD_CONCAT_BYTES_MAX) {
            let said = format!("the addresses of the parts have more than {UPLOAD_CONCAT_BYTES_MAX} bytes");
            return Err(Error::bad_request(said));
        }
        if metadata.len() > UPLOAD_METADATA_BYTES_MAX {
            let said = format!("the metadata have more than {UPLOAD_METADATA_BYTES_MAX} bytes");
            return Err(Error::bad_request(said));
        }
        Ok(Ask { asked: checked_names(ask.asked)?, ..ask })
    }

    pub(crate) fn too_large(&self, max: u64) -> Error {
        Error::new(ErrorKind::TooLarge { max }, format!("files of at most {} are taken", size(max)))
    }

    /// Whether the user may have so many bytes more than his blobs and his open uploads have.
    pub(crate) async fn check_quota(&self, user: UserId, more: u64) -> Result<(), Error> {
        self.check_quota_without(user, more, 0).await
    }

    /// The same, when so many of these bytes are counted twice.
    pub(crate) async fn check_quota_without(&self, user: UserId, more: u64, twice: u64) -> Result<(), Error> {
        let max = self.limits.bytes_per_user;
        if max == 0 {
            return Ok(());
        }
        let used = self.bytes_of(user).await?.saturating_sub(twice);
        if used.saturating_add(more) <= max { Ok(()) } else { Err(over_quota(max, used, more)) }
    }

    /// Whether its sender has the space for it. The upload itself counts already, and bytes that he has count once.
    pub(crate) async fn check_space(&self, row: &UploadRow, whole: &Whole) -> Result<(), Error> {
        let before = self.check_quota(row.owner, 0).await;
        if !matches!(&before, Err(error) if matches!(error.kind, ErrorKind::Quota { .. })) {
            return before;
        }
        match self.catalog.owned_blob(row.owner, whole.digest).await? {
            Some(_) => self.check_quota_without(row.owner, 0, whole.length).await,
            None => before,
        }
    }

    /// What the catalog may count for a user, if there is a limit: what came of uploads of unknown length only the table
    /// knows, and so many bytes of that are going to be known.
    pub(crate) fn space_of(&self, user: UserId, known: u64) -> Option<u64> {
        let max = Some(self.limits.bytes_per_user).filter(|max| *max > 0)?;
        Some(max.saturating_sub(self.table.unsized_bytes(user).saturating_sub(known)))
    }

    /// Writes down how many bytes an upload will have of which nobody knew it, and reserves the room for them.
    pub(crate) async fn name_length(
        &self,
        entry: &Arc<Entry>,
        offset: u64,
        length: u64,
    ) -> Result<UploadRow, Error> {
        let mut tries = 1;
        loop {
            match self.try_name_length(entry, offset, length).await {
                // Another one that was named at this moment is known to the catalog and to the table, and counts twice.
                Err(Error { kind: ErrorKind::Quota { .. }, .. }) if tries < QUOTA_TRIES => tries += 1,
                named => return named,
            }
            tokio::task::yield_now().await;
        }
    }

    async fn try_name_length(
        &self,
        entry: &Arc<Entry>,
        offset: u64,
        length: u64,
    ) -> Result<UploadRow, Error> {
        let more = length.saturating_sub(offset);
        self.check_quota(entry.owner, more).await?;
        self.reserve_rest(entry, more).await?;
        let bytes_max = self.space_of(entry.owner, offset);
        let change = UploadChange { length: Some(length), bytes_max, ..UploadChange::default() };
        match self.catalog.change_upload(entry.id, &[Phase::Receiving], &change).await {
            Err(error) if error.kind() == catalog::ErrorKind::Quota => {
                Err(self.over_quota(entry.owner, more).await)
            }
            Err(error) => Err(error.into()),
            Ok(row) => {
                entry.progress.send_modify(|progress| progress.length = Some(length));
                Ok(row)
            }
        }
    }

    /// What somebody is told whom the catalog refused so many bytes more.
    pub(crate) async fn over_quota(&self, user: UserId, more: u64) -> Error {
        let max = self.limits.bytes_per_user;
        let used = self.bytes_of(user).await;
        used.map_or_else(|error| error, |used| over_quota(max, used, more))
    }

    /// What a user's blobs and open uploads have. Of one whose length nobody knows yet, what came counts.
    async fn bytes_of(&self, user: UserId) -> Result<u64, Error> {
        let known = self.catalog.bytes_of_user(user).await?;
        Ok(known.saturating_add(self.table.unsized_bytes(user)))
    }

    /// Up to where an upload of unknown length may be written without asking again, if it may be written up to `end`. So
    /// many of its bytes count already.
    pub(crate) async fn grant(&self, user: UserId, counted: u64, end: u64) -> Result<u64, Error> {
        let max = self.limits.bytes_per_user;
        if max == 0 {
            return Ok(u64::MAX);
        }
        let used = self.bytes_of(user).await?;
        let allowed = counted.saturating_add(max.saturating_sub(used));
        if end > allowed {
            return Err(over_quota(max, used, end.saturating_sub(counted)));
        }
        Ok(allowed.min(end.saturating_add(UPLOAD_SYNC_BYTES)))
    }

    /// A slot and room on the disk for an upload of that length.
    pub(crate) async fn place(&self, user: UserId, length: Option<u64>) -> Result<Place, Error> {
        let slot = self.slot(user)?;
        let reserved = self.space(user, length).await?;
        Ok(Place { slot, reserved: Some(reserved), lender: None })
    }

    /// Room on the disk, and in what its user may have.
    pub(crate) async fn space(&self, user: UserId, length: Option<u64>) -> Result<Reserved, Error> {
        self.check_quota(user, length.unwrap_or(1)).await?;
        self.reserve(length.unwrap_or(UPLOAD_STEP_BYTES)).await
    }

    pub(crate) fn slot(&self, user: UserId) -> Result<Slot<UserId>, Error> {
        self.slots.take(user).map_err(|refused| match refused.fault {
            Fault::Caller => {
                let most = self.limits.uploads_per_user;
                let said =
                    format!("you have {most} open uploads, and may not have more; finish or cancel one");
                Error::new(ErrorKind::TooManyUploads, said)
            }
            Fault::Server | Fault::Never => refused.into(),
        })
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
        let (room, entry) = (self.room.clone(), Arc::clone(entry));
        let grown = self.io.run(move || {
            entry.reserve(|reserved| match reserved.as_mut() {
                Some(reserved) => reserved.grow(rest.saturating_sub(reserved.bytes())),
                None => room.reserve(rest).map(|promised| *reserved = Some(promised)),
            })
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
        {
            let mut desk = entry.desk();
            (desk.beginning, desk.lender) = (true, place.lender);
        }
        // Taken before anybody else can see it. When this is dropped, it is taken back.
        let mut held = entry.free_baton().ok_or_else(Error::taken_over)?;
        self.enter(Arc::clone(&entry));
        let added = match self.space_of(owner, 0) {
            Some(max) => self.catalog.add_upload_within(&row, max).await,
            None => self.catalog.add_upload(&row).await,
        };
        match added {
            Err(error) if error.kind() == catalog::ErrorKind::Quota => {
                self.take_back(held).await;
                return Err(self.over_quota(owner, row.length.unwrap_or(1)).await);
            }
            added => added?,
        }
        // The thread has the upload until its file is there: nobody takes it back before.
        let spool = self.spool.clone();
        let begun = self.io.run(move || {
            let created = spool.create(held.entry.id.0).map(|spooled| held.spooled = Some(spooled));
            (held, created)
        });
        let (held, created) = begun.await?;
        match created {
            Ok(()) => {
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

fn over_quota(max: u64, used: u64, more: u64) -> Error {
    let said =
        format!("you use {} of your {}, and this would need {} more", size(used), size(max), size(more));
    Error::new(ErrorKind::Quota { max }, said)
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
