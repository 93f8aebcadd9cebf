//! A request that sends bytes: from the body through one buffer to a disk thread, which writes and hashes them.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use budget::Pool;
use budget::limits::{UPLOAD_BYTES, UPLOAD_SYNC_BYTES, UPLOAD_SYNC_MS};
use bytes::{Buf as _, Bytes};
use catalog::{Asked, Phase, UnixMs, UploadChange, UploadId, UploadRow};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::create::checked_names;
use crate::digest::Checksum;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::pace::Pace;
use crate::sniff::{Format, Sort};
use crate::table::Held;
use crate::write::{Extent, Failed, Job};

/// An upload that is taken to send bytes for it. Dropping it lets go: what came and is not synced yet is synced by whoever
/// looks after the table.
pub struct Receiving {
    pub(crate) engine: Arc<Engine>,
    pub(crate) held: Option<Held>,
    claim: CancellationToken,
    row: UploadRow,
    /// What its first bytes say, once they were looked at by this owner.
    format: Option<Format>,
    offset: u64,
    /// Up to where its owner's quota was asked, while nobody knows the length.
    granted: u64,
}

/// What one request has on its way.
struct Intake {
    job: Job,
    pace: Pace,
    synced_at: Instant,
    checked: bool,
}

/// Why the bytes of a request stop coming.
enum Event {
    Frame(Option<Result<http_body::Frame<Bytes>, ()>>),
    WindowEnds,
    SyncDue,
    Asked,
}

impl Receiving {
    pub(crate) fn new(
        engine: Arc<Engine>,
        held: Held,
        claim: CancellationToken,
        row: UploadRow,
    ) -> Receiving {
        let offset = held.entry.offset();
        Receiving { engine, held: Some(held), claim, row, format: None, offset, granted: 0 }
    }

    /// Which upload it is.
    pub fn id(&self) -> UploadId {
        self.row.id
    }

    /// Where the next byte goes: how many are synced.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes there will be, if that is known.
    pub fn length(&self) -> Option<u64> {
        self.row.length
    }

    /// The upload as it was when it was taken, with what was set since.
    pub fn row(&self) -> &UploadRow {
        &self.row
    }

    /// When the upload goes if nothing more comes.
    pub fn expires(&self) -> UnixMs {
        self.row.expires
    }

    /// What the file is, once enough of its bytes came in through this value.
    pub fn format(&self) -> Option<Format> {
        self.format
    }

    /// Says how many bytes there will be. The same again is fine.
    ///
    /// # Errors
    /// `LengthConflict` when another length was said before, or more bytes are there; `TooLarge`, `Quota`, `Full`.
    pub async fn set_length(&mut self, length: u64) -> Result<(), Error> {
        if self.row.length == Some(length) {
            return Ok(());
        }
        if let Some(before) = self.row.length {
            let said = format!("the length of this upload is {before} bytes and cannot become {length}");
            return Err(Error::new(ErrorKind::LengthConflict, said));
        }
        if length < self.offset {
            let said = format!("{} bytes are there, which is more than {length}", self.offset);
            return Err(Error::new(ErrorKind::LengthConflict, said));
        }
        if length > self.bytes_max() {
            return Err(self.engine.too_large(self.bytes_max()));
        }
        let entry = Arc::clone(&self.held()?.entry);
        self.row = self.engine.name_length(&entry, self.offset, length).await?;
        Ok(())
    }

    /// Says what the sender wants, as a whole: fields of a form may come behind its file.
    ///
    /// # Errors
    /// `BadRequest` when a text is too long.
    pub async fn describe(&mut self, asked: Asked) -> Result<(), Error> {
        let ask = Some(checked_names(asked)?);
        let change = UploadChange { ask, ..UploadChange::default() };
        self.row = self.engine.catalog.change_upload(self.row.id, &[Phase::Receiving], &change).await?;
        Ok(())
    }

    /// Takes the bytes of a request in and gives the new synced offset. When it fails or is dropped, what came up to then
    /// is kept, unless a checksum was promised for the whole of it: then nothing is.
    ///
    /// # Errors
    /// `LengthConflict` and `TooLarge` when there are more bytes than there may be, `Mismatch`, `TooSlow`, `BrokenOff`,
    /// `TakenOver`, `Full`, `Refused`: the upload stays as it is and can go on. `NotMedia`, and `TooLarge` for a picture:
    /// the upload has failed. `Store`: it cannot go on now.
    pub async fn append<B>(&mut self, body: B, check: Option<Checksum>) -> Result<u64, Error>
    where
        B: Body<Data = Bytes>,
    {
        self.engine.check_on()?;
        if let Some(declared) = body.size_hint().exact() {
            self.check_room(declared)?;
        }
        let _permit = self.engine.budget.wait(Pool::Uploads, UPLOAD_BYTES).await?;
        let _counted = self.engine.metrics.receives();
        let done = self.append_whole(pin!(body), check).await;
        let outcome = done.as_ref().err().map_or("complete", |error| error.kind.slug());
        self.engine.metrics.request(outcome);
        done
    }

    async fn append_whole<B>(&mut self, mut body: Pin<&mut B>, check: Option<Checksum>) -> Result<u64, Error>
    where
        B: Body<Data = Bytes>,
    {
        let mut intake = Intake {
            job: Job::new(self.engine.chunks.lend(), check.map(Checksum::start)),
            pace: Pace::new(self.engine.limits.rate_bytes_min),
            synced_at: Instant::now(),
            checked: check.is_some(),
        };
        self.held_mut()?.provisional = check.is_some();
        let came = self.receive(body.as_mut(), &mut intake).await;
        let settled = self.settle(intake, came).await;
        if self.claim.is_cancelled() {
            // Whoever took it waits; this owner can do nothing more.
            self.held = None;
        }
        settled?;
        self.prolong().await;
        Ok(self.offset)
    }

    /// Reads the body to its end, or until something ends it.
    async fn receive<B>(&mut self, mut body: Pin<&mut B>, intake: &mut Intake) -> Result<(), Error>
    where
        B: Body<Data = Bytes>,
    {
        loop {
            let since = Instant::now();
            let (window_ends, sync_due) = (intake.pace.ends(since), intake.sync_due());
            let unsynced = self.has_unsynced(intake)?;
            let entry = Arc::clone(&self.held()?.entry);
            let event = tokio::select! {
                biased;
                () = self.claim.cancelled() => return Err(Error::taken_over()),
                frame = body.frame() => Event::Frame(frame.map(|frame| frame.map_err(drop))),
                () = tokio::time::sleep_until(sync_due), if unsynced => Event::SyncDue,
                () = entry.asked.notified() => Event::Asked,
                () = tokio::time::sleep_until(window_ends) => Event::WindowEnds,
            };
            match event {
                Event::Frame(None) => return Ok(()),
                Event::Frame(Some(Err(()))) => {
                    return Err(Error::new(ErrorKind::BrokenOff, "the request broke off"));
                }
                Event::Frame(Some(Ok(frame))) => {
                    // Trailers carry nothing that is used here.
                    let Ok(data) = frame.into_data() else { continue };
                    intake.pace.came(data.len(), since.elapsed());
                    self.take_in(data, intake).await?;
                }
                Event::SyncDue => {
                    intake.pace.came(0, since.elapsed());
                    self.work(intake, Extent::Synced).await?;
                }
                Event::Asked => {
                    intake.pace.came(0, since.elapsed());
                    if unsynced {
                        self.work(intake, Extent::Synced).await?;
                    }
                    drop(entry.askers());
                }
                Event::WindowEnds if intake.pace.is_enough() => {}
                Event::WindowEnds => {
                    let least = self.engine.limits.rate_bytes_min.max(1);
                    let said = format!("less than {least} bytes per second came; send the rest again");
                    return Err(Error::new(ErrorKind::TooSlow, said));
                }
            }
        }
    }

    /// Whether something came that can be synced now.
    fn has_unsynced(&self, intake: &Intake) -> Result<bool, Error> {
        Ok(!intake.checked && (intake.job.filled > 0 || self.held()?.is_dirty()))
    }

    /// Moves bytes into the buffer, and what fills it to the disk.
    async fn take_in(&mut self, mut data: Bytes, intake: &mut Intake) -> Result<(), Error> {
        self.held()?.entry.desk().active = Instant::now();
        let position = self.held()?.position() + intake.job.filled as u64;
        let left = self.bytes_max().saturating_sub(position);
        let excess = data.len() as u64 > left;
        if excess {
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        while !data.is_empty() {
            let count = intake.job.fill(&data, self.held()?.position());
            data.advance(count);
            if data.is_empty() {
                // The connection may have its buffer back before the disk is waited for.
                data = Bytes::new();
            }
            if intake.job.is_full() {
                self.work(intake, Extent::Pages).await?;
            }
        }
        if excess { Err(self.excess()) } else { Ok(()) }
    }

    /// Has a disk thread write what waits, and sync when that is due. Looks at the first bytes of a file as soon as they may
    /// be believed.
    async fn work(&mut self, intake: &mut Intake, extent: Extent) -> Result<(), Error> {
        let bytes = intake.job.filled as u64;
        let end = self.held()?.position() + bytes;
        if self.row.length.is_none() && end > self.granted {
            self.granted = self.engine.grant(self.row.owner, self.offset, end).await?;
        }
        let held = self.held.take().ok_or_else(Error::taken_over)?;
        let unsynced = held.position().saturating_sub(held.entry.offset()) + bytes;
        let due = unsynced >= UPLOAD_SYNC_BYTES || intake.sync_due() <= Instant::now();
        intake.job.extent = if due && !intake.checked { Extent::Synced } else { extent };
        intake.job.sniff = (self.format.is_none() && !self.row.is_part && !intake.checked)
            .then(|| (self.row.length, self.row.ask.filename.clone()));
        // Who asked up to now is told what this syncs.
        let askers = if intake.job.extent == Extent::Synced { held.entry.askers() } else { Vec::new() };
        let left = self.bytes_max().saturating_sub(held.position());
        let (held, done) = self.engine.on_disk(held, &mut intake.job, left).await?;
        let entry = Arc::clone(&held.entry);
        self.held = Some(held);
        match done {
            Ok(done) => {
                if let Some(format) = done.format {
                    self.is_of(format).await?;
                }
                if let Some(offset) = done.synced {
                    intake.synced_at = Instant::now();
                    self.offset = offset;
                    let moved = self.engine.synced(&entry, offset);
                    drop(askers);
                    self.advance();
                    if moved {
                        self.prolong().await;
                    }
                }
                Ok(())
            }
            Err(failed) => Err(self.failed(failed).await),
        }
    }

    /// Ends a request: with all that came on disk, or with what its checksum forbids gone.
    async fn settle(&mut self, mut intake: Intake, came: Result<(), Error>) -> Result<(), Error> {
        if self.held.is_none() {
            return came.and(Err(Error::taken_over()));
        }
        // After these, nothing of what came can be kept or need be.
        if let Err(error) = &came
            && matches!(
                error.kind,
                ErrorKind::Full { .. } | ErrorKind::Quota { .. } | ErrorKind::Store | ErrorKind::NotMedia
            )
        {
            self.roll_back().await;
            return came;
        }
        if intake.checked {
            if came.is_ok() {
                self.work(&mut intake, Extent::Everything).await?;
            }
            let matches = intake.job.checking.take().is_some_and(|checking| checking.matches());
            if came.is_err() || !matches {
                self.roll_back().await;
                came?;
                let said = "the bytes do not match the checksum; none of them were kept";
                return Err(Error::new(ErrorKind::Mismatch, said));
            }
            self.held_mut()?.provisional = false;
            intake.checked = false;
        }
        self.work(&mut intake, Extent::Synced).await?;
        came
    }

    /// What the first bytes say about the file.
    async fn is_of(&mut self, format: Format) -> Result<(), Error> {
        self.format = Some(format);
        let max = self.engine.limits.image_bytes_max;
        let length = self.row.length.unwrap_or(0).max(self.held()?.position());
        if format.sort() == Sort::Image && length > max {
            let error = self.engine.too_large(max);
            self.give_up(&error).await;
            return Err(error);
        }
        Ok(())
    }

    async fn failed(&mut self, failed: Failed) -> Error {
        match failed {
            Failed::NotMedia(looks) => {
                let said = format!("this is no audio, video or picture that is kept here: {looks}");
                let error = Error::new(ErrorKind::NotMedia, said);
                self.give_up(&error).await;
                error
            }
            Failed::Full(error) => self.engine.full(error).await,
            Failed::Write(error) => {
                // The next owner opens it again, at what was acknowledged.
                if let Some(held) = &mut self.held {
                    held.spooled = None;
                }
                error.into()
            }
            Failed::Sync(error) => {
                if let Some(held) = &mut self.held {
                    held.spooled = None;
                }
                if error.kind() == store::ErrorKind::Full {
                    return self.engine.full(error).await;
                }
                self.engine.switch_off(&error);
                let error = Error::from(error);
                self.give_up(&error).await;
                error
            }
        }
    }

    /// The upload has failed.
    async fn give_up(&mut self, why: &Error) {
        let Some(held) = self.held.take() else { return };
        let entry = Arc::clone(&held.entry);
        self.engine.fail(&entry, Some(held), why).await;
    }

    async fn roll_back(&mut self) {
        let Some(mut held) = self.held.take() else { return };
        held.provisional = true;
        if let Err(error) = self.engine.open(&mut held).await {
            tracing::warn!(upload = %self.row.id, %error, "an upload could not be rolled back yet");
        }
        self.held = Some(held);
    }

    /// Tells a remote store that it may send what is synced.
    fn advance(&self) {
        if let Some(format) = self.format
            && !self.row.is_part
            && self.engine.blobs.is_remote()
        {
            let job = crate::complete::publication(&self.row, Some(format));
            self.engine.blobs.advance(&job, self.offset);
        }
    }

    /// An upload that goes on lives on.
    async fn prolong(&mut self) {
        let Ok(held) = self.held() else { return };
        let entry = Arc::clone(&held.entry);
        if let Some(row) = self.engine.prolong(&entry).await {
            self.row = row;
        }
    }

    /// Ends the upload: all bytes are there, and they become what they are. Its length becomes the offset when none was
    /// said before. With a remote store this returns as soon as all is durable here; then the phase is `publishing`. A
    /// part stays as it is until it is joined.
    ///
    /// # Errors
    /// `Conflict` when bytes are missing; `Empty`, `Mismatch`, `NotMedia`, `Quota`, `NotAllowed`: the upload has failed.
    /// `Catalog`, `Store`, `Full`: it is completed in the background as soon as that is possible.
    pub async fn end(mut self) -> Result<UploadRow, Error> {
        match self.row.length {
            None if self.offset == 0 && !self.row.is_part => {}
            None => self.set_length(self.offset).await?,
            Some(length) if length != self.offset => {
                let said = format!("{} bytes of {length} are there", self.offset);
                return Err(Error::new(ErrorKind::Conflict { offset: self.offset }, said));
            }
            Some(_) => {}
        }
        if self.row.is_part {
            return Ok(self.row.clone());
        }
        let held = self.held.take().ok_or_else(Error::taken_over)?;
        self.engine.complete_for_sender(held).await
    }

    /// What the upload may have.
    fn bytes_max(&self) -> u64 {
        let limits = &self.engine.limits;
        let max = match self.format {
            Some(format) if format.sort() == Sort::Image => limits.image_bytes_max,
            _ => limits.upload_bytes_max,
        };
        self.row.length.unwrap_or(max)
    }

    fn check_room(&self, more: u64) -> Result<(), Error> {
        match self.offset.checked_add(more) {
            Some(end) if end <= self.bytes_max() => Ok(()),
            _ => Err(self.excess()),
        }
    }

    fn excess(&self) -> Error {
        match self.row.length {
            Some(length) => Error::new(
                ErrorKind::LengthConflict,
                format!("there are more bytes than the {length} of this upload"),
            ),
            None => self.engine.too_large(self.bytes_max()),
        }
    }

    fn held(&self) -> Result<&Held, Error> {
        self.held.as_ref().ok_or_else(Error::taken_over)
    }

    fn held_mut(&mut self) -> Result<&mut Held, Error> {
        self.held.as_mut().ok_or_else(Error::taken_over)
    }
}

impl Intake {
    fn sync_due(&self) -> Instant {
        self.synced_at + Duration::from_millis(UPLOAD_SYNC_MS)
    }
}

impl std::fmt::Debug for Receiving {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiving").field("id", &self.row.id).field("offset", &self.offset).finish()
    }
}
