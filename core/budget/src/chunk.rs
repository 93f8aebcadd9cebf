//! Buffers of one size, lent and taken back.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use bytes::Bytes;

use crate::sync::{Mutex, lock};

/// A pool of buffers of one size. Clones share the spare ones.
///
/// It bounds nothing: who may hold a chunk is decided by a [`crate::Permit`]. It only saves the allocator the work, and
/// keeps at most `idle_max` spare chunks, which count as the process's own memory.
#[derive(Clone)]
pub struct Chunks {
    shared: Arc<Shared>,
}

struct Shared {
    chunk_bytes: usize,
    align_bytes: usize,
    idle_max: usize,
    idle: Mutex<Vec<Box<[u8]>>>,
}

impl Chunks {
    /// Chunks of `chunk_bytes` each, of which at most `idle_max` are kept when nobody uses them.
    pub fn new(chunk_bytes: usize, idle_max: usize) -> Self {
        Chunks::aligned(chunk_bytes, 1, idle_max)
    }

    /// The same, with each chunk at an address that is a multiple of `align_bytes`, a power of two, as files that are
    /// written past the page cache want it. Each holds so much more of memory.
    pub fn aligned(chunk_bytes: usize, align_bytes: usize, idle_max: usize) -> Self {
        Chunks {
            shared: Arc::new(Shared { chunk_bytes, align_bytes, idle_max, idle: Mutex::new(Vec::new()) }),
        }
    }

    /// Lends one chunk. Its content is arbitrary: zeros, or what its last user left.
    pub fn lend(&self) -> Chunk {
        let spare = lock(&self.shared.idle).pop();
        let (chunk_bytes, align_bytes) = (self.shared.chunk_bytes, self.shared.align_bytes);
        let buffer = spare.unwrap_or_else(|| vec![0; chunk_bytes + align_bytes - 1].into_boxed_slice());
        // Where nobody can tell the address, any place will do.
        let start = buffer.as_ptr().align_offset(align_bytes).min(align_bytes - 1);
        Chunk { shared: Arc::clone(&self.shared), buffer, start }
    }

    /// The size of every chunk, in bytes.
    pub fn chunk_bytes(&self) -> usize {
        self.shared.chunk_bytes
    }

    /// Spare chunks at the moment.
    pub fn idle(&self) -> usize {
        lock(&self.shared.idle).len()
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks")
            .field("chunk_bytes", &self.shared.chunk_bytes)
            .field("idle", &self.idle())
            .finish()
    }
}

/// One buffer; dropping it takes it back to its pool.
pub struct Chunk {
    shared: Arc<Shared>,
    buffer: Box<[u8]>,
    /// Where in the buffer the first address is that is aligned.
    start: usize,
}

impl Chunk {
    /// The first `filled` bytes (at most the chunk's size) as [`Bytes`], without copying. The chunk goes back to its
    /// pool when the last clone is dropped.
    pub fn into_bytes(self, filled: usize) -> Bytes {
        let filled = filled.min(self.len());
        Bytes::from_owner(Filled { chunk: self, filled })
    }
}

impl Deref for Chunk {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[self.start..][..self.shared.chunk_bytes]
    }
}

impl DerefMut for Chunk {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..][..self.shared.chunk_bytes]
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut idle = lock(&self.shared.idle);
        if idle.len() < self.shared.idle_max {
            idle.push(buffer);
        }
    }
}

impl fmt::Debug for Chunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("bytes", &self.len()).finish()
    }
}

/// A chunk of which the first bytes hold something.
struct Filled {
    chunk: Chunk,
    filled: usize,
}

impl AsRef<[u8]> for Filled {
    fn as_ref(&self) -> &[u8] {
        &self.chunk[..self.filled]
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_goes_back_when_its_last_bytes_are_dropped() {
        let chunks = Chunks::new(8, 1);
        let mut chunk = chunks.lend();
        chunk[..3].copy_from_slice(b"abc");
        let address = chunk.as_ptr();
        let bytes = chunk.into_bytes(3);
        let part = bytes.slice(1..);
        assert_eq!((&bytes[..], bytes.as_ptr()), (&b"abc"[..], address), "nothing was copied");
        drop(bytes);
        assert_eq!((&part[..], chunks.idle()), (&b"bc"[..], 0));
        drop(part);
        assert_eq!(chunks.idle(), 1);
        assert_eq!(chunks.lend().as_ptr(), address, "the same buffer is lent again");
    }

    #[test]
    fn a_chunk_is_aligned_whenever_it_is_lent() {
        let chunks = Chunks::aligned(10_000, 4_096, 1);
        for _ in 0..3 {
            let mut lent = [chunks.lend(), chunks.lend()];
            for chunk in &mut lent {
                assert!(chunk.as_ptr().addr().is_multiple_of(4_096) && chunk.len() == 10_000);
                chunk[9_999] = 1;
            }
        }
    }

    #[test]
    fn no_more_spare_chunks_are_kept_than_allowed() {
        let chunks = Chunks::new(8, 2);
        let lent: Vec<_> = (0..5).map(|_| chunks.lend()).collect();
        drop(lent);
        assert_eq!(chunks.idle(), 2);
        assert_eq!(chunks.lend().into_bytes(99).len(), 8, "no more than the chunk holds");
    }
}
