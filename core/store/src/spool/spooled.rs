//! One upload that is being written.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::time::Instant;

use budget::limits::{BLOB_BLOCK_BYTES, BLOB_CHECK_BYTES, SPOOL_FLUSH_BYTES, SPOOL_SUMS_WAITING_MAX};
use rustix::fs::Advice;
use sha2::Digest;

use super::checkpoint::{self, Checkpoint, Progress};
use super::way::Way;
use super::{Spool, SpoolId, lost};
use crate::blob::BlobId;
use crate::error::{Error, ErrorKind};
use crate::source::Source;
use crate::spool::SpoolReader;

/// All bytes of an upload are there and on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The upload.
    pub id: SpoolId,
    /// The SHA-256 of its bytes.
    pub digest: BlobId,
    /// How many they are.
    pub length: u64,
}

/// One upload, with the one owner who may write to it. Everything blocks.
///
/// SHA-256 and the blocks' checksums are computed of the buffers that are written, and the disk is not read for them.
pub struct Spooled {
    spool: Spool,
    id: SpoolId,
    data: File,
    way: Way,
    state: File,
    /// What is acknowledged, and in the slot of this generation.
    saved: Checkpoint,
    /// With everything that was written since.
    now: Progress,
    /// Checksums of the last whole blocks, not yet in the state file.
    waiting: Vec<u32>,
    /// Up to here the system was asked to write to disk.
    flushed: u64,
    health: Health,
    sync_failed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Sound,
    /// It is whole, and may be a blob by now: its bytes must not change.
    Finished,
    Broken,
}

impl Spooled {
    pub(super) fn new(spool: Spool, id: SpoolId, data: File, state: File, saved: Checkpoint) -> Self {
        let now = saved.progress.clone();
        let (flushed, waiting, health) = (now.length, Vec::new(), Health::Sound);
        let way = Way::default();
        Spooled { spool, id, data, way, state, saved, now, waiting, flushed, health, sync_failed: false }
    }

    pub(super) fn close_to_writes(&mut self) {
        self.health = Health::Finished;
    }

    /// Which upload it is.
    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// How many bytes are on disk, known to be, and never lost again.
    pub fn acked(&self) -> u64 {
        self.saved.progress.length
    }

    /// Where the next byte goes: what is acknowledged, and what was written since.
    pub fn position(&self) -> u64 {
        self.now.length
    }

    /// Whether a write or a sync failed, so that every call fails until the upload is opened again.
    pub fn is_broken(&self) -> bool {
        self.health == Health::Broken
    }

    /// Whether a sync failed although there was room: then nobody knows what this disk keeps, of any upload.
    pub fn has_failed_to_sync(&self) -> bool {
        self.sync_failed
    }

    /// Writes at [`Spooled::position`], which moves by what was written.
    ///
    /// # Errors
    /// `Full` when the disk is: a part may have been written, and [`Spooled::rollback`] gives its room back. `Broken`
    /// after a failed sync, or when the upload is whole. After any other error the upload must be opened again.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        self.must_be(&[Health::Sound])?;
        if self.waiting.len() >= SPOOL_SUMS_WAITING_MAX {
            self.write_sums().map_err(|e| self.failed("its checksums cannot be written", e, true))?;
        }
        while !bytes.is_empty() {
            match self.write_some(bytes) {
                Ok(0) => {
                    return Err(self.failed("nothing can be written", io::ErrorKind::WriteZero.into(), true));
                }
                Ok(count) => bytes = &bytes[count..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(self.failed("its bytes cannot be written", e, true)),
            }
        }
        if self.now.length - self.flushed >= SPOOL_FLUSH_BYTES {
            self.let_go();
        }
        Ok(())
    }

    /// Begins to write to disk what is not there, and takes out of the page cache what is: a large upload would push out
    /// what players use, and fresh pages cost more than all else here. The first block and the unfinished last one stay,
    /// for those who look for a format and for tags.
    fn let_go(&mut self) {
        let from = (self.acked() / BLOB_BLOCK_BYTES).max(1) * BLOB_BLOCK_BYTES;
        let until = self.now.length / BLOB_BLOCK_BYTES * BLOB_BLOCK_BYTES;
        self.flushed = self.now.length;
        if let Some(count) = until.checked_sub(from).and_then(NonZeroU64::new) {
            // Linux starts writing back the dirty pages of the range and drops the clean ones. Advice that is not taken
            // costs time, and an error of such a write is told by the next sync.
            let _ = rustix::fs::fadvise(&self.data, from, Some(count), Advice::DontNeed);
        }
    }

    /// Writes and takes in at least the first of `bytes`. They are hashed first: after a disk was waited for, the
    /// processor has them no longer.
    fn write_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (at, known) = (self.now.length, self.waiting.len());
        let piece = self.way.piece(bytes, at);
        let mut next = self.now.clone();
        take(&mut next, piece, |sum| self.waiting.push(sum));
        let written = self.way.write(&self.data, piece, at);
        if written.as_ref().is_ok_and(|count| *count == piece.len()) {
            self.now = next;
            return written;
        }
        self.waiting.truncate(known);
        if let Ok(count) = written {
            take(&mut self.now, &piece[..count], |sum| self.waiting.push(sum));
        }
        written
    }

    /// Waits until everything that was written is on disk, then says so in the checkpoint, and waits for that too. The
    /// new acknowledged offset.
    ///
    /// # Errors
    /// Whatever the reason (`Full`, `Broken`), nobody knows now what the disk holds: every later call fails with
    /// `Broken`, and the upload goes on from the last acknowledged offset when it is opened again.
    pub fn sync(&mut self) -> Result<u64, Error> {
        self.must_be(&[Health::Sound, Health::Finished])?;
        if self.now.length == self.saved.progress.length {
            return Ok(self.now.length);
        }
        let begun = Instant::now();
        let next = Checkpoint { generation: self.saved.generation + 1, progress: self.now.clone() };
        let synced = self
            .data
            .sync_data()
            .and_then(|()| self.write_sums())
            .and_then(|()| next.write(&self.state, self.id))
            .and_then(|()| self.state.sync_data());
        synced.map_err(|e| self.failed_to_sync("its bytes cannot be synced", e))?;
        self.spool.0.sync_seconds.observe(begun.elapsed().as_secs_f64());
        self.let_go();
        self.saved = next;
        Ok(self.now.length)
    }

    /// Goes back to the acknowledged offset, and gives the room of what was written since back to the disk.
    ///
    /// # Errors
    /// `Broken` after a failed sync; otherwise what the system says.
    pub fn rollback(&mut self) -> Result<(), Error> {
        self.must_be(&[Health::Sound, Health::Finished])?;
        if self.now.length == self.saved.progress.length && self.health == Health::Finished {
            return Ok(());
        }
        self.data
            .set_len(self.acked())
            .map_err(|e| self.failed("it cannot be cut to what was acknowledged", e, false))?;
        self.now = self.saved.progress.clone();
        self.waiting.clear();
        self.flushed = self.now.length;
        Ok(())
    }

    /// The first bytes, as many as there are and fit.
    ///
    /// # Errors
    /// What the system says.
    pub fn head(&self, buffer: &mut [u8]) -> Result<usize, Error> {
        let reader = self.reader()?;
        let mut filled = 0;
        while filled < buffer.len() {
            let read = reader.read_at(&mut buffer[filled..], filled as u64);
            match read.map_err(|e| Error::io(format!("the upload {} cannot be read", self.id), e))? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// Reads the bytes that are there now, synced or not, with a handle of its own.
    ///
    /// # Errors
    /// When there is no descriptor left.
    pub fn reader(&self) -> Result<SpoolReader, Error> {
        let context = || format!("the upload {} cannot be read", self.id);
        // A copy of our own handle would keep the upload locked for as long as somebody reads it.
        let data = File::open(self.spool.data_path(self.id)).map_err(|e| Error::io(context(), e))?;
        Ok(SpoolReader::new(data, self.position(), self.spool.name(self.id)))
    }

    /// A source of the bytes that are there now, for whoever reads tags.
    ///
    /// # Errors
    /// As [`Spooled::reader`].
    pub fn source(&self) -> Result<Source, Error> {
        self.reader()?.source()
    }

    /// Writes a piece of another upload, as large as the buffer that was lent: reads it, and hashes and writes what was
    /// read. Gives the count of bytes; 0 is the end.
    ///
    /// # Errors
    /// As [`Spooled::write`], and `Lost` when the other cannot be read.
    pub fn append_from(
        &mut self,
        other: &SpoolReader,
        offset: u64,
        buffer: &mut [u8],
    ) -> Result<usize, Error> {
        let count = other
            .read_at(buffer, offset)
            .map_err(|e| lost(self.id, &format!("a part of it cannot be read: {e}")))?;
        self.write(&buffer[..count])?;
        Ok(count)
    }

    /// Syncs, and says what the whole is. Nothing can be written any more; it can be asked again, after a restart too.
    ///
    /// # Errors
    /// As [`Spooled::sync`].
    pub fn finish(&mut self) -> Result<Whole, Error> {
        let length = self.sync()?;
        self.health = Health::Finished;
        let digest = BlobId::from_bytes(self.now.hash.clone().finalize().into());
        Ok(Whole { id: self.id, digest, length })
    }

    /// Computes the checksums of blocks again from the bytes when a crash came between them and the slot that counts
    /// them. The hash state in the slot proves that these are the bytes.
    pub(super) fn mend_sums(&mut self) -> Result<(), Error> {
        let context = || format!("the upload {} cannot be read", self.id);
        let are_whole =
            checkpoint::read_sums(&self.state, &self.now, |_| {}).map_err(|e| Error::io(context(), e))?;
        if are_whole {
            return Ok(());
        }
        let reader = self.reader()?;
        let mut buffer = vec![0; BLOB_CHECK_BYTES];
        let (mut again, mut waiting) = (Progress::default(), Vec::new());
        while again.length < self.acked() {
            let count = reader.read_at(&mut buffer, again.length).map_err(|e| Error::io(context(), e))?;
            take(&mut again, &buffer[..count], |sum| waiting.push(sum));
            if waiting.len() >= SPOOL_SUMS_WAITING_MAX || again.length == self.acked() {
                let first = again.blocks() - waiting.len() as u64;
                checkpoint::write_sums(&self.state, first, &waiting).map_err(|e| Error::io(context(), e))?;
                waiting.clear();
            }
        }
        if !again.agrees(&self.now) {
            return Err(lost(self.id, "its bytes are not those that came"));
        }
        self.state.sync_data().map_err(|e| Error::io(context(), e))
    }

    /// Puts the checkpoint that was found on disk. It may have been in memory only: the process was killed between writing
    /// and syncing it, or that sync failed, after which the system takes its page for written and a sync alone does
    /// nothing. It goes to its own slot, since the other may be the only one that is on disk; where it was there already,
    /// the same bytes are written over it, so that a torn write changes nothing.
    pub(super) fn save_again(&mut self) -> Result<(), Error> {
        let saved = self.saved.write(&self.state, self.id).and_then(|()| self.state.sync_data());
        saved.map_err(|e| self.failed_to_sync("its checkpoint cannot be synced", e))
    }

    fn write_sums(&mut self) -> io::Result<()> {
        let first = self.now.blocks() - self.waiting.len() as u64;
        checkpoint::write_sums(&self.state, first, &self.waiting)?;
        self.waiting.clear();
        Ok(())
    }

    fn must_be(&self, these: &[Health]) -> Result<(), Error> {
        if these.contains(&self.health) {
            return Ok(());
        }
        let why = match self.health {
            Health::Finished => "is whole: nothing can be added to it",
            Health::Broken | Health::Sound => "could not be written earlier and must be opened again",
        };
        Err(Error::new(ErrorKind::Broken, format!("the upload {} {why}", self.id)))
    }

    fn failed_to_sync(&mut self, what: &str, source: io::Error) -> Error {
        let error = self.failed(what, source, false);
        self.sync_failed = error.kind == ErrorKind::Broken;
        error
    }

    /// A full disk may have room again, as long as nothing was to be synced. Nothing else that fails can be trusted.
    fn failed(&mut self, what: &str, source: io::Error, may_go_on: bool) -> Error {
        let mut error = Error::io(format!("the upload {}: {what}", self.id), source);
        if error.kind != ErrorKind::Full {
            error.kind = ErrorKind::Broken;
        }
        if error.kind != ErrorKind::Full || !may_go_on {
            self.health = Health::Broken;
        }
        if error.kind == ErrorKind::Broken {
            tracing::error!(upload = %self.id, %error, "an upload could not be written");
        }
        error
    }
}

#[cfg(test)]
impl Spooled {
    pub(super) fn break_state(&mut self, state: File) {
        self.state = state;
    }

    pub(super) fn break_data(&mut self, data: File) {
        self.data = data;
    }

    pub(super) fn sums_waiting(&self) -> usize {
        self.waiting.len()
    }
}

/// Moves a progress by the next bytes.
fn take(progress: &mut Progress, bytes: &[u8], mut each: impl FnMut(u32)) {
    progress.hash.update(bytes);
    let list = &mut progress.list;
    progress.summing.take(bytes, |sum| {
        *list = crc32c::crc32c_append(*list, &sum.to_le_bytes());
        each(sum);
    });
    progress.length += bytes.len() as u64;
}

impl std::fmt::Debug for Spooled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spooled")
            .field("id", &self.id)
            .field("acked", &self.acked())
            .field("position", &self.position())
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}
