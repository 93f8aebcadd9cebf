//! The engine itself: what it is made of, and how an upload begins, is asked after, taken and given up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::limits::{
    JOINED_REMEMBERED_MAX, JOINED_REMEMBERED_MS, RETRY_AFTER, SPOOL_PAGE_BYTES, UPLOAD_CHUNK_BYTES,
    UPLOAD_CHUNKS_IDLE_MAX, UPLOADS_OPEN_MAX,
};
use budget::{BoundedMap, Budget, Chunks, Fault, Refused, Slots};
use catalog::{Catalog, Phase, UnixMs, UploadChange, UploadId, UploadRow, User, UserId};
use store::{Blobs, Io, Room, Spool};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::abandon::Abandoned;
use crate::error::{Error, ErrorKind};
use crate::metrics::{Ended, Metrics};
use crate::model::{Far, Limits, Progress, Status};
use crate::receive::Receiving;
use crate::table::{Entry, Held, Table};

/// What an engine is made of.
pub struct Parts {
    /// What is known.
    pub catalog: Arc<dyn Catalog>,
    /// Where bytes wait until they are whole.
    pub spool: Spool,
    /// The threads that wait for disks.
    pub io: Io,
    /// The free space that uploads share.
    pub room: Room,
    /// Where whole files are kept.
    pub blobs: Arc<dyn Blobs>,
    /// The law.
    pub budget: Budget,
    /// What uploads may take.
    pub limits: Limits,
}

/// The engine. A clone is the same one.
#[derive(Clone)]
pub struct Ingest(pub(crate) Arc<Engine>);

pub(crate) struct Engine {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) spool: Spool,
    pub(crate) io: Io,
    pub(crate) room: Room,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) budget: Budget,
    pub(crate) limits: Limits,
    pub(crate) chunks: Chunks,
    pub(crate) slots: Slots<UserId>,
    pub(crate) table: Table,
    /// Somebody left work for whoever looks after the table.
    pub(crate) wake: Arc<Notify>,
    /// Blobs were doomed.
    pub(crate) sweep: Notify,
    /// What the store is to forget.
    pub(crate) abandoned: Abandoned,
    /// What parts were joined to, so that a request that is sent again gets the same answer.
    pub(crate) joined: BoundedMap<Vec<UploadId>, UploadId>,
    /// Completions for senders, which go on when the sender goes away; [`Ingest::run`] waits for them in the end.
    pub(crate) completions: TaskTracker,
    pub(crate) metrics: Metrics,
    /// A sync failed: nobody knows any more what the disk keeps.
    off: AtomicBool,
}

impl Ingest {
    /// An engine of these parts. Call [`Ingest::recover`] before the first request, and [`Ingest::run`] beside them.
    pub fn new(parts: Parts) -> Ingest {
        let Parts { catalog, spool, io, room, blobs, budget, limits } = parts;
        Ingest(Arc::new(Engine {
            catalog,
            spool,
            io,
            room,
            blobs,
            budget,
            chunks: Chunks::aligned(UPLOAD_CHUNK_BYTES, SPOOL_PAGE_BYTES, UPLOAD_CHUNKS_IDLE_MAX),
            slots: Slots::new("uploads", "uploads_per_user", UPLOADS_OPEN_MAX, limits.uploads_per_user),
            limits,
            table: Table::default(),
            wake: Arc::new(Notify::new()),
            sweep: Notify::new(),
            abandoned: Abandoned::default(),
            joined: BoundedMap::new(
                "joined_uploads",
                JOINED_REMEMBERED_MAX,
                Duration::from_millis(JOINED_REMEMBERED_MS),
            ),
            completions: TaskTracker::new(),
            metrics: Metrics::new(),
            off: AtomicBool::new(false),
        }))
    }

    /// What uploads may take.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Where whole files are kept.
    pub fn blobs(&self) -> &Arc<dyn Blobs> {
        &self.0.blobs
    }

    /// Whether uploads go on. They end for good, until the next start, when a disk fails to sync: after that nobody knows
    /// what it keeps. Streams are not touched.
    pub fn is_on(&self) -> bool {
        !self.0.is_off()
    }

    /// Adds the figures of uploads to the metrics.
    pub fn register(&self, registry: &mut prometheus_client::registry::Registry) {
        self.0.metrics.register(registry);
        self.0.slots.register(registry);
        self.0.joined.register(registry);
    }

    /// Says how far an upload is. While bytes come in for it, what came of them is synced first and counts, unless it
    /// waits for its checksum, and that request goes on; one from which nothing came for a second is taken to hang, and
    /// ended.
    ///
    /// # Errors
    /// `NotFound` also when it is another user's; `Gone` when it ended without becoming anything.
    pub async fn status(&self, who: &User, id: UploadId) -> Result<Status, Error> {
        let engine = &self.0;
        let row = engine.open_or_ready(who, id).await?;
        if row.phase == Phase::Ready {
            let offset = row.length.unwrap_or(0);
            return Ok(Status { row, offset });
        }
        let entry = engine.entry_of(&row).await?;
        if entry.is_held() && !entry.desk().completing {
            // A sender who comes back after his line broke asks this first. What an old request of his, or a proxy in
            // front of us, still held back would move the offset after it was told, so that request ends here; one that
            // our own disk keeps waiting does not count as silent. Somebody who asks from elsewhere breaks off a sender
            // who paused for so long, who loses nothing: he goes on from what was synced. Who only wants to watch follows
            // the events, which end nothing.
            if entry.has_hung() {
                entry.claim();
                drop(entry.baton().await);
            } else {
                // What came before this question is in its answer, so that bytes sent on from there fit.
                entry.sync_what_came().await;
            }
        }
        if let Some(mut held) = entry.free_baton().filter(|held| held.is_dirty()) {
            engine.open(&mut held).await?;
        }
        // It may have ended meanwhile.
        let row = engine.open_or_ready(who, id).await?;
        let offset = if row.phase == Phase::Ready { row.length.unwrap_or(0) } else { entry.offset() };
        Ok(Status { row, offset })
    }

    /// How far an upload under way is, without a look at the disk and without a word to whoever sends it; none when it has
    /// ended, or nobody has asked for it since a start that could not look at it.
    pub fn far(&self, id: UploadId) -> Option<Far> {
        let entry = self.0.table.get(id)?;
        Some(Far { received_bytes: entry.offset(), is_held: entry.is_held() })
    }

    /// A number that is another one when an open upload of this user, or of anybody, has come further, has begun to be sent, or
    /// is sent no longer. It asks nobody but memory.
    pub fn print(&self, whose: Option<UserId>) -> u64 {
        self.0.table.print(whose)
    }

    /// Takes an upload, alone, to send bytes for it. A request that has it now is ended: what it received is synced
    /// first, which takes a second at most.
    ///
    /// # Errors
    /// As [`Ingest::status`]; `Conflict` when all bytes are there; `TakenOver` when a still newer request came while this
    /// one waited; `Refused` when the disk of the earlier request hangs; `Store` when uploads are off.
    pub async fn take(&self, who: &User, id: UploadId) -> Result<Receiving, Error> {
        let engine = &self.0;
        let row = engine.open_or_ready(who, id).await?;
        let done = |row: &UploadRow| {
            let offset = row.length.unwrap_or(0);
            Error::new(ErrorKind::Conflict { offset }, "all bytes of this upload are there")
        };
        if row.phase != Phase::Receiving {
            return Err(done(&row));
        }
        engine.check_on()?;
        let entry = engine.entry_of(&row).await?;
        if entry.desk().completing {
            return Err(done(&row));
        }
        let was_held = entry.is_held();
        let claim = entry.claim();
        let Some(mut held) = entry.baton().await else { return Err(disk_hangs()) };
        if claim.is_cancelled() {
            return Err(Error::taken_over());
        }
        // Whoever had it may have ended it, or named its length.
        let row = engine.open_or_ready(who, id).await?;
        if row.phase != Phase::Receiving || entry.desk().completing {
            return Err(done(&row));
        }
        engine.open(&mut held).await?;
        engine.metrics.taken(was_held, entry.offset() > 0);
        entry.desk().active = Instant::now();
        Ok(Receiving::new(Arc::clone(engine), held, claim, row))
    }

    /// Gives an upload up: its bytes go, and a request that sends some is ended.
    ///
    /// # Errors
    /// As [`Ingest::status`]; `Gone` also when it is ready: then it is a track, and removed as one. A picture is no track,
    /// and goes unless a track shows it or its sender had it before this upload.
    pub async fn cancel(&self, who: &User, id: UploadId) -> Result<(), Error> {
        let engine = &self.0;
        let row = engine.open_or_ready(who, id).await?;
        if row.phase != Phase::Ready {
            // One that is still being published is nobody's picture yet, and would become one.
            match engine.end(&row, UploadChange::to(Phase::Cancelled), Ended::Cancelled).await {
                Err(error) if error.kind == ErrorKind::Gone => {}
                ended => return ended,
            }
        }
        let row = engine.open_or_ready(who, id).await?;
        let Some(blob) = row.blob.filter(|_| row.track.is_none()) else {
            return Err(Error::gone("this upload is ready; remove its track instead"));
        };
        if !engine.catalog.remove_media(who.id, blob, row.created).await? {
            return Err(Error::gone("this picture is shown by a track, was there before, or is gone"));
        }
        self.sweep_soon();
        Ok(())
    }

    /// Follows an upload: the receiver has its state now, and is told of every change until it ends.
    ///
    /// # Errors
    /// `NotFound` also when it is another user's.
    pub async fn watch(&self, who: &User, id: UploadId) -> Result<watch::Receiver<Progress>, Error> {
        let engine = &self.0;
        let row = engine.catalog.upload(Some(who.id), id).await?;
        if let Some(entry) = engine.table.get(id) {
            return Ok(entry.progress.subscribe());
        }
        let offset = match row.phase {
            Phase::Ready => row.length.unwrap_or(0),
            _ if row.phase.is_end() => 0,
            _ => return Ok(engine.entry_of(&row).await?.progress.subscribe()),
        };
        Ok(watch::Sender::new(Progress::of(&row, offset)).subscribe())
    }
}

/// The phases of an upload that is under way.
pub(crate) const OPEN: [Phase; 3] = [Phase::Receiving, Phase::Checking, Phase::Publishing];

impl Engine {
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Ordering::Relaxed)
    }

    pub(crate) fn check_on(&self) -> Result<(), Error> {
        if self.is_off() {
            let said =
                "the server's disk failed to keep what was written; uploads are off until it is looked at";
            return Err(Error::new(ErrorKind::Store, said));
        }
        Ok(())
    }

    /// After a failed sync no later one proves anything.
    pub(crate) fn switch_off(&self, why: &store::Error) {
        if !self.off.swap(true, Ordering::Relaxed) {
            self.metrics.off();
            tracing::error!(error = %why, "a sync failed; uploads are off until the server is started again");
        }
    }

    /// A user's upload that is under way or ready.
    pub(crate) async fn open_or_ready(&self, who: &User, id: UploadId) -> Result<UploadRow, Error> {
        let row = self.catalog.upload(Some(who.id), id).await?;
        match row.phase {
            Phase::Failed => {
                let why = row.failure.clone().unwrap_or_default();
                Err(Error::gone(format!("this upload failed: {why}")))
            }
            Phase::Cancelled => Err(Error::gone("this upload was cancelled")),
            Phase::Expired => Err(Error::gone("this upload has expired")),
            Phase::Receiving if row.expires <= now_ms() && self.lives_until(id) <= Some(now_ms()) => {
                Err(Error::gone("this upload has expired"))
            }
            Phase::Receiving | Phase::Checking | Phase::Publishing => Ok(row),
            Phase::Ready if row.is_part => Err(Error::gone("this part was joined with others")),
            Phase::Ready => Ok(row),
        }
    }

    /// The entry of an upload that is under way: from the table, else made from what the spool has.
    pub(crate) async fn entry_of(&self, row: &UploadRow) -> Result<Arc<Entry>, Error> {
        if let Some(entry) = self.table.get(row.id) {
            return Ok(entry);
        }
        self.adopt(row).await
    }

    /// Adds an entry to the table.
    pub(crate) fn enter(&self, entry: Arc<Entry>) -> Arc<Entry> {
        let entry = self.table.add(entry);
        self.metrics.open(self.table.len());
        entry
    }

    /// Makes the held upload ready to be written to: opens its file if nobody left it open, and settles what a dropped
    /// request left behind the acknowledged bytes. Then nothing is behind them.
    pub(crate) async fn open(&self, held: &mut Held) -> Result<(), Error> {
        let id = held.entry.id;
        let (spooled, provisional) = (held.spooled.take(), held.provisional);
        let spool = self.spool.clone();
        let opened = self.io.run(move || {
            // What failed to be written is opened again. What failed to sync says so once more here, and ends all uploads.
            let is_usable = |spooled: &store::Spooled| !spooled.is_broken() || spooled.has_failed_to_sync();
            let mut spooled = match spooled.filter(is_usable) {
                Some(spooled) => spooled,
                None => spool.reopen(id.0)?,
            };
            if spooled.position() > spooled.acked() {
                if !provisional {
                    spooled.sync()?;
                } else if let Err(error) = spooled.rollback() {
                    if is_usable(&spooled) {
                        return Err(error);
                    }
                    drop(spooled);
                    spooled = spool.reopen(id.0)?;
                }
            }
            Ok::<_, store::Error>(spooled)
        });
        match opened.await? {
            Ok(spooled) => {
                let offset = spooled.acked();
                held.spooled = Some(spooled);
                held.provisional = false;
                held.wrote();
                if self.synced(&held.entry, offset) {
                    self.prolong(&held.entry).await;
                }
                Ok(())
            }
            Err(error) => Err(self.could_not_open(&held.entry, error).await),
        }
    }

    /// An upload whose bytes are gone is over; all else may pass.
    async fn could_not_open(&self, entry: &Arc<Entry>, error: store::Error) -> Error {
        match error.kind() {
            store::ErrorKind::Lost | store::ErrorKind::NotFound => {
                tracing::error!(upload = %entry.id, %error, "acknowledged bytes of an upload are gone");
                let lost = Error::gone("the bytes of this upload were lost").because(error);
                self.fail(entry, None, &lost).await;
                lost
            }
            _ => self.not_synced(error),
        }
    }

    /// What went wrong with a file of the spool that was opened or synced. `Broken` says there that a sync failed, and
    /// ends all uploads, whoever meets it.
    pub(crate) fn not_synced(&self, error: store::Error) -> Error {
        if error.kind() == store::ErrorKind::Broken {
            self.switch_off(&error);
        }
        error.into()
    }

    /// Says that so many bytes are on disk. The holder of the baton alone says it, and never less than before. True when
    /// they are more than before.
    pub(crate) fn synced(&self, entry: &Entry, offset: u64) -> bool {
        let before = entry.offset();
        if offset <= before {
            return false;
        }
        self.metrics.synced(offset - before);
        entry.progress.send_modify(|progress| progress.received_bytes = offset);
        true
    }

    /// Leaves an upload that nobody can go on with to whoever looks after the table.
    pub(crate) fn leave(&self, id: UploadId) {
        if let Some(entry) = self.table.get(id) {
            entry.desk().unwanted = true;
            self.wake.notify_one();
        }
    }

    /// Ends an upload from outside: cancelled or expired. A request that has it is told to let go; when its disk hangs,
    /// its files are removed as soon as it does. A store that is just being sent its bytes stops.
    pub(crate) async fn end(&self, row: &UploadRow, to: UploadChange, how: Ended) -> Result<(), Error> {
        let entry = self.table.get(row.id);
        let held = match &entry {
            Some(entry) => {
                entry.claim();
                self.blobs.stop(row.id.0);
                entry.baton().await
            }
            None => None,
        };
        if let Some(entry) = &entry {
            entry.desk().ending = true;
        }
        let row = match self.catalog.change_upload(row.id, &OPEN, &to).await {
            Ok(row) => row,
            Err(e) if e.kind() == catalog::ErrorKind::NotAllowed => {
                return Err(Error::gone("this upload has ended already"));
            }
            Err(e) => return Err(e.into()),
        };
        self.metrics.ended(how, row.length, None);
        match entry {
            Some(entry) => self.close(&entry, held, &row).await,
            None => self.discard(&row).await,
        }
        Ok(())
    }

    /// Ends an upload that cannot become ready, and says why.
    pub(crate) async fn fail(&self, entry: &Arc<Entry>, held: Option<Held>, why: &Error) {
        entry.desk().ending = true;
        let change = UploadChange::failed(why.said.clone());
        match self.catalog.change_upload(entry.id, &OPEN, &change).await {
            Ok(row) => {
                self.metrics.ended(Ended::Failed(why.kind.slug()), row.length, Some(entry.begun.elapsed()));
                self.close(entry, held, &row).await;
            }
            Err(error) if error.kind() == catalog::ErrorKind::NotFound => self.vanish(entry, held).await,
            Err(error) => {
                // Whoever looks after the table, or the next start, finds it as it is and comes to the same end.
                tracing::warn!(upload = %entry.id, %error, "the failure of an upload could not be written down");
            }
        }
    }

    /// Closes an upload that ended: its files go, whoever watches is told, and it counts for nothing any more. Without
    /// the baton the entry stays until its holder lets go.
    pub(crate) async fn close(&self, entry: &Arc<Entry>, held: Option<Held>, row: &UploadRow) {
        entry.release();
        let offset = entry.offset();
        entry.progress.send_modify(|progress| *progress = Progress::of(row, offset));
        match held {
            Some(held) => self.clear(held, row).await,
            None => self.wake.notify_one(),
        }
    }

    /// Removes the files of an upload that is over, and its entry.
    pub(crate) async fn clear(&self, mut held: Held, row: &UploadRow) {
        let spooled = held.spooled.take();
        // Closing the last handle of a removed file frees its blocks, which may take the disk a while.
        let _ = self.io.run(move || drop(spooled)).await;
        self.discard(row).await;
        self.table.remove(held.entry.id);
        self.metrics.open(self.table.len());
    }
}

/// The earlier request waits for a disk that does not answer: nobody may write to the upload before it does.
pub(crate) fn disk_hangs() -> Error {
    Error::from(Refused { what: "upload", fault: Fault::Server, retry_after: RETRY_AFTER })
}

/// Now, in Unix milliseconds.
pub(crate) fn now_ms() -> UnixMs {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest").field("open", &self.0.table.len()).finish_non_exhaustive()
    }
}
