//! What lies elsewhere and is read: block by block, each checked before a byte of it is given.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use budget::Chunks;
use budget::limits::{BLOB_BLOCK_BYTES, BLOB_CHECK_BYTES, VERIFIED_MS_MIN};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::cache::{Blocks, Fresh, ObjectId};
use super::threads::Threads;
use crate::error::{Error, ErrorKind};
use crate::resident::read_resident;
use crate::source::{Pieces, Remote};

/// One thing that lies elsewhere.
pub(crate) trait Upstream: Send + Sync + 'static {
    /// Its name, for logs.
    fn name(&self) -> &str;

    /// Its length in bytes.
    fn length(&self) -> u64;

    /// The checksum of a block, when that is known before it comes. Otherwise the one that it comes with is kept beside
    /// it, and tells whether it rots here.
    fn sum(&self, block: u32) -> Option<u32>;

    /// Fetches the bytes of a range.
    fn fetch(&self, range: Range<u64>) -> BoxFuture<'_, io::Result<Pieces>>;

    /// A block did not match its checksum, and not when it was fetched again either.
    fn is_bad(&self, _block: u32) {}

    /// A block of the cache did not match its checksum and is gone.
    fn has_rotted(&self) {}
}

/// What is counted of blocks. A clone counts in the same ones.
#[derive(Clone, Default)]
pub(crate) struct BlockFigures {
    pub(crate) fetched_bytes: Counter,
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
}

/// How many may do what at the same time.
#[derive(Clone, Copy)]
pub(crate) struct Crowd {
    pub(crate) threads_name: &'static str,
    pub(crate) readers_max: usize,
    pub(crate) fetches_max: usize,
    pub(crate) ahead_max: usize,
}

/// What all readers of a bucket, or of an origin, share.
pub(crate) struct Reading {
    pub(crate) blocks: Blocks,
    figures: BlockFigures,
    /// How long a block that matched its checksum is trusted.
    pub(crate) verified: Duration,
    /// On which the connections live.
    runtime: Handle,
    /// On which readers wait for them.
    threads: Threads,
    fetches: Semaphore,
    ahead: Arc<Semaphore>,
    chunks: Chunks,
}

impl Reading {
    /// It must be made within the runtime that everything runs on.
    pub(crate) fn new(
        blocks: Blocks,
        figures: BlockFigures,
        verified: Duration,
        crowd: Crowd,
    ) -> Result<Self, Error> {
        let outside = |_| Error::new(ErrorKind::Io, "who reads from elsewhere needs a runtime");
        Ok(Reading {
            blocks,
            figures,
            verified: verified.max(Duration::from_millis(VERIFIED_MS_MIN)),
            runtime: Handle::try_current().map_err(outside)?,
            threads: Threads::new(crowd.threads_name, crowd.readers_max)?,
            fetches: Semaphore::new(crowd.fetches_max),
            ahead: Arc::new(Semaphore::new(crowd.ahead_max)),
            chunks: Chunks::new(BLOB_CHECK_BYTES, crowd.fetches_max),
        })
    }
}

/// The length of what is written behind the bytes of a block when all of them are there: of which object it is, which
/// validator and length that has by its id, which block of how long a whole, and its checksum.
// format: the last bytes of a block in the cache whose checksum nobody else knows
const TRAILER_BYTES: usize = 32;

/// One thing that is open, shared by all who read it.
pub(crate) struct OpenObject<U>(Arc<Object<U>>);

impl<U> Clone for OpenObject<U> {
    fn clone(&self) -> Self {
        OpenObject(Arc::clone(&self.0))
    }
}

struct Object<U> {
    reading: Arc<Reading>,
    upstream: U,
    id: ObjectId,
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

impl<U: Upstream> OpenObject<U> {
    pub(crate) fn new(reading: Arc<Reading>, id: ObjectId, upstream: U) -> Self {
        let words = upstream.length().div_ceil(64 * BLOB_BLOCK_BYTES);
        OpenObject(Arc::new(Object {
            id,
            upstream,
            trusted: Mutex::new(Trusted {
                lifetime: reading.verified,
                since: Instant::now(),
                bits: vec![0; usize::try_from(words).unwrap_or(0)],
                files: [None, None],
                next: 0,
            }),
            turns: Default::default(),
            reading,
        }))
    }

    pub(crate) fn upstream(&self) -> &U {
        &self.0.upstream
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.0.id
    }
}

impl<U: Upstream> Remote for OpenObject<U> {
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
        read_resident(&file, &mut buffer[..wanted], within).map_err(|_| not_here())
    }

    fn threads(&self, offset: u64, count: u64) -> Option<&Handle> {
        let object = &self.0;
        let (Ok(first), Ok(last)) = (block_of(offset), block_of(offset + count.saturating_sub(1))) else {
            return None;
        };
        let mut blocks = first..=last;
        blocks
            .any(|block| !object.reading.blocks.has(object.id, block))
            .then(|| object.reading.threads.handle())
    }

    fn will_need(&self, offset: u64, _count: u64) {
        if let Ok(block) = block_of(offset) {
            self.fetch_ahead(block);
        }
    }
}

impl<U: Upstream> OpenObject<U> {
    /// Fetches a block that somebody will want, unless too many are on their way.
    fn fetch_ahead(&self, block: u32) {
        let object = &self.0;
        let reading = &object.reading;
        let is_behind = u64::from(block) * BLOB_BLOCK_BYTES >= object.upstream.length();
        if is_behind || reading.blocks.has(object.id, block) {
            return;
        }
        let Ok(permit) = Arc::clone(&reading.ahead).try_acquire_owned() else { return };
        let object = Arc::clone(object);
        reading.threads.handle().spawn_blocking(move || {
            if let Err(e) = object.fetched(block) {
                tracing::debug!(name = object.upstream.name(), block, error = %e, "a block could not be fetched ahead");
            }
            drop(permit);
        });
    }
}

impl<U: Upstream> Object<U> {
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

    /// The file of a block, out of the cache or from elsewhere, checked.
    fn fetched(&self, block: u32) -> io::Result<Arc<File>> {
        // What is here does not wait for a turn: whoever has it may wait for a network.
        if let Some(file) = self.cached(block)? {
            return Ok(file);
        }
        let turn = &self.turns[block as usize % TURNS];
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.cached(block)? {
            return Ok(file);
        }
        self.reading.figures.misses.inc();
        // What is wrong may have become so on the way: a bad block is one that is bad twice.
        let file = match self.fetch(block) {
            Err(e) if e.kind() == io::ErrorKind::InvalidData => self.fetch(block),
            fetched => fetched,
        };
        if let Err(e) = &file
            && e.kind() == io::ErrorKind::InvalidData
        {
            self.upstream.is_bad(block);
        }
        let file = file?;
        self.trusted().trust(block);
        Ok(Arc::new(file))
    }

    /// The file of a block out of the cache, checked. One that rotted there is gone.
    fn cached(&self, block: u32) -> io::Result<Option<Arc<File>>> {
        let Some(file) = self.reading.blocks.get(self.id, block) else { return Ok(None) };
        if self.trusted().is_trusted(block) || self.is_sound(&file, block)? {
            self.reading.figures.hits.inc();
            self.trusted().trust(block);
            return Ok(Some(Arc::new(file)));
        }
        let name = self.upstream.name();
        tracing::warn!(name, block, "a block of the cache had rotted; it is fetched again");
        self.upstream.has_rotted();
        self.reading.blocks.forget(self.id, block);
        Ok(None)
    }

    fn fetch(&self, block: u32) -> io::Result<File> {
        match self.fetch_once(block) {
            Err(e) if e.kind() == io::ErrorKind::StorageFull => {
                self.reading.blocks.make_room();
                self.fetch_once(block)
            }
            fetched => fetched,
        }
    }

    fn fetch_once(&self, block: u32) -> io::Result<File> {
        let fresh = self.reading.blocks.begin()?;
        let sum = self.reading.runtime.block_on(self.receive(&fresh, block))?;
        match self.upstream.sum(block) {
            Some(expected) if expected != sum => return Err(mismatch()),
            Some(_) => {}
            None => fresh.file.write_all_at(&self.trailer(block, sum), self.extent(block).1)?,
        }
        self.reading.blocks.keep(fresh, self.id, block)
    }

    /// Writes what comes of a block into a file, and gives its checksum. Runs on a thread that may block, so that it
    /// writes by itself and nobody waits for another thread.
    async fn receive(&self, fresh: &Fresh, block: u32) -> io::Result<u32> {
        let _permit = self.reading.fetches.acquire().await.map_err(io::Error::other)?;
        let (start, length) = self.extent(block);
        let mut pieces = self.upstream.fetch(start..start + length).await?;
        let (mut sum, mut written) = (0, 0);
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if written + piece.len() as u64 > length {
                return Err(mismatch());
            }
            fresh.file.write_all_at(&piece, written)?;
            sum = crc32c::crc32c_append(sum, &piece);
            written += piece.len() as u64;
            self.reading.figures.fetched_bytes.inc_by(piece.len() as u64);
        }
        if written < length {
            let text = "less came than was said";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, text));
        }
        Ok(sum)
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
        if let Some(expected) = self.upstream.sum(block) {
            return Ok(sum == expected);
        }
        let mut kept = [0; TRAILER_BYTES];
        let read = file.read_at(&mut kept, length)?;
        Ok(read == TRAILER_BYTES && kept == self.trailer(block, sum))
    }

    /// What stands behind a block with this checksum.
    fn trailer(&self, block: u32, sum: u32) -> [u8; TRAILER_BYTES] {
        let mut trailer = [0; TRAILER_BYTES];
        trailer[..16].copy_from_slice(self.id.as_bytes());
        trailer[16..20].copy_from_slice(&block.to_le_bytes());
        trailer[20..28].copy_from_slice(&self.upstream.length().to_le_bytes());
        trailer[28..].copy_from_slice(&sum.to_le_bytes());
        trailer
    }

    /// Where a block begins, and how long it is.
    fn extent(&self, block: u32) -> (u64, u64) {
        let start = u64::from(block) * BLOB_BLOCK_BYTES;
        (start, self.upstream.length().saturating_sub(start).min(BLOB_BLOCK_BYTES))
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

impl<U: Upstream> fmt::Debug for OpenObject<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenObject({})", self.0.upstream.name())
    }
}

fn block_of(offset: u64) -> io::Result<u32> {
    u32::try_from(offset / BLOB_BLOCK_BYTES).map_err(|_| io::ErrorKind::InvalidInput.into())
}

pub(crate) fn mismatch() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "stored bytes do not match their checksum")
}

#[cfg(test)]
mod tests;
