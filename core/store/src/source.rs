//! An open file that can be read from anywhere, and what tells whether its bytes are still the same.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use budget::limits::VALIDATOR_SETTLE_MS;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use rustix::fs::{Advice, FileType, Stat};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorKind};
use crate::resident::read_resident;

pub(crate) mod checked;
mod composed;

use checked::Sums;
pub use composed::Run;

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

    /// The validator of bytes that never change under the name that they have, which is the tag.
    pub(crate) fn fixed(tag: &str) -> Self {
        Validator { tag: tag.into(), strong: true }
    }

    /// The validator of bytes of which nobody promises that an equal tag means equal bytes.
    pub(crate) fn weak(tag: &str) -> Self {
        Validator { tag: tag.into(), strong: false }
    }

    /// The opaque tag without quotes and without `W/`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Whether equal tags mean equal bytes. A weak tag must not be used for ranges (RFC 9110 section 13.1.5).
    pub fn is_strong(&self) -> bool {
        self.strong
    }

    /// What this was as long as the file was young: the same tag, of which nobody promises so much.
    pub fn weakened(&self) -> Self {
        Validator { tag: Arc::clone(&self.tag), strong: false }
    }

    /// The validator of something that is made of these bytes alone, told apart by `suffix`: letters, digits, `-`, `.`.
    pub fn derived(&self, suffix: &str) -> Self {
        Validator { tag: format!("{}-{suffix}", self.tag).into(), strong: self.strong }
    }
}

/// Bytes that are open for reading: a regular file, as it is or with checksums, or something that is no file here. A
/// clone shares the handle.
///
/// Its length is the one it had when it was opened: bytes behind it do not exist for readers, and a file that shrinks
/// is an error, never a short answer.
///
/// Of a file with checksums no byte is given before its block of 1 MiB was read through and matched. Until then it counts
/// as not resident: whoever wants it must read it on a thread that may block, and that reads the block.
#[derive(Clone, Debug)]
pub struct Source(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    origin: Origin,
    name: Box<str>,
    stamp: Stamp,
    validator: Validator,
}

#[derive(Debug)]
enum Origin {
    Plain(File),
    Checked(File, Sums),
    Remote(Box<dyn Remote>),
}

/// Bytes that are no file of this machine. Offsets and lengths that it is asked for lie within the length that the
/// source was made with.
pub trait Remote: std::fmt::Debug + Send + Sync + 'static {
    /// Reads at least one byte at `offset`, each checked; blocks for as long as that takes.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] for bytes that do not match their checksum; otherwise why they cannot be had.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Reads what is in memory, checked, and never waits.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] when the byte at `offset` is not.
    fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let _ = (buffer, offset);
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// The threads on which to read these bytes when they come over a network now; `None` when they are on this machine.
    fn threads(&self, offset: u64, count: u64) -> Option<&Handle> {
        let _ = (offset, count);
        None
    }

    /// These bytes will be read soon. Returns at once.
    fn will_need(&self, offset: u64, count: u64) {
        let _ = (offset, count);
    }

    /// Whether somebody who read found other bytes in their place. Returns at once, and asks nobody.
    fn has_changed(&self) -> bool {
        false
    }

    /// Whether they come only from the first to the last: then none of them is given by [`Remote::read_at`].
    fn comes_whole(&self) -> bool {
        false
    }

    /// All of them, from the first to the last: exactly as many as the length says, or an error.
    fn whole(&self) -> BoxFuture<'_, io::Result<Pieces>> {
        Box::pin(async { Err(io::ErrorKind::Unsupported.into()) })
    }
}

/// Bytes as they come.
pub type Pieces = BoxStream<'static, io::Result<Bytes>>;

impl Source {
    /// Takes a handle that was opened without blocking, if it is a regular file.
    pub(crate) fn of(file: File, name: &str) -> Result<Self, Error> {
        let stamp = look(&file, name)?;
        let validator = Validator::of(&stamp, now_ns());
        Ok(Source(Arc::new(Opened { origin: Origin::Plain(file), name: name.into(), stamp, validator })))
    }

    /// A file of which only those bytes are given that match their checksums.
    pub(crate) fn checked(
        file: File,
        name: &str,
        validator: Validator,
        sums: impl FnOnce(&Stamp) -> Sums,
    ) -> Result<Self, Error> {
        let stamp = look(&file, name)?;
        let origin = Origin::Checked(file, sums(&stamp));
        Ok(Source(Arc::new(Opened { origin, name: name.into(), stamp, validator })))
    }

    /// Bytes that lie elsewhere and never change there.
    pub(crate) fn remote(
        remote: impl Remote,
        name: &str,
        length: u64,
        modified: SystemTime,
        validator: Validator,
    ) -> Self {
        let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ns = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let stamp = Stamp { length, modified_ns, changed_ns: modified_ns, inode: 0 };
        let origin = Origin::Remote(Box::new(remote));
        Source(Arc::new(Opened { origin, name: name.into(), stamp, validator }))
    }

    /// Whether there is a file that the kernel can send.
    pub fn has_file(&self) -> bool {
        self.file().is_some()
    }

    /// Whether there is no reading from anywhere: the bytes lie where they are given only from the first to the last.
    pub fn comes_whole(&self) -> bool {
        matches!(&self.0.origin, Origin::Remote(remote) if remote.comes_whole())
    }

    /// All bytes of a source that [comes only whole](Source::comes_whole), from the first to the last: exactly as many as
    /// its length says, or an error. Each call asks for them anew.
    ///
    /// # Errors
    /// Why they cannot be had; `Unsupported` for a source that can be read from anywhere.
    pub async fn whole(&self) -> io::Result<Pieces> {
        match &self.0.origin {
            Origin::Remote(remote) => remote.whole().await,
            Origin::Plain(_) | Origin::Checked(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// The file, if there is one. Of a file with checksums only that may be sent for which [`Source::is_resident`] was
    /// true.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        match &self.0.origin {
            Origin::Plain(file) | Origin::Checked(file, _) => Some(file.as_fd()),
            Origin::Remote(_) => None,
        }
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
    /// `UnexpectedEof` when the file shrank below `offset`; `InvalidData` when bytes do not match their checksum;
    /// otherwise what the system says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.wanted(buffer.len(), offset);
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = &mut buffer[..wanted];
        match &self.0.origin {
            Origin::Plain(file) => read_file(file, buffer, offset),
            Origin::Checked(file, sums) => sums.read_at(file, buffer, offset),
            Origin::Remote(remote) => remote.read_at(buffer, offset),
        }
    }

    /// Reads at `offset` what the page cache holds, and never waits for a disk.
    ///
    /// # Errors
    /// `WouldBlock` when the byte at `offset` is not in memory, is in a block that was not checked, or the file system
    /// cannot tell: read it with [`Source::read_at`] on a thread that may block, which also says whether the file shrank.
    pub fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.wanted(buffer.len(), offset);
        if wanted == 0 {
            return Ok(0);
        }
        let (file, wanted) = match &self.0.origin {
            Origin::Plain(file) => (file, wanted),
            Origin::Checked(file, sums) => (file, sums.checked(offset, wanted)),
            Origin::Remote(remote) => return remote.read_resident(&mut buffer[..wanted], offset),
        };
        if wanted == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        read_resident(file, &mut buffer[..wanted], offset)
    }

    /// Whether the bytes from `offset` are in the page cache, as far as a look at the first and the last of them tells:
    /// what a client reads comes and goes in runs. Of a file with checksums, all their blocks were checked too.
    pub fn is_resident(&self, offset: u64, count: u64) -> bool {
        let there = |offset| matches!(self.read_resident(&mut [0], offset), Ok(1));
        count == 0 || (self.is_checked(offset, count) && there(offset + count - 1) && there(offset))
    }

    /// Whether these bytes need no checking before they are given: they have no checksums here, or their blocks were
    /// read through and matched a short while ago.
    pub fn is_checked(&self, offset: u64, count: u64) -> bool {
        match &self.0.origin {
            Origin::Plain(_) | Origin::Remote(_) => true,
            Origin::Checked(_, sums) => sums.are_checked(offset, count),
        }
    }

    /// Blocks that were checked must be checked again before they are given, by every clone.
    pub(crate) fn forget_checked(&self) {
        if let Origin::Checked(_, sums) = &self.0.origin {
            sums.forget();
        }
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
    pub fn is_as_opened(&self) -> bool {
        self.current().is_ok_and(|stamp| stamp == self.0.stamp)
    }

    fn current(&self) -> Result<Stamp, Error> {
        match &self.0.origin {
            Origin::Plain(file) | Origin::Checked(file, _) => look(file, &self.0.name),
            Origin::Remote(remote) if remote.has_changed() => {
                Err(Error::new(ErrorKind::Changed, format!("{} changed where it lies", self.0.name)))
            }
            Origin::Remote(_) => Ok(self.0.stamp),
        }
    }

    /// Tells the kernel that reads will jump, so that it reads nothing ahead: right for headers and tags. It holds for
    /// every clone of this handle.
    pub fn expect_jumps(&self) {
        if let Some(file) = self.file() {
            // Advice that is not taken costs time, never correctness.
            let _ = rustix::fs::fadvise(file, 0, None, Advice::Random);
        }
    }

    /// Asks the kernel to bring these bytes into the page cache, without waiting for them.
    pub fn will_need(&self, offset: u64, count: u64) {
        match &self.0.origin {
            Origin::Plain(file) | Origin::Checked(file, _) => {
                let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(count), Advice::WillNeed);
            }
            Origin::Remote(remote) => remote.will_need(offset, count),
        }
    }

    /// Runs work that reads these bytes, on a thread that may block: on one of its own when they come over a network, so
    /// that whoever waits for that keeps no thread from work with disks. Must be called within a runtime.
    pub fn run<T: Send + 'static>(
        &self,
        offset: u64,
        count: u64,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let threads = match &self.0.origin {
            Origin::Plain(_) | Origin::Checked(..) => None,
            Origin::Remote(remote) => remote.threads(offset, count),
        };
        match threads {
            Some(threads) => threads.spawn_blocking(work),
            None => tokio::task::spawn_blocking(work),
        }
    }

    /// A reader with a position of its own; blocks while the disk works.
    pub fn reader(&self) -> SourceReader {
        SourceReader { source: self.clone(), position: 0 }
    }
}

/// What a regular file looks like.
fn look(file: &File, name: &str) -> Result<Stamp, Error> {
    let stat = rustix::fs::fstat(file).map_err(|e| Error::io(format!("{name} could not be looked at"), e))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::new(ErrorKind::NotAFile, format!("{name} is not a regular file")));
    }
    Ok(Stamp::of(&stat))
}

/// Reads at least one byte of a file that has as many.
fn read_file(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, offset) {
            Ok(0) => {
                let text = "the file shrank while it was read";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
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
