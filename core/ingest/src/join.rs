//! Parts that were sent beside each other become one upload: one pass that reads, hashes and writes.

use std::sync::Arc;

use budget::limits::{SNIFF_BYTES, UPLOAD_BYTES, UPLOAD_PARTS_MAX, UPLOAD_SYNC_BYTES};
use budget::{Pool, Slot};
use catalog::{Phase, UploadChange, UploadId, UploadRow, User, UserId};
use store::{SpoolReader, Spooled};

use crate::complete::not_media;
use crate::create::Place;
use crate::engine::{Engine, Ingest};
use crate::error::{Error, ErrorKind};
use crate::metrics::Ended;
use crate::model::{Ask, Created};
use crate::sniff::{Sniffed, sniff};
use crate::table::{Entry, Held};

impl Ingest {
    /// Joins parts, in this order, to one upload, and completes it. The room for it is reserved first. The parts go when
    /// it stands; the same request again gives the same upload. When this fails or is dropped the parts stay.
    ///
    /// # Errors
    /// `BadRequest` when they are no parts or too many; `NotFound` and `Gone` as [`Ingest::status`]; `Conflict` with the
    /// offset of the part that is not whole; `TooLarge`, `Full` and the other limits of [`Ingest::create`]; and all of
    /// [`Receiving::end`](crate::Receiving::end).
    pub async fn join(&self, who: &User, parts: Vec<UploadId>, ask: Ask) -> Result<Created, Error> {
        let engine = &self.0;
        engine.check_on()?;
        if parts.is_empty() || parts.len() > UPLOAD_PARTS_MAX {
            return Err(Error::bad_request(format!("an upload is joined of 1 to {UPLOAD_PARTS_MAX} parts")));
        }
        if let Some(joined) = engine.joined.get(&parts) {
            let row = engine.catalog.upload(Some(who.id), joined).await?;
            if !matches!(row.phase, Phase::Failed | Phase::Cancelled | Phase::Expired) {
                if matches!(row.phase, Phase::Publishing | Phase::Ready) {
                    // The request that joined them may have broken off before they went.
                    engine.release_parts(&parts).await;
                }
                return Ok(Created::Ready(row));
            }
        }
        let rows = engine.rows_of_parts(who, &parts).await?;
        let length = rows.iter().try_fold(0_u64, |sum, row| sum.checked_add(row.length.unwrap_or(0)));
        let length = length.unwrap_or(u64::MAX);
        if ask.length.is_some_and(|said| said != length) {
            let said = format!("the parts have {length} bytes together, and another length was said");
            return Err(Error::new(ErrorKind::LengthConflict, said));
        }
        let ask = engine.checked(Ask { length: Some(length), is_part: false, ..ask })?;
        // Boxed, because it is larger than what its callers hold.
        let row = Box::pin(engine.join_parts(who, &parts, &rows, ask)).await?;
        Ok(Created::Ready(row))
    }
}

impl Engine {
    /// The parts, all of which must be the user's and whole.
    async fn rows_of_parts(&self, who: &User, parts: &[UploadId]) -> Result<Vec<UploadRow>, Error> {
        let mut rows = Vec::with_capacity(parts.len());
        for id in parts {
            let row = self.open_or_ready(who, *id).await?;
            if !row.is_part {
                return Err(Error::bad_request("only parts can be joined"));
            }
            let entry = self.entry_of(&row).await?;
            // What a dropped request left is synced before it is counted.
            if let Some(mut held) = entry.free_baton().filter(Held::is_dirty) {
                self.open(&mut held).await?;
            }
            let offset = entry.offset();
            if row.length != Some(offset) {
                let said = format!("a part is not whole: {offset} of its bytes are there");
                return Err(Error::new(ErrorKind::Conflict { offset }, said));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    async fn join_parts(
        self: &Arc<Self>,
        who: &User,
        parts: &[UploadId],
        rows: &[UploadRow],
        ask: Ask,
    ) -> Result<UploadRow, Error> {
        let permit = self.budget.wait(Pool::Uploads, UPLOAD_BYTES).await?;
        let readers = self.readers(rows, ask.asked.filename.clone()).await?;
        // The parts count against the user too, until they go: twice the space is what joining takes.
        let reserved = Some(self.space(who.id, ask.length).await?);
        let (slot, lender) = self.slot_of_joined(who.id, parts)?;
        let place = Place { slot, reserved, lender };
        // In this phase a restart finds an upload that cannot go on, because nobody knows its parts any more.
        let (held, row) = self.begin_upload(who.id, ask, Phase::Checking, place).await?;
        let entry = Arc::clone(&held.entry);
        let copied = self.copy(held, readers).await;
        drop(permit);
        match copied {
            Ok(held) => {
                self.joined.insert(parts.to_vec(), row.id);
                let (engine, parts) = (Arc::clone(self), parts.to_vec());
                // Whoever waits may go away, and the parts go all the same.
                let done = self.completions.spawn(async move {
                    let row = engine.complete(held, true).await?;
                    engine.release_parts(&parts).await;
                    Ok(row)
                });
                let broke = |e| Error::new(ErrorKind::Store, "the upload is completed later").because(e);
                done.await.map_err(broke)?
            }
            Err(error) => {
                self.fail(&entry, entry.free_baton(), &error).await;
                Err(error)
            }
        }
    }

    /// A slot for what parts are joined to. When they have all that their user may have, it has the slot of one of them as
    /// long as it is open: nothing else could ever let them go.
    fn slot_of_joined(
        &self,
        user: UserId,
        parts: &[UploadId],
    ) -> Result<(Slot<UserId>, Option<Arc<Entry>>), Error> {
        let refused = match self.slot(user) {
            Ok(slot) => return Ok((slot, None)),
            Err(refused) => refused,
        };
        for lender in parts.iter().filter_map(|id| self.table.get(*id)) {
            let slot = lender.desk().slot.take();
            if let Some(slot) = slot {
                return Ok((slot, Some(lender)));
            }
        }
        Err(refused)
    }

    /// Opens the parts. What is not media is refused before it is copied.
    async fn readers(&self, rows: &[UploadRow], name: String) -> Result<Vec<SpoolReader>, Error> {
        let (spool, ids) = (self.spool.clone(), rows.iter().map(|row| row.id.0).collect::<Vec<_>>());
        let opened = self.io.run(move || {
            let readers = ids.into_iter().map(|id| spool.reader(id)).collect::<Result<Vec<_>, _>>()?;
            let mut head = [0; SNIFF_BYTES];
            // The first part may be shorter than that; then it is looked at when all is there.
            let count = readers.first().map_or(Ok(0), |first| first.read_at(&mut head, 0));
            let count =
                count.map_err(|e| Error::new(ErrorKind::Store, "a part could not be read").because(e))?;
            let whole = readers.len() == 1;
            match sniff(&head[..count], whole && count < SNIFF_BYTES, &name) {
                Sniffed::Refused(looks) => Err(not_media(looks)),
                Sniffed::Format(_) | Sniffed::Unknown => Ok(readers),
            }
        });
        opened.await?
    }

    /// Reads the parts one after the other through one buffer, a piece at a time.
    async fn copy(&self, mut held: Held, readers: Vec<SpoolReader>) -> Result<Held, Error> {
        self.open(&mut held).await?;
        let mut chunk = self.chunks.lend();
        for reader in readers {
            let mut part = (reader, 0_u64);
            while part.1 < part.0.len() {
                let step = self.io.run(move || {
                    let done = copy_some(&mut held, &part.0, part.1, &mut chunk);
                    held.wrote();
                    (held, chunk, part, done)
                });
                let done;
                (held, chunk, part, done) = step.await?;
                match done {
                    Ok((offset, synced)) => {
                        part.1 = offset;
                        if let Some(synced) = synced {
                            self.synced(&held.entry, synced);
                        }
                    }
                    Err(e) if e.kind() == store::ErrorKind::Full => return Err(self.full(e).await),
                    Err(e) if held.spooled.as_ref().is_some_and(Spooled::has_failed_to_sync) => {
                        return Err(self.not_synced(e));
                    }
                    Err(e) => return Err(e.into()),
                }
            }
        }
        Ok(held)
    }

    /// The parts are in the whole now. Those that went already are fine.
    async fn release_parts(&self, parts: &[UploadId]) {
        for id in parts {
            let entry = self.table.get(*id);
            let held = match &entry {
                Some(entry) => {
                    entry.claim();
                    entry.baton().await
                }
                None => None,
            };
            if let Some(entry) = &entry {
                entry.desk().ending = true;
            }
            let ready = UploadChange::to(Phase::Ready);
            match self.catalog.change_upload(*id, &[Phase::Receiving], &ready).await {
                Ok(row) => {
                    self.metrics.ended(Ended::Joined, None, None);
                    match entry {
                        Some(entry) => self.close(&entry, held, &row).await,
                        None => self.discard(&row).await,
                    }
                }
                Err(error) if error.kind() == catalog::ErrorKind::NotAllowed => {}
                Err(error) => tracing::warn!(upload = %id, %error, "a joined part will expire"),
            }
        }
    }
}

/// Copies up to the next sync. Blocks.
fn copy_some(
    held: &mut Held,
    from: &SpoolReader,
    mut offset: u64,
    buffer: &mut [u8],
) -> Result<(u64, Option<u64>), store::Error> {
    let Some(spooled) = held.spooled.as_mut() else { return Ok((from.len(), None)) };
    while offset < from.len() {
        offset += spooled.append_from(from, offset, buffer)? as u64;
        if spooled.position() - spooled.acked() >= UPLOAD_SYNC_BYTES {
            return Ok((offset, Some(spooled.sync()?)));
        }
    }
    Ok((offset, None))
}
