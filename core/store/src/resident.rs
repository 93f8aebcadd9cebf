//! Reading what the page cache holds.

use std::fs::File;
use std::io::{self, IoSliceMut};

use rustix::io::{Errno, ReadWriteFlags};

/// Reads at least one byte at `offset`, which must lie below the file's end, and never waits for a disk.
///
/// # Errors
/// `WouldBlock` when the byte at `offset` is not in memory, or the file system cannot tell.
pub(crate) fn read_resident(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    match rustix::io::preadv2(file, &mut [IoSliceMut::new(buffer)], offset, ReadWriteFlags::NOWAIT) {
        // Linux 5.9 and 5.10 say "end of file" here for a page that is only absent.
        Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
            Err(io::ErrorKind::WouldBlock.into())
        }
        Err(e) => Err(e.into()),
    }
}
