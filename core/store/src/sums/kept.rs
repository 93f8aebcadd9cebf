//! Checksums in a file of their own, beside the bytes.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::BlockSums;
use crate::blobs::Bad;
use crate::source::checked::Ledger;

/// What the name of such a file ends in; the rest is the name of the bytes.
// format: part of names on disk
pub(crate) const SUMS_SUFFIX: &str = ".sums";
/// What is read of such a file at once.
// format: a page
const PIECE_BYTES: usize = 4_096;

/// The checksums of so many bytes; `None` when the file is not there or not whole.
pub(crate) fn read_sums(path: &Path, length: u64) -> io::Result<Option<BlockSums>> {
    match File::open(path) {
        Ok(file) => BlockSums::read(&mut io::BufReader::with_capacity(PIECE_BYTES, file), length),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Writes checksums under a name at which nobody looks yet. They are on the disk when this returns.
pub(crate) fn write_sums(sums: &BlockSums, temporary: &Path) -> io::Result<()> {
    let mut file = io::BufWriter::with_capacity(PIECE_BYTES, File::create(temporary)?);
    sums.write(&mut file)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Where checksums are looked up.
pub(crate) enum Beside {
    /// Under a name that may get another file.
    Named(PathBuf),
    /// In a file that is read to the end of its days, also when its name is gone.
    Open(File),
}

/// Looks a checksum up in its file each time, and says whose bytes are bad.
pub(crate) struct SumsFile<K> {
    /// What the bytes are, in the words of a log.
    pub(crate) what: &'static str,
    pub(crate) key: K,
    pub(crate) at: Beside,
    /// Of the bytes.
    pub(crate) length: u64,
    pub(crate) bad: Arc<Bad<K>>,
}

impl<K: Ord + Clone + Display + Send + Sync + 'static> Ledger for SumsFile<K> {
    fn sum(&self, block: u64) -> io::Result<u32> {
        let sums = match &self.at {
            Beside::Named(path) => read_sums(path, self.length)?,
            Beside::Open(file) => BlockSums::read(&mut from_start(file), self.length)?,
        };
        sums.and_then(|sums| sums.get(block)).ok_or_else(|| {
            self.bad.report(&self.key);
            io::Error::new(io::ErrorKind::InvalidData, "the checksums are damaged")
        })
    }

    fn is_bad(&self, block: u64) {
        let SumsFile { what, key, .. } = self;
        tracing::error!(%key, block, "a block of {what} does not match its checksum; it is not sent");
        self.bad.report(key);
    }
}

/// A file from its first byte, whoever else reads it.
pub(crate) fn from_start(file: &File) -> impl Read {
    io::BufReader::with_capacity(PIECE_BYTES, Positioned { file, position: 0 })
}

struct Positioned<'f> {
    file: &'f File,
    position: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}
