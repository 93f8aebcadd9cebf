//! Renditions that are kept on this machine: found by key, bounded in bytes, and purged by what they were made of.
//!
//! Bytes are reserved before they are written and counted until the disk has them back: those that are made, those that
//! are kept, and those that were removed while somebody still reads them. So the bound holds at every moment. Files are
//! the store's, rows the catalog's (`cache.db`); both may disagree after a crash, and are compared at the start. Whatever
//! changes rows and files does so in turn.
//!
//! In memory is the index of the policy, [`RENDITION_INDEX_BYTES`] an entry at most, for as many entries as there are
//! permits for; everything else is read from the database. A key that is not kept costs no statement.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use budget::limits::{
    CACHE_PAGE_ROWS_MAX, CACHE_USES_WAITING_MAX, FAILURES_KEPT_MAX, FRESH_UNSUPPORTED_MS,
    RENDITION_INDEX_BYTES, RENDITIONS_BYTES_MAX, RENDITIONS_FREE_SHARE, RENDITIONS_KEPT_MAX,
    RENDITIONS_KEPT_MIN, STALE_MS, STORE_FREE_BYTES_MIN,
};
use budget::{BoundedMap, Budget, Permit, Pool};
use catalog::UnixMs;
use catalog::cache::{Index, Row, slot_of};
pub use catalog::cache::{Kind, Select};
use store::{DataFolder, Hold as AnyHold, RenditionId, Renditions, Source};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::error::{Error, ErrorKind};
use crate::recipe::Key;

mod books;
mod figures;
mod fresh;
mod hold;
mod kept;
mod open;
mod purge;
mod room;
mod start;
#[cfg(test)]
mod tests;
mod tidy;

use books::Books;
use figures::Figures;
pub use fresh::Lifetimes;
use hold::Ground;
use open::Open;
use purge::Purges;
pub use purge::{OnPurge, Purged, ask_to_purge, purge_unserved};
pub(crate) use room::Moment;
pub use room::{Entry, Filling, Room};

const DATABASE_FILE: &str = "cache.db";

/// What may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSettings {
    /// `cache.bytes`: what may be taken of the disk, what is being made included.
    pub bytes_max: u64,
    /// What is left free of the disk, in bytes, as long as renditions can go for it.
    pub free_bytes_min: u64,
    /// How many renditions may be kept, whatever their length.
    pub entries_max: usize,
}

impl Default for CacheSettings {
    fn default() -> Self {
        CacheSettings {
            bytes_max: RENDITIONS_BYTES_MAX,
            free_bytes_min: RENDITIONS_FREE_SHARE * STORE_FREE_BYTES_MIN,
            entries_max: RENDITIONS_KEPT_MAX,
        }
    }
}

/// A rendition that is kept, open. It can be read for as long as somebody has it, also when it was removed meanwhile.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it is found by.
    pub key: Key,
    /// Its bytes; the validator is the content's.
    pub source: Source,
    /// The media type.
    pub content_type: Arc<str>,
    /// What it can be purged by, beside path and key.
    pub tags: Arc<[String]>,
    /// The status that it is given with.
    pub status: u16,
    /// When it was made.
    pub created: UnixMs,
    /// Until when it may be given without asking anybody; after that, while it is made anew.
    pub fresh_until: UnixMs,
}

impl Made {
    /// How long ago it was made.
    pub fn age(&self) -> Duration {
        Duration::from_millis(u64::try_from(now_ms() - self.created).unwrap_or(0))
    }

    /// Whether it may be given without asking anybody.
    pub fn is_fresh(&self) -> bool {
        now_ms() < self.fresh_until
    }

    fn of(key: Key, row: &Row, source: Source) -> Made {
        Made {
            key,
            source,
            content_type: row.content_type.as_str().into(),
            tags: row.tags.clone().into(),
            status: row.status,
            created: row.created,
            fresh_until: row.fresh_until,
        }
    }
}

/// The cache. A clone is the same.
#[derive(Clone)]
pub struct Cache(Arc<Shared>);

struct Shared {
    renditions: Renditions,
    index: Index,
    books: Mutex<Books>,
    /// Whoever changes rows and files has it.
    turn: Semaphore,
    open: Mutex<Open>,
    /// Counts purges: what was opened in an earlier age may not be what a row says now.
    age: AtomicU64,
    purges: Mutex<Purges>,
    on_purge: OnceLock<OnPurge>,
    /// Slots that were used and wait to be written down.
    uses: Mutex<Vec<i64>>,
    failures: BoundedMap<Key, (Instant, Error)>,
    free_bytes_min: u64,
    /// What says how much of the disk is free, in place of the disk.
    #[cfg(test)]
    disk: OnceLock<Box<dyn Fn() -> u64 + Send + Sync>>,
    tasks: TaskTracker,
    figures: Figures,
    budget: Budget,
    _permit: Permit,
}

impl Cache {
    /// The cache of a data folder that nobody else serves. What a crash left of it is cleared; an index that is damaged is
    /// begun anew, without what was kept.
    ///
    /// # Errors
    /// When the disk or the database does not do what it must, and when there is no memory for the smallest index.
    pub async fn open(
        data: &DataFolder,
        renditions: Renditions,
        budget: &Budget,
        settings: CacheSettings,
    ) -> Result<Cache, Error> {
        let index = start::open_index(&data.path().join(DATABASE_FILE)).await?;
        let (entries_max, permit) = permitted(budget, settings.entries_max)?;
        let books = Books::new(settings.bytes_max, entries_max, Arc::<Ground>::default())?;
        let lifetime = Duration::from_millis(FRESH_UNSUPPORTED_MS);
        let cache = Cache(Arc::new(Shared {
            renditions,
            index,
            books: Mutex::new(books),
            turn: Semaphore::new(1),
            open: Mutex::default(),
            age: AtomicU64::new(0),
            purges: Mutex::default(),
            on_purge: OnceLock::new(),
            uses: Mutex::default(),
            failures: BoundedMap::new("rendition_failures", FAILURES_KEPT_MAX, lifetime),
            free_bytes_min: settings.free_bytes_min,
            #[cfg(test)]
            disk: OnceLock::new(),
            tasks: TaskTracker::new(),
            figures: Figures::default(),
            budget: budget.clone(),
            _permit: permit,
        }));
        cache.reconcile().await?;
        cache.load().await?;
        Ok(cache)
    }

    /// What is kept under a key.
    ///
    /// # Errors
    /// How making it failed lately, while that is remembered; otherwise of the disk and the database.
    pub async fn get(&self, key: Key) -> Result<Option<Made>, Error> {
        if let Some(error) = self.failure(&key) {
            return Err(error);
        }
        self.find(key).await
    }

    async fn find(&self, key: Key) -> Result<Option<Made>, Error> {
        let slot = slot_of(key.as_bytes());
        // A purge may come between any two lines. Whoever finds that his file is no entry any more looks once again.
        for _ in 0..2 {
            let age = self.age();
            let found = self.standing().get(&key, age);
            // Whoever changes a file, changes its times: what was compared of it before counts no more then.
            if let Some(made) = found
                && made.source.is_as_opened()
                && self.books().touch(slot)
            {
                self.used(slot);
                return Ok(Some(made).filter(|made| !is_over(made.fresh_until)));
            }
            let Some(hold) = self.books().hold(slot) else { return Ok(None) };
            let row = self.0.index.get(key.as_bytes()).await?;
            let Some(row) = row.filter(|row| !is_over(row.fresh_until)) else { return Ok(None) };
            let id = RenditionId::from_bytes(row.file);
            let any: AnyHold = Arc::clone(&hold) as AnyHold;
            let opened = self.0.renditions.open_made(id, &row.etag, any).await;
            if !hold.is_kept() {
                continue;
            }
            match opened {
                Ok(source) if source.len() == row.bytes => {
                    let made = Made::of(key, &row, source);
                    let closed = self.standing().insert(made.clone(), age);
                    drop(closed);
                    self.used(slot);
                    return Ok(Some(made));
                }
                // Somebody broke it or took it away: it is made again.
                Err(e) if !matches!(e.kind, store::ErrorKind::NotFound | store::ErrorKind::Corrupt) => {
                    return Err(e.into());
                }
                Ok(_) | Err(_) => self.forget(&[slot]).await?,
            }
        }
        Ok(None)
    }

    /// Whether something is kept under a key, as far as the index tells.
    pub fn has(&self, key: &Key) -> bool {
        self.books().has(slot_of(key.as_bytes()))
    }

    /// Lets go of what is kept under a key that nobody asks for any more. Nobody is told, since it concerns nobody.
    ///
    /// # Errors
    /// Of the disk and the database; it goes when its room is needed.
    pub async fn release(&self, key: Key) -> Result<(), Error> {
        let closed = self.standing().remove(&key);
        drop(closed);
        self.forget(&[slot_of(key.as_bytes())]).await
    }

    /// How making this failed lately.
    pub fn failure(&self, key: &Key) -> Option<Error> {
        let (until, error) = self.0.failures.get(key)?;
        (Instant::now() < until).then_some(error)
    }

    /// Remembers for a while that this cannot be made, as long as its kind of failure lasts; what to tell who waits for it.
    /// A kill may hit anybody. What was killed the last time too is what is too large.
    pub fn failed(&self, key: Key, mut error: Error, lifetimes: &Lifetimes) -> Error {
        let was_killed = || self.0.failures.get(&key).is_some_and(|(_, last)| last.kind == ErrorKind::Killed);
        if error.kind == ErrorKind::Killed && was_killed() {
            error =
                Error { kind: ErrorKind::TooLarge, context: "ffmpeg was killed again".to_owned(), ..error };
        }
        if let Some(lifetime) = lifetimes.of_failure(&error.kind) {
            self.0.failures.insert(key, (Instant::now() + lifetime, error.clone()));
        }
        error
    }

    /// How often since the start something was not kept any more: whoever remembers what is kept compares this, and looks only
    /// where it has changed.
    pub fn gone_total(&self) -> u64 {
        self.books().gone_total()
    }

    /// What may be taken of the disk, in bytes.
    pub fn limit_bytes(&self) -> u64 {
        self.books().limit_bytes()
    }

    /// What is taken of the disk, in bytes, and how many renditions are kept.
    pub fn taken(&self) -> (u64, usize) {
        let books = self.books();
        (books.taken_bytes(), books.entries())
    }

    /// How much is kept of each kind, as it was written down last.
    ///
    /// # Errors
    /// Of the database.
    pub async fn kinds(&self) -> Result<Vec<Kind>, Error> {
        Ok(self.0.index.kinds().await?)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standing(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn age(&self) -> u64 {
        self.0.age.load(Ordering::SeqCst)
    }

    fn used(&self, slot: i64) {
        let mut uses = self.0.uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() < CACHE_USES_WAITING_MAX {
            uses.push(slot);
        }
    }

    async fn turn(&self) -> Result<SemaphorePermit<'_>, Error> {
        self.0.turn.acquire().await.map_err(|_| Error::new(ErrorKind::Gone, "the cache is closed"))
    }

    /// Removes what is doomed from the database and the disk, in this order, so that nothing is found that is not there.
    /// Whoever calls has the turn. It may be given up at any point: what is not gone stays doomed, and counted.
    async fn settle(&self) -> Result<(), Error> {
        loop {
            let mut doomed = self.books().doomed(CACHE_PAGE_ROWS_MAX);
            if doomed.is_empty() {
                return Ok(());
            }
            let unnamed: Vec<i64> =
                doomed.iter().filter(|one| one.file.is_none()).map(|one| one.slot).collect();
            if !unnamed.is_empty() {
                let files = self.0.index.files(&unnamed).await?;
                for one in doomed.iter_mut().filter(|one| one.file.is_none()) {
                    let file = files.iter().find(|(slot, _)| *slot == one.slot);
                    one.file = file.map(|(_, file)| RenditionId::from_bytes(*file));
                }
                self.books().name(&doomed);
            }
            let files: Vec<RenditionId> = doomed.iter().filter_map(|one| one.file).collect();
            self.0.index.remove(&files.iter().map(|file| *file.as_bytes()).collect::<Vec<_>>()).await?;
            self.0.renditions.remove(files).await?;
            self.books().gone(doomed.len());
        }
    }

    /// Entries that are to go now.
    async fn forget(&self, slots: &[i64]) -> Result<(), Error> {
        let _turn = self.turn().await?;
        self.settle().await?;
        for slot in slots {
            self.books().forget(*slot);
        }
        self.settle().await
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, entries) = self.taken();
        f.debug_struct("Cache").field("bytes", &bytes).field("entries", &entries).finish_non_exhaustive()
    }
}

/// The memory of an index of so many entries, or of as many as half of what all caches may have holds.
fn permitted(budget: &Budget, entries_max: usize) -> Result<(usize, Permit), Error> {
    let ceiling_bytes = budget.figures()[Pool::Caches as usize].ceiling_bytes;
    let affordable = usize::try_from(ceiling_bytes / 2 / RENDITION_INDEX_BYTES).unwrap_or(usize::MAX);
    let entries = entries_max.clamp(1, affordable.max(RENDITIONS_KEPT_MIN));
    let permit = budget.take(Pool::Caches, entries as u64 * RENDITION_INDEX_BYTES)?;
    Ok((entries, permit))
}

/// Whether it is so long since it was fresh that it is not given at all.
fn is_over(fresh_until: UnixMs) -> bool {
    now_ms() >= fresh_until.saturating_add_unsigned(STALE_MS)
}

fn now_ms() -> UnixMs {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMs::try_from(since.as_millis()).unwrap_or(UnixMs::MAX)
}

impl From<catalog::Error> for Error {
    fn from(error: catalog::Error) -> Error {
        let kind = match error.kind() {
            catalog::ErrorKind::Busy => {
                ErrorKind::Busy { retry_after: budget::limits::RETRY_AFTER, is_callers: false }
            }
            _ => ErrorKind::Io,
        };
        Error::new(kind, "the index of renditions does not answer").with_words(error.to_string())
    }
}

/// Whatever an index writes beside its file.
fn files_of(database: &Path) -> [PathBuf; 3] {
    let beside = |suffix: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    [database.to_owned(), beside("-wal"), beside("-shm")]
}
