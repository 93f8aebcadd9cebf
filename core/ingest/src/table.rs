//! The table of open uploads: who may touch which spool file now.
//!
//! Each upload has one baton. Who holds it ([`Held`]) has the spool file alone; nobody else can write to it or move what
//! is acknowledged. A new request claims the upload: the claim before is cancelled, its request flushes and lets go. When
//! a request is dropped at any await point, its [`Held`] parks the open file here, also when a disk thread has it at that
//! moment: then the thread parks it when its work is done.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use budget::Slot;
use budget::limits::UPLOAD_TAKE_OVER_MS;
use catalog::{Phase, UnixMs, UploadId, UploadRow, UserId};
use store::{Reserved, Spooled};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::model::Progress;

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One open upload.
pub(crate) struct Entry {
    pub(crate) id: UploadId,
    pub(crate) owner: UserId,
    pub(crate) is_part: bool,
    pub(crate) begun: Instant,
    baton: Arc<Semaphore>,
    claim: Mutex<Claim>,
    desk: Mutex<Desk>,
    /// Somebody asks whoever has the baton to sync what came.
    pub(crate) asked: Notify,
    /// What everybody may see; `received_bytes` is what is synced, and is moved by the holder of the baton alone.
    pub(crate) progress: watch::Sender<Progress>,
    wake: Arc<Notify>,
}

/// Who has an upload, or waits for it, last.
#[derive(Default)]
struct Claim {
    latest: CancellationToken,
    count: u64,
}

/// What lies on the desk of an upload while nobody works at it.
pub(crate) struct Desk {
    parked: Option<Parked>,
    pub(crate) reserved: Option<Reserved>,
    /// How far the file goes: up to here the promised room is used.
    written: u64,
    /// When it goes if nothing more comes, as the database has it.
    pub(crate) expires: UnixMs,
    pub(crate) slot: Option<Slot<UserId>>,
    /// When bytes came last, or our disk was done with some, or a request began.
    pub(crate) active: Instant,
    /// A piece of work waits for our disk: if nothing comes meanwhile, that is not the sender's fault.
    pub(crate) working: bool,
    /// All bytes are there: no request may have it any more.
    pub(crate) completing: bool,
    /// Nobody was told of it yet: if its beginning is dropped, it is taken back.
    pub(crate) beginning: bool,
    /// Its end is being written down: if that is dropped, it is looked up whether it was.
    pub(crate) ending: bool,
    /// Nobody knows its address, and its only request is gone: unless all its bytes came, it is cancelled.
    pub(crate) unwanted: bool,
    /// The part whose slot it has, which gets it back if it is still there then.
    pub(crate) lender: Option<Arc<Entry>>,
    /// Requests that wait for what came to be on disk; they are told by being let go.
    askers: Vec<oneshot::Sender<()>>,
    /// It ended: whatever is parked is dropped, and its files are to be removed.
    pub(crate) over: bool,
    pub(crate) failures: u32,
    pub(crate) retry_at: Option<Instant>,
}

struct Parked {
    spooled: Spooled,
    provisional: bool,
    since: Instant,
}

impl Parked {
    /// Whether something lies behind the acknowledged bytes.
    fn is_dirty(&self) -> bool {
        self.provisional || self.spooled.position() > self.spooled.acked()
    }
}

impl Entry {
    pub(crate) fn new(
        row: &UploadRow,
        offset: u64,
        reserved: Option<Reserved>,
        slot: Option<Slot<UserId>>,
        wake: Arc<Notify>,
    ) -> Entry {
        let desk = Desk {
            parked: None,
            reserved,
            written: offset,
            expires: row.expires,
            slot,
            active: Instant::now(),
            working: false,
            completing: matches!(row.phase, Phase::Checking | Phase::Publishing),
            beginning: false,
            ending: false,
            unwanted: false,
            lender: None,
            askers: Vec::new(),
            over: false,
            failures: 0,
            retry_at: None,
        };
        Entry {
            id: row.id,
            owner: row.owner,
            is_part: row.is_part,
            begun: Instant::now(),
            baton: Arc::new(Semaphore::new(1)),
            claim: Mutex::default(),
            desk: Mutex::new(desk),
            asked: Notify::new(),
            progress: watch::Sender::new(Progress::of(row, offset)),
            wake,
        }
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    /// Bytes that are synced.
    pub(crate) fn offset(&self) -> u64 {
        self.progress.borrow().received_bytes
    }

    /// Whether somebody has the baton.
    pub(crate) fn is_held(&self) -> bool {
        self.baton.available_permits() == 0
    }

    /// Whether all bytes of a file are there.
    pub(crate) fn is_whole(&self) -> bool {
        let progress = self.progress.borrow();
        !self.is_part && progress.length == Some(progress.received_bytes)
    }

    /// Whether whoever has it has received nothing for a while.
    pub(crate) fn has_hung(&self) -> bool {
        let desk = self.desk();
        !desk.working && desk.active.elapsed() >= Duration::from_millis(UPLOAD_TAKE_OVER_MS)
    }

    /// Has `ask` see to it that more room is promised, away from the desk: that asks the system, which may take its time,
    /// and others come to the desk who must not wait. Blocks.
    pub(crate) fn reserve<E>(
        &self,
        ask: impl FnOnce(&mut Option<Reserved>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut reserved = self.desk().reserved.take();
        let asked = ask(&mut reserved);
        let mut desk = self.desk();
        // When two asked at once, the larger promise stays; the other goes back.
        let there = desk.reserved.as_ref().map_or(0, Reserved::bytes);
        if !desk.over && reserved.as_ref().is_some_and(|mine| mine.bytes() >= there) {
            std::mem::swap(&mut desk.reserved, &mut reserved);
        }
        drop(desk);
        asked
    }

    /// Says how far the file goes. What is written was promised no longer; what was cut off is promised again.
    fn wrote(&self, position: u64) {
        let mut desk = self.desk();
        let before = std::mem::replace(&mut desk.written, position);
        let Some(reserved) = desk.reserved.as_mut() else { return };
        reserved.used(position.saturating_sub(before));
        reserved.unused(before.saturating_sub(position));
    }

    /// Tells whoever had the upload to let go, and says that it is now claimed by the caller.
    pub(crate) fn claim(&self) -> CancellationToken {
        let mine = CancellationToken::new();
        let before = {
            let mut claim = lock(&self.claim);
            claim.count += 1;
            std::mem::replace(&mut claim.latest, mine.clone())
        };
        before.cancel();
        mine
    }

    /// Has whoever receives bytes for it sync what came, and waits until that is done, or he lets go, or his disk hangs.
    pub(crate) async fn sync_what_came(&self) {
        let (ask, done) = oneshot::channel();
        self.desk().askers.push(ask);
        // The baton may have been given back before that; then nobody would answer.
        if !self.is_held() {
            drop(self.askers());
        }
        self.asked.notify_one();
        let patience = Duration::from_millis(UPLOAD_TAKE_OVER_MS);
        // Nothing is ever sent: the other end goes, and that is the answer.
        let _ = tokio::time::timeout(patience, done).await;
    }

    /// Those who wait for a sync. Let them go when it is done.
    pub(crate) fn askers(&self) -> Vec<oneshot::Sender<()>> {
        std::mem::take(&mut self.desk().askers)
    }

    /// How many claims there were.
    pub(crate) fn claim_count(&self) -> u64 {
        lock(&self.claim).count
    }

    /// Waits for the baton until whoever had it must have flushed; `None` when his disk hangs.
    pub(crate) async fn baton(self: &Arc<Self>) -> Option<Held> {
        let patience = Duration::from_millis(UPLOAD_TAKE_OVER_MS);
        let taken = tokio::time::timeout(patience, Arc::clone(&self.baton).acquire_owned()).await;
        taken.ok()?.ok().map(|permit| self.hold(permit))
    }

    /// The baton, if nobody has it.
    pub(crate) fn free_baton(self: &Arc<Self>) -> Option<Held> {
        Arc::clone(&self.baton).try_acquire_owned().ok().map(|permit| self.hold(permit))
    }

    fn hold(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Held {
        let parked = self.desk().parked.take();
        let (spooled, provisional) = match parked {
            Some(parked) => (Some(parked.spooled), parked.provisional),
            None => (None, false),
        };
        Held { entry: Arc::clone(self), spooled, provisional, _permit: permit }
    }

    /// What the one who looks after the table has to do here, at `now`.
    pub(crate) fn chore(&self, now: Instant, parked_max: Duration) -> Option<Chore> {
        if self.is_held() {
            return None;
        }
        let is_whole = self.is_whole();
        let desk = self.desk();
        if desk.over {
            return Some(Chore::Clear);
        }
        if desk.beginning {
            return Some(Chore::TakeBack);
        }
        if desk.ending {
            return Some(Chore::LookUp);
        }
        if desk.completing {
            return desk.retry_at.is_none_or(|at| at <= now).then_some(Chore::Complete);
        }
        if desk.unwanted {
            return desk.retry_at.is_none_or(|at| at <= now).then_some(Chore::GiveUp);
        }
        if desk.parked.as_ref().is_some_and(Parked::is_dirty) {
            return Some(Chore::Flush);
        }
        // Its last request may have broken off behind the last byte, and nobody need come back for it.
        if is_whole {
            return Some(Chore::Complete);
        }
        let parked = desk.parked.as_ref()?;
        (now.duration_since(parked.since) >= parked_max).then_some(Chore::Close)
    }

    pub(crate) fn is_parked(&self) -> bool {
        self.desk().parked.is_some()
    }

    /// Gives back what an open upload counts for, when it ended.
    pub(crate) fn release(&self) {
        let (reserved, mut slot, lender) = {
            let mut desk = self.desk();
            desk.over = true;
            (desk.reserved.take(), desk.slot.take(), desk.lender.take())
        };
        if let Some(lender) = lender {
            let mut desk = lender.desk();
            if !desk.over && desk.slot.is_none() {
                desk.slot = slot.take();
            }
        }
        drop((reserved, slot));
    }
}

/// Something to do for an upload at which nobody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// A request was dropped before its last sync.
    Flush,
    /// The file was open for long enough.
    Close,
    /// All bytes are there.
    Complete,
    /// It ended while somebody still had it.
    Clear,
    /// It was dropped before anybody was told of it.
    TakeBack,
    /// It was dropped while its end was written down.
    LookUp,
    /// Nobody can go on with it.
    GiveUp,
}

/// The baton of one upload, with its open spool file. Dropping it parks the file.
pub(crate) struct Held {
    pub(crate) entry: Arc<Entry>,
    /// The file, once it is open.
    pub(crate) spooled: Option<Spooled>,
    /// What lies behind the acknowledged bytes waits for a checksum, and may not be acknowledged before.
    pub(crate) provisional: bool,
    _permit: OwnedSemaphorePermit,
}

impl Held {
    /// Where the next byte goes, synced or not.
    pub(crate) fn position(&self) -> u64 {
        self.spooled.as_ref().map_or_else(|| self.entry.offset(), Spooled::position)
    }

    /// Says that bytes were written or cut off, whatever became of the attempt.
    pub(crate) fn wrote(&self) {
        if let Some(spooled) = &self.spooled {
            self.entry.wrote(spooled.position());
        }
    }

    /// Whether something lies behind the acknowledged bytes.
    pub(crate) fn is_dirty(&self) -> bool {
        self.spooled.as_ref().is_some_and(|spooled| self.provisional || spooled.position() > spooled.acked())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.entry.askers());
        let spooled = self.spooled.take();
        let mut desk = self.entry.desk();
        desk.working = false;
        let Some(spooled) = spooled else { return };
        // What could not be written is opened again by whoever comes next. A file that failed to sync is left to whoever
        // looks after the table: that ends all uploads.
        if desk.over || (spooled.is_broken() && !spooled.has_failed_to_sync()) {
            drop(desk);
            self.entry.wake.notify_one();
            return;
        }
        desk.parked = Some(Parked { spooled, provisional: self.provisional, since: Instant::now() });
        drop(desk);
        // The permit goes after this; who is woken too early looks again a moment later.
        self.entry.wake.notify_one();
    }
}

/// All open uploads.
#[derive(Default)]
pub(crate) struct Table {
    entries: Mutex<HashMap<UploadId, Arc<Entry>>>,
}

impl Table {
    pub(crate) fn get(&self, id: UploadId) -> Option<Arc<Entry>> {
        lock(&self.entries).get(&id).cloned()
    }

    /// Adds an entry, or gives the one that is there already.
    pub(crate) fn add(&self, entry: Arc<Entry>) -> Arc<Entry> {
        Arc::clone(lock(&self.entries).entry(entry.id).or_insert(entry))
    }

    pub(crate) fn remove(&self, id: UploadId) {
        let removed = lock(&self.entries).remove(&id);
        drop(removed);
    }

    pub(crate) fn len(&self) -> usize {
        lock(&self.entries).len()
    }

    /// Bytes of a user's uploads whose length nobody knows yet, as far as they came.
    pub(crate) fn unsized_bytes(&self, owner: UserId) -> u64 {
        let bytes = |entry: &Arc<Entry>| {
            let progress = entry.progress.borrow();
            let open = entry.owner == owner && progress.length.is_none() && !progress.phase.is_end();
            if open { progress.received_bytes } else { 0 }
        };
        lock(&self.entries).values().map(bytes).sum()
    }

    /// Changes whenever an open upload of this user, or of anybody, comes further, begins to be sent or is sent no longer.
    pub(crate) fn print(&self, whose: Option<UserId>) -> u64 {
        let entries = lock(&self.entries);
        let seen = entries.values().filter(|entry| whose.is_none_or(|owner| entry.owner == owner));
        let print = |entry: &Arc<Entry>| {
            let mut hasher = DefaultHasher::new();
            (entry.id, entry.offset(), entry.is_held()).hash(&mut hasher);
            hasher.finish()
        };
        // Their order in the table means nothing.
        seen.map(print).fold(0, u64::wrapping_add)
    }

    /// All entries at this moment.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        lock(&self.entries).values().cloned().collect()
    }
}
