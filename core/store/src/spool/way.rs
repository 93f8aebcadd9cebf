//! How bytes get to a disk: through the page cache or past it.
//!
//! Past it they are not copied, and push nothing out that players use. Only whole pages can go there, from memory that
//! begins like one; not every file system takes them, and not every disk is fast with pieces of this size.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use budget::limits::{BLOB_BLOCK_BYTES, SPOOL_DIRECT_RATE_BYTES_MIN, SPOOL_FLUSH_BYTES, SPOOL_PAGE_BYTES};
use rustix::fs::OFlags;
use rustix::io::Errno;

const PAGE: u64 = SPOOL_PAGE_BYTES as u64;

/// How one open file is written to.
#[derive(Debug, Default)]
pub(super) struct Way {
    /// Which way the file is set to now.
    is_direct: bool,
    /// Past the page cache was tried, and is no good here.
    is_closed: bool,
    /// Bytes that went past it since it was last looked at how fast…
    direct_bytes: u64,
    /// …and how long they took.
    took: Duration,
}

impl Way {
    /// The first of `bytes`, as many as go the same way.
    pub(super) fn piece<'a>(&self, bytes: &'a [u8], at: u64) -> &'a [u8] {
        &bytes[..self.next(bytes, at).0]
    }

    /// Writes at least the first of `bytes` and says how many.
    pub(super) fn write(&mut self, file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
        let (count, direct) = self.next(bytes, at);
        if !direct {
            self.turn(file, false)?;
            return file.write_at(&bytes[..count], at);
        }
        if self.turn(file, true).is_err() {
            self.is_closed = true;
            return self.write(file, bytes, at);
        }
        let begun = Instant::now();
        match file.write_at(&bytes[..count], at) {
            Ok(count) => {
                self.took(count, begun.elapsed());
                Ok(count)
            }
            Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
                self.is_closed = true;
                self.write(file, bytes, at)
            }
            Err(e) => Err(e),
        }
    }

    /// How many of the bytes can go one way, and whether that is past the page cache. The first block goes through it,
    /// for those who look for a format and for tags.
    fn next(&self, bytes: &[u8], at: u64) -> (usize, bool) {
        let all = (bytes.len(), false);
        if self.is_closed || at < BLOB_BLOCK_BYTES {
            return all;
        }
        let first = (at.next_multiple_of(PAGE) - at) as usize;
        let Some(pages) = bytes.get(first..).filter(|pages| pages.len() >= SPOOL_PAGE_BYTES) else {
            return all;
        };
        if pages.as_ptr().align_offset(SPOOL_PAGE_BYTES) != 0 {
            return all;
        }
        if first > 0 { (first, false) } else { (bytes.len() / SPOOL_PAGE_BYTES * SPOOL_PAGE_BYTES, true) }
    }

    fn turn(&mut self, file: &File, direct: bool) -> io::Result<()> {
        if self.is_direct != direct {
            let mut flags = rustix::fs::fcntl_getfl(file)?;
            flags.set(OFlags::DIRECT, direct);
            rustix::fs::fcntl_setfl(file, flags)?;
            self.is_direct = direct;
        }
        Ok(())
    }

    fn took(&mut self, bytes: usize, time: Duration) {
        self.direct_bytes += bytes as u64;
        self.took += time;
        if self.direct_bytes >= SPOOL_FLUSH_BYTES {
            let rate = self.direct_bytes as f64 / self.took.as_secs_f64();
            self.is_closed = rate < SPOOL_DIRECT_RATE_BYTES_MIN as f64;
            (self.direct_bytes, self.took) = (0, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests;
