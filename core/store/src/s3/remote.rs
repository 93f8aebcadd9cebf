//! Objects that are read: block by block, each checked before a byte of it is given.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use budget::Chunks;
use budget::limits::{
    BLOB_BLOCK_BYTES, BLOB_CHECK_BYTES, S3_FETCHES_AHEAD_MAX, S3_FETCHES_MAX, VERIFIED_MS_MIN,
};
use futures_util::StreamExt;
use rustix::io::ReadWriteFlags;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::bucket::Bucket;
use super::cache::{BlockCache, Fresh, ObjectId};
use super::figures::Figures;
use super::sidecar::Known;
use super::threads::Threads;
use crate::blob::BlobKey;
use crate::blobs::BadBlobs;
use crate::error::{Error, ErrorKind};
use crate::source::Remote;
use crate::sums::Summing;

/// What all readers of a bucket share.
pub(super) struct Reading {
    pub(super) bucket: Arc<Bucket>,
    pub(super) cache: BlockCache,
    pub(super) bad: BadBlobs,
    pub(super) figures: Figures,
    /// How long a block that matched its checksum is trusted.
    pub(super) verified: Duration,
    /// On which the connections live.
    runtime: Handle,
    /// On which readers wait for the bucket.
    threads: Threads,
    fetches: Arc<Semaphore>,
    ahead: Arc<Semaphore>,
    chunks: Chunks,
}

impl Reading {
    /// What readers of this bucket share. It must be made within the runtime that everything runs on.
    pub(super) fn new(
        bucket: Arc<Bucket>,
        cache: BlockCache,
        figures: Figures,
        verified: Duration,
    ) -> Result<Self, Error> {
        let outside = |_| Error::new(ErrorKind::Io, "a bucket needs a runtime");
        Ok(Reading {
            bucket,
            cache,
            bad: BadBlobs::default(),
            figures,
            verified: verified.max(Duration::from_millis(VERIFIED_MS_MIN)),
            runtime: Handle::try_current().map_err(outside)?,
            threads: Threads::new()?,
            fetches: Arc::new(Semaphore::new(S3_FETCHES_MAX)),
            ahead: Arc::new(Semaphore::new(S3_FETCHES_AHEAD_MAX)),
            chunks: Chunks::new(BLOB_CHECK_BYTES, S3_FETCHES_MAX),
        })
    }
}

/// One object that is open, shared by all who read it.
#[derive(Clone)]
pub(super) struct OpenObject(Arc<Object>);

struct Object {
    reading: Arc<Reading>,
    key: BlobKey,
    id: ObjectId,
    known: Known,
    trusted: Mutex<Trusted>,
    /// Whoever fetches or checks a block holds one of these, so that nobody does the same at the same time.
    turns: [Mutex<()>; TURNS],
}

/// Blocks that were checked a short while ago.
struct Trusted {
    lifetime: Duration,
    since: Instant,
    bits: Vec<u64>,
    /// The files of the blocks that were read last, with the numbers of the blocks.
    files: [Option<(u32, Arc<File>)>; FILES],
    /// Which of them is replaced next.
    next: usize,
}

const TURNS: usize = 8;
const FILES: usize = 2;

impl OpenObject {
    pub(super) fn new(reading: Arc<Reading>, key: BlobKey, known: Known) -> Self {
        let words = known.sums.all().len().div_ceil(64);
        OpenObject(Arc::new(Object {
            id: ObjectId::of(&key),
            key,
            known,
            trusted: Mutex::new(Trusted {
                lifetime: reading.verified,
                since: Instant::now(),
                bits: vec![0; words],
                files: [None, None],
                next: 0,
            }),
            turns: Default::default(),
            reading,
        }))
    }

    pub(super) fn known(&self) -> &Known {
        &self.0.known
    }
}

impl Remote for OpenObject {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let block = block_of(offset)?;
        let (file, is_next) = self.0.file(block)?;
        if is_next {
            self.fetch_ahead(block + 1);
        }
        let within = offset % BLOB_BLOCK_BYTES;
        let left = usize::try_from(BLOB_BLOCK_BYTES - within).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        match file.read_at(&mut buffer[..wanted], within)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a block of the cache is too short")),
            count => Ok(count),
        }
    }

    fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let not_here = || io::Error::from(io::ErrorKind::WouldBlock);
        let block = block_of(offset)?;
        let file = match self.0.trusted.try_lock() {
            Ok(mut trusted) => trusted.file(block),
            Err(TryLockError::Poisoned(trusted)) => trusted.into_inner().file(block),
            Err(TryLockError::WouldBlock) => None,
        };
        let file = file.ok_or_else(not_here)?;
        let within = offset % BLOB_BLOCK_BYTES;
        let left = usize::try_from(BLOB_BLOCK_BYTES - within).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let mut slices = [io::IoSliceMut::new(&mut buffer[..wanted])];
        match rustix::io::preadv2(&*file, &mut slices, within, ReadWriteFlags::NOWAIT) {
            Ok(0) | Err(_) => Err(not_here()),
            Ok(count) => Ok(count),
        }
    }

    fn threads(&self, offset: u64, count: u64) -> Option<&Handle> {
        let object = &self.0;
        let (Ok(first), Ok(last)) = (block_of(offset), block_of(offset + count.saturating_sub(1))) else {
            return None;
        };
        let mut blocks = first..=last;
        blocks
            .any(|block| !object.reading.cache.has(object.id, block))
            .then(|| object.reading.threads.handle())
    }

    fn will_need(&self, offset: u64, _count: u64) {
        if let Ok(block) = block_of(offset) {
            self.fetch_ahead(block);
        }
    }
}

impl OpenObject {
    /// Fetches a block that somebody will want, unless too many are on their way.
    fn fetch_ahead(&self, block: u32) {
        let object = &self.0;
        let reading = &object.reading;
        if object.known.sums.get(u64::from(block)).is_none() || reading.cache.has(object.id, block) {
            return;
        }
        let Ok(permit) = Arc::clone(&reading.ahead).try_acquire_owned() else { return };
        let object = Arc::clone(object);
        reading.threads.handle().spawn_blocking(move || {
            if let Err(e) = object.fetched(block) {
                tracing::debug!(key = %object.key, block, error = %e, "a block could not be fetched ahead");
            }
            drop(permit);
        });
    }
}

impl Object {
    /// The file of a block that may be trusted, and whether it follows the one that was read before and was new.
    fn file(&self, block: u32) -> io::Result<(Arc<File>, bool)> {
        if let Some(file) = self.trusted().file(block) {
            return Ok((file, false));
        }
        let file = self.fetched(block)?;
        let mut trusted = self.trusted();
        let is_next = block.checked_sub(1).is_some_and(|before| trusted.has_file(before));
        trusted.put(block, Arc::clone(&file));
        Ok((file, is_next))
    }

    /// The file of a block, out of the cache or out of the bucket, checked.
    fn fetched(&self, block: u32) -> io::Result<Arc<File>> {
        // What is here does not wait for a turn: whoever has it may wait for the bucket.
        if let Some(file) = self.cached(block)? {
            return Ok(file);
        }
        let turn = &self.turns[block as usize % TURNS];
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.cached(block)? {
            return Ok(file);
        }
        self.reading.figures.cache_misses.inc();
        // What is wrong may have become so on the way: a bad block is one that is bad twice.
        let file = match self.fetch(block) {
            Err(e) if e.kind() == io::ErrorKind::InvalidData => self.fetch(block),
            fetched => fetched,
        };
        if let Err(e) = &file
            && e.kind() == io::ErrorKind::InvalidData
        {
            tracing::error!(key = %self.key, block, "a block in the bucket does not match its checksum");
            self.reading.bad.report(&self.key);
        }
        let file = file?;
        self.trusted().trust(block);
        Ok(Arc::new(file))
    }

    /// The file of a block out of the cache, checked. One that rotted there is gone.
    fn cached(&self, block: u32) -> io::Result<Option<Arc<File>>> {
        let Some(file) = self.reading.cache.get(self.id, block) else { return Ok(None) };
        if self.trusted().is_trusted(block) || self.is_sound(&file, block)? {
            self.reading.figures.cache_hits.inc();
            self.trusted().trust(block);
            return Ok(Some(Arc::new(file)));
        }
        tracing::warn!(key = %self.key, block, "a block of the cache had rotted; it comes from the bucket again");
        self.reading.bad.count();
        self.reading.cache.forget(self.id, block);
        Ok(None)
    }

    fn fetch(&self, block: u32) -> io::Result<File> {
        match self.fetch_once(block) {
            Err(e) if e.kind() == io::ErrorKind::StorageFull => {
                self.reading.cache.make_room();
                self.fetch_once(block)
            }
            fetched => fetched,
        }
    }

    fn fetch_once(&self, block: u32) -> io::Result<File> {
        let fresh = self.reading.cache.begin()?;
        let summing = self.reading.runtime.block_on(self.receive(&fresh, block))?;
        if summing != self.known.sums.get(u64::from(block)) {
            return Err(mismatch());
        }
        self.reading.cache.keep(fresh, self.id, block)
    }

    /// Writes what comes of a block into a file, and gives its checksum. Runs on a thread that may block, so that it
    /// writes by itself and nobody waits for another thread.
    async fn receive(&self, fresh: &Fresh, block: u32) -> io::Result<Option<u32>> {
        let _permit = self.reading.fetches.acquire().await.map_err(io::Error::other)?;
        let (start, length) = self.extent(block);
        let range = start..start + length;
        let (whole, mut pieces) =
            self.reading.bucket.read(self.key.as_str(), Some(range)).await.map_err(unreachable)?;
        if whole != self.known.sums.length() {
            return Err(mismatch());
        }
        let (mut summing, mut written, mut sum) = (Summing::default(), 0, None);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if written + piece.len() as u64 > length {
                return Err(mismatch());
            }
            fresh.file.write_all_at(&piece, written)?;
            summing.take(&piece, |finished| sum = Some(finished));
            written += piece.len() as u64;
            self.reading.figures.fetched_bytes.inc_by(piece.len() as u64);
        }
        if written < length {
            return Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "the bucket sent less than it said",
            ));
        }
        Ok(sum.or(summing.rest()))
    }

    /// Reads a block through a small buffer.
    fn is_sound(&self, file: &File, block: u32) -> io::Result<bool> {
        let (_, length) = self.extent(block);
        let mut chunk = self.reading.chunks.lend();
        let (mut sum, mut at) = (0, 0);
        while at < length {
            let wanted = usize::try_from(length - at).unwrap_or(usize::MAX).min(chunk.len());
            match file.read_at(&mut chunk[..wanted], at)? {
                0 => return Ok(false),
                count => {
                    sum = crc32c::crc32c_append(sum, &chunk[..count]);
                    at += count as u64;
                }
            }
        }
        Ok(Some(sum) == self.known.sums.get(u64::from(block)))
    }

    /// Where a block begins, and how long it is.
    fn extent(&self, block: u32) -> (u64, u64) {
        let start = u64::from(block) * BLOB_BLOCK_BYTES;
        (start, self.known.sums.length().saturating_sub(start).min(BLOB_BLOCK_BYTES))
    }

    fn trusted(&self) -> MutexGuard<'_, Trusted> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trusted {
    /// Trust ends after a while, however long the object stays open.
    fn end_if_old(&mut self) {
        if self.since.elapsed() >= self.lifetime {
            self.bits.fill(0);
            self.files = [None, None];
            self.since = Instant::now();
        }
    }

    fn is_trusted(&mut self, block: u32) -> bool {
        self.end_if_old();
        self.bits.get(block as usize / 64).is_some_and(|word| word >> (block % 64) & 1 == 1)
    }

    fn trust(&mut self, block: u32) {
        self.end_if_old();
        if let Some(word) = self.bits.get_mut(block as usize / 64) {
            *word |= 1 << (block % 64);
        }
    }

    fn file(&mut self, block: u32) -> Option<Arc<File>> {
        if !self.is_trusted(block) {
            return None;
        }
        let found = self.files.iter().flatten().find(|(of, _)| *of == block);
        found.map(|(_, file)| Arc::clone(file))
    }

    fn has_file(&self, block: u32) -> bool {
        self.files.iter().flatten().any(|(of, _)| *of == block)
    }

    fn put(&mut self, block: u32, file: Arc<File>) {
        if !self.has_file(block) {
            self.files[self.next] = Some((block, file));
            self.next = (self.next + 1) % FILES;
        }
    }
}

impl fmt::Debug for OpenObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenObject({})", self.0.key)
    }
}

fn block_of(offset: u64) -> io::Result<u32> {
    u32::try_from(offset / BLOB_BLOCK_BYTES).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn mismatch() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "stored bytes do not match their checksum")
}

fn unreachable(e: Error) -> io::Error {
    let kind = match e.kind {
        ErrorKind::NotFound => io::ErrorKind::NotFound,
        _ => io::ErrorKind::ConnectionAborted,
    };
    io::Error::new(kind, e)
}

#[cfg(test)]
mod tests;
