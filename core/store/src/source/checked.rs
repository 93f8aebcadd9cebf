//! Which blocks of an open file were read through and matched their checksums.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use budget::Chunks;
use budget::limits::BLOB_BLOCK_BYTES;

use super::read_file;

/// What the checksums of a file are, and who is told when one does not match.
pub(crate) trait Ledger: Send + Sync + 'static {
    /// The checksum of a block; blocks while the disk works. Nothing is kept, so that no open file costs memory in
    /// proportion to its length.
    fn sum(&self, block: u64) -> io::Result<u32>;

    /// A block does not match.
    fn is_bad(&self, block: u64);
}

/// The checksums of an open file, and one bit for each block that matched. All sources of one opening share it.
pub(crate) struct Sums {
    length: u64,
    ledger: Box<dyn Ledger>,
    bits: Bits,
    chunks: Chunks,
}

impl Sums {
    /// No block is checked yet. None counts as checked for longer than `lifetime`.
    pub(crate) fn new(length: u64, lifetime: Duration, chunks: Chunks, ledger: impl Ledger) -> Sums {
        let bits = Bits::new(length.div_ceil(BLOB_BLOCK_BYTES), lifetime);
        Sums { length, ledger: Box::new(ledger), bits, chunks }
    }

    /// No block is checked any more.
    pub(super) fn forget(&self) {
        self.bits.forget();
    }

    /// How many of `count` bytes from `offset` lie in blocks that were checked, up to the first that was not.
    pub(super) fn checked(&self, offset: u64, count: usize) -> usize {
        let mut known = 0;
        while known < count && self.bits.has((offset + known as u64) / BLOB_BLOCK_BYTES) {
            let block_end = ((offset + known as u64) / BLOB_BLOCK_BYTES + 1) * BLOB_BLOCK_BYTES;
            known = usize::try_from(block_end - offset).unwrap_or(usize::MAX).min(count);
        }
        known
    }

    /// Whether all these bytes lie in blocks that were checked.
    pub(super) fn are_checked(&self, offset: u64, count: u64) -> bool {
        let last = offset.saturating_add(count.saturating_sub(1)) / BLOB_BLOCK_BYTES;
        (offset / BLOB_BLOCK_BYTES..=last).all(|block| self.bits.has(block))
    }

    /// Reads at least one byte, from one block that has not been checked or from many that have.
    pub(super) fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self.checked(offset, buffer.len()) {
            0 => self.read_block(file, buffer, offset),
            known => read_file(file, &mut buffer[..known], offset),
        }
    }

    /// Reads the whole block that `offset` lies in, and gives from it what fits. What is given is what was checked, and
    /// not what a second read would bring.
    fn read_block(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let block = offset / BLOB_BLOCK_BYTES;
        let (start, end) = (block * BLOB_BLOCK_BYTES, ((block + 1) * BLOB_BLOCK_BYTES).min(self.length));
        let expected = self.ledger.sum(block)?;
        let wanted_end = (offset + buffer.len() as u64).min(end);
        let mut chunk = self.chunks.lend();
        let (mut at, mut crc) = (start, 0);
        while at < end {
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(chunk.len());
            let count = read_file(file, &mut chunk[..wanted], at)?;
            crc = crc32c::crc32c_append(crc, &chunk[..count]);
            let (first, behind) = (at.max(offset), (at + count as u64).min(wanted_end));
            if first < behind {
                let from = &chunk[(first - at) as usize..(behind - at) as usize];
                buffer[(first - offset) as usize..][..from.len()].copy_from_slice(from);
            }
            at += count as u64;
        }
        if crc != expected {
            self.ledger.is_bad(block);
            buffer.fill(0);
            let text = format!("block {block} does not match its checksum");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        self.bits.set(block);
        Ok((wanted_end - offset) as usize)
    }
}

impl fmt::Debug for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sums of {} bytes", self.length)
    }
}

/// One bit for each block, all of which are forgotten together when the first of them is as old as may be.
struct Bits {
    words: Box<[AtomicU64]>,
    lifetime: Duration,
    made: Instant,
    /// When they were last forgotten, in milliseconds after `made`.
    since_ms: AtomicU64,
}

impl Bits {
    fn new(blocks: u64, lifetime: Duration) -> Bits {
        let words = usize::try_from(blocks.div_ceil(64)).unwrap_or(0);
        Bits {
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
            lifetime,
            made: Instant::now(),
            since_ms: AtomicU64::new(0),
        }
    }

    fn has(&self, block: u64) -> bool {
        self.forget_old();
        self.word(block).is_some_and(|(word, bit)| word.load(Ordering::Acquire) & bit != 0)
    }

    fn set(&self, block: u64) {
        if let Some((word, bit)) = self.word(block) {
            word.fetch_or(bit, Ordering::Release);
        }
    }

    fn word(&self, block: u64) -> Option<(&AtomicU64, u64)> {
        Some((self.words.get(usize::try_from(block / 64).ok()?)?, 1 << (block % 64)))
    }

    /// Whoever comes first after the time is over empties the table. A bit that another sets in the meantime may stay:
    /// that block was read just now.
    fn forget_old(&self) {
        let now_ms = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        let since_ms = self.since_ms.load(Ordering::Acquire);
        let lifetime_ms = u64::try_from(self.lifetime.as_millis()).unwrap_or(u64::MAX);
        if now_ms.saturating_sub(since_ms) < lifetime_ms {
            return;
        }
        let taken = self.since_ms.compare_exchange(since_ms, now_ms, Ordering::AcqRel, Ordering::Acquire);
        if taken.is_ok() {
            self.forget();
        }
    }

    fn forget(&self) {
        self.words.iter().for_each(|word| word.store(0, Ordering::Release));
    }
}

/// A ledger can be shared.
impl<T: Ledger> Ledger for Arc<T> {
    fn sum(&self, block: u64) -> io::Result<u32> {
        (**self).sum(block)
    }

    fn is_bad(&self, block: u64) {
        (**self).is_bad(block);
    }
}

#[cfg(test)]
mod tests;
