//! An open file that can be read from anywhere, and what tells whether its bytes are still the same.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, IoSliceMut, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::limits::VALIDATOR_SETTLE_MS;
use rustix::fs::{Advice, FileType, Stat};
use rustix::io::{Errno, ReadWriteFlags};

use crate::error::{Error, ErrorKind};

/// What tells that a file's bytes changed, small enough to be kept in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Length in bytes.
    pub length: u64,
    /// Last modification, nanoseconds since 1970; anybody may set it.
    pub modified_ns: i64,
    /// Last change of bytes or of anything about the file, nanoseconds since 1970; only the kernel sets it.
    pub changed_ns: i64,
    /// The file's number in its file system.
    pub inode: u64,
}

impl Stamp {
    /// The time of the last change of bytes alone, that `Last-Modified` speaks of.
    pub fn modified(&self) -> SystemTime {
        let distance = Duration::from_nanos(self.modified_ns.unsigned_abs());
        let moved = if self.modified_ns < 0 {
            UNIX_EPOCH.checked_sub(distance)
        } else {
            UNIX_EPOCH.checked_add(distance)
        };
        moved.unwrap_or(UNIX_EPOCH)
    }

    pub(crate) fn of(stat: &Stat) -> Self {
        Stamp {
            length: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            changed_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino,
        }
    }

    /// Length and modification alone: an unlink or a rename touches the change time, but not the bytes.
    fn same_bytes(&self, other: &Stamp) -> bool {
        self.length == other.length && self.modified_ns == other.modified_ns
    }
}

/// Saturates at the years 1677 and 2262, which only a broken file system names.
fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// An entity tag (RFC 9110 section 8.8.3) for bytes of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Validator {
    tag: Arc<str>,
    strong: bool,
}

impl Validator {
    /// The tag of a file with this stamp, opened at `opened_ns`.
    ///
    /// It is weak while the file's last change is younger than [`VALIDATOR_SETTLE_MS`]: file systems count time in
    /// ticks of up to two seconds, so another write within the same tick would leave every number as it is, and a
    /// strong tag would promise that two different runs of bytes are one (RFC 9110 section 8.8.1). A change time in
    /// the future, from a clock that was set back, is young too.
    pub(crate) fn of(stamp: &Stamp, opened_ns: i64) -> Self {
        let settled_ns = opened_ns.saturating_sub((VALIDATOR_SETTLE_MS as i64).saturating_mul(1_000_000));
        let young = stamp.changed_ns > settled_ns
            || (settled_ns < stamp.modified_ns && stamp.modified_ns <= opened_ns);
        let mut tag = String::with_capacity(56);
        // Writing to a String cannot fail.
        let _ = write!(
            tag,
            "{:x}-{:x}-{:x}-{:x}",
            stamp.inode, stamp.length, stamp.modified_ns, stamp.changed_ns
        );
        Validator { tag: tag.into(), strong: !young }
    }

    /// The opaque tag without quotes and without `W/`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether equal tags mean equal bytes. A weak tag must not be used for ranges (RFC 9110 section 13.1.5).
    pub fn is_strong(&self) -> bool {
        self.strong
    }

    /// The validator of something that is made of these bytes alone, told apart by `suffix`: letters, digits, `-`, `.`.
    pub fn derived(&self, suffix: &str) -> Self {
        Validator { tag: format!("{}-{suffix}", self.tag).into(), strong: self.strong }
    }
}

/// A regular file, open for reading. A clone shares the handle.
///
/// Its length is the one it had when it was opened: bytes behind it do not exist for readers, and a file that shrinks
/// is an error, never a short answer.
#[derive(Clone, Debug)]
pub struct Source(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    file: File,
    name: Box<str>,
    stamp: Stamp,
    validator: Validator,
}

impl Source {
    /// Takes a handle that was opened without blocking, if it is a regular file.
    pub(crate) fn of(file: File, name: &str) -> Result<Self, Error> {
        let stat =
            rustix::fs::fstat(&file).map_err(|e| Error::io(format!("{name} could not be looked at"), e))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::new(ErrorKind::NotAFile, format!("{name} is not a regular file")));
        }
        let stamp = Stamp::of(&stat);
        let validator = Validator::of(&stamp, now_ns());
        Ok(Source(Arc::new(Opened { file, name: name.into(), stamp, validator })))
    }

    /// Length in bytes.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of a resource; nobody asks whether it is empty"
    )]
    pub fn len(&self) -> u64 {
        self.0.stamp.length
    }

    /// When its bytes changed last.
    pub fn modified(&self) -> SystemTime {
        self.0.stamp.modified()
    }

    /// What tells these bytes from others.
    pub fn validator(&self) -> &Validator {
        &self.0.validator
    }

    /// What the file looked like when it was opened.
    pub fn stamp(&self) -> Stamp {
        self.0.stamp
    }

    /// The name it was opened by, for logs.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Reads at `offset`; blocks while the disk works. `Ok(0)` is the end, or an empty buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file shrank below `offset`; otherwise what the system says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.wanted(buffer.len(), offset);
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            match self.0.file.read_at(&mut buffer[..wanted], offset) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "the file shrank while it was read",
                    ));
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Reads at `offset` what the page cache holds, and never waits for a disk.
    ///
    /// # Errors
    /// `WouldBlock` when the byte at `offset` is not in memory or the file system cannot tell: read it with
    /// [`Source::read_at`] on a thread that may block, which also says whether the file shrank.
    pub fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.wanted(buffer.len(), offset);
        if wanted == 0 {
            return Ok(0);
        }
        let mut slices = [IoSliceMut::new(&mut buffer[..wanted])];
        match rustix::io::preadv2(&self.0.file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
            // Linux 5.9 and 5.10 say "end of file" here for a page that is only absent.
            Ok(0) => Err(io::ErrorKind::WouldBlock.into()),
            Ok(count) => Ok(count),
            Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Whether the bytes from `offset` are in the page cache, as far as a look at the first and the last of them tells:
    /// what a client reads comes and goes in runs.
    pub fn is_resident(&self, offset: u64, count: u64) -> bool {
        let there = |offset| matches!(self.read_resident(&mut [0], offset), Ok(1));
        count == 0 || (there(offset + count - 1) && there(offset))
    }

    /// How much of a buffer a read at `offset` may fill, so that nothing behind the length as opened is ever read.
    fn wanted(&self, buffer_bytes: usize, offset: u64) -> usize {
        let left = self.len().saturating_sub(offset);
        usize::try_from(left).unwrap_or(usize::MAX).min(buffer_bytes)
    }

    /// Whether the bytes are still those that were opened, as far as length and modification time tell. A file that
    /// was renamed or unlinked meanwhile is unchanged: this handle still reads the same bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`], or [`ErrorKind::Io`] when the file can no longer be looked at.
    pub fn check_unchanged(&self) -> Result<(), Error> {
        if self.current()?.same_bytes(&self.0.stamp) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Changed, format!("{} changed while it was read", self.0.name)))
    }

    /// Whether nothing at all changed, names included. One that was replaced under its name is not the same.
    pub(crate) fn is_as_opened(&self) -> bool {
        self.current().is_ok_and(|stamp| stamp == self.0.stamp)
    }

    fn current(&self) -> Result<Stamp, Error> {
        let stat = rustix::fs::fstat(&self.0.file)
            .map_err(|e| Error::io(format!("{} could not be looked at", self.0.name), e))?;
        Ok(Stamp::of(&stat))
    }

    /// Tells the kernel that reads will jump, so that it reads nothing ahead: right for headers and tags. It holds for
    /// every clone of this handle.
    pub fn expect_jumps(&self) {
        // Advice that is not taken costs time, never correctness.
        let _ = rustix::fs::fadvise(&self.0.file, 0, None, Advice::Random);
    }

    /// Asks the kernel to bring these bytes into the page cache, without waiting for them.
    pub fn will_need(&self, offset: u64, count: u64) {
        let _ = rustix::fs::fadvise(&self.0.file, offset, std::num::NonZeroU64::new(count), Advice::WillNeed);
    }

    /// A reader with a position of its own; blocks while the disk works.
    pub fn reader(&self) -> SourceReader {
        SourceReader { source: self.clone(), position: 0 }
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }
}

fn now_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Reads a source from front to back, with jumps.
#[derive(Debug)]
pub struct SourceReader {
    source: Source,
    position: u64,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for SourceReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.source.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
