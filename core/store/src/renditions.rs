//! Renditions as files: `cache/made/ab/<64 digits>`, beside each a `.sums` with its checksums, and what is not whole yet
//! in `cache/making/`.
//!
//! Bytes get their name when they and their checksums are on the disk, and never before, so that whatever has a name is
//! whole. What a crash leaves in `making/` is gone at the next start. Nothing here decides what is kept or for how long,
//! and everything may be deleted while nobody serves the folder.

use std::any::Any;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use budget::Chunks;
use budget::limits::{
    BLOB_CHECK_BYTES, BLOB_CHECK_STEP_BYTES, BLOB_CHECKS_IDLE_MAX, DISK_BLOCK_BYTES, VERIFIED_MS,
};
use prometheus_client::registry::Registry;

use crate::blobs::{Bad, Checked};
use crate::data::DataFolder;
use crate::error::{Error, ErrorKind};
use crate::hex;
use crate::io::Io;
use crate::local::{make_folder, two_digits};
use crate::room::free_bytes;
use crate::source::checked::{Ledger, Sums};
use crate::source::{Source, Validator};
use crate::spool::{first_of, sync_folder};
use crate::sums::BlockSums;
use crate::sums::kept::{Beside, SUMS_SUFFIX, SumsFile, from_start, read_sums};
use crate::sums::through::{Comparing, read_piece};

mod making;

pub use making::{Making, Published};

const CACHE_FOLDER: &str = "cache";
const MADE_FOLDER: &str = "made";
const MAKING_FOLDER: &str = "making";

/// Something that lives as long as a file takes room on the disk: until the name is gone and nobody reads it any more.
pub type Hold = Arc<dyn Any + Send + Sync>;

/// Which file. The bytes mean nothing; each file gets new ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RenditionId([u8; 32]);

impl RenditionId {
    /// One that no file has.
    ///
    /// # Errors
    /// `Io` when the system gives no random bytes.
    pub fn random() -> Result<RenditionId, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::io("the system gives no random bytes", io::Error::other(e.to_string())))?;
        Ok(RenditionId(bytes))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> RenditionId {
        RenditionId(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for RenditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for RenditionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RenditionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<RenditionId, Error> {
        let unlike = || Error::new(ErrorKind::NotFound, "this is no id of a rendition");
        hex::parse(text).map(RenditionId).ok_or_else(unlike)
    }
}

/// Renditions in the data folder. A clone is the same store.
#[derive(Clone)]
pub struct Renditions(Arc<Shared>);

struct Shared {
    made: PathBuf,
    making: PathBuf,
    io: Io,
    verified: Duration,
    chunks: Chunks,
    bad: Arc<Bad<RenditionId>>,
    /// After which step of a publication everything ends.
    #[cfg(test)]
    kill_at: std::sync::atomic::AtomicU8,
}

/// Where one rendition lies.
struct Files {
    folder: PathBuf,
    bytes: PathBuf,
    sums: PathBuf,
}

impl Renditions {
    /// The renditions of a data folder that nobody else serves: what was not whole when its last server ended is removed.
    /// Blocks.
    ///
    /// # Errors
    /// When the folders cannot be made or cleared.
    pub fn open(data: &DataFolder, io: Io) -> Result<Renditions, Error> {
        let cache = data.path().join(CACHE_FOLDER);
        let (made, making) = (cache.join(MADE_FOLDER), cache.join(MAKING_FOLDER));
        for folder in [&made, &making] {
            let context = || format!("{} cannot be made", folder.display());
            make_folder(folder).map_err(|e| Error::io(context(), e))?;
        }
        let context = || format!("{} cannot be cleared", making.display());
        for entry in fs::read_dir(&making).map_err(|e| Error::io(context(), e))? {
            let path = entry.map_err(|e| Error::io(context(), e))?.path();
            fs::remove_file(&path).map_err(|e| Error::io(context(), e))?;
        }
        Ok(Renditions(Arc::new(Shared {
            made,
            making,
            io,
            verified: Duration::from_millis(VERIFIED_MS),
            chunks: Chunks::new(BLOB_CHECK_BYTES, BLOB_CHECKS_IDLE_MAX),
            bad: Arc::default(),
            #[cfg(test)]
            kill_at: std::sync::atomic::AtomicU8::default(),
        })))
    }

    /// What a rendition of so many bytes takes of the disk, with its checksums: both files in whole blocks.
    pub fn disk_bytes(length: u64) -> u64 {
        let in_blocks = |bytes: u64| bytes.div_ceil(DISK_BLOCK_BYTES).saturating_mul(DISK_BLOCK_BYTES);
        in_blocks(length).saturating_add(in_blocks(BlockSums::file_bytes(length)))
    }

    /// What is free of the disk that they lie on, in bytes.
    ///
    /// # Errors
    /// When the system does not say.
    pub async fn free_bytes(&self) -> Result<u64, Error> {
        self.run(|shared| free_bytes(&shared.made)).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.0);
        self.0.io.run(move || work(&shared)).await?
    }

    /// Opens a rendition whose content has this tag. No byte is given that does not match its checksum: such a read fails
    /// with [`io::ErrorKind::InvalidData`], is counted, and the id is among [`Renditions::reported`]. `hold` goes when the
    /// last clone of the source does.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` when its checksums are not there or not whole, which is reported too; `Io`.
    pub async fn open_made(&self, id: RenditionId, tag: &str, hold: Hold) -> Result<Source, Error> {
        let validator = Validator::fixed(tag);
        self.run(move |shared| shared.open_made(id, validator, hold)).await
    }

    /// Removes renditions; absent ones are fine. Who reads them reads on.
    ///
    /// # Errors
    /// When one cannot be removed; it can be called again.
    pub async fn remove(&self, ids: Vec<RenditionId>) -> Result<(), Error> {
        self.run(move |shared| ids.iter().try_for_each(|id| shared.remove(id))).await
    }

    /// At most `max` renditions with their lengths in bytes, in the order of their ids, from the first one behind `after`.
    ///
    /// # Errors
    /// When the folders cannot be read.
    pub async fn list(
        &self,
        after: Option<RenditionId>,
        max: usize,
    ) -> Result<Vec<(RenditionId, u64)>, Error> {
        self.run(move |shared| shared.list(after, max)).await
    }

    /// Reads every byte of a rendition from the disk, a piece at a time, and compares.
    ///
    /// # Errors
    /// When it cannot be read; that says nothing about its bytes.
    pub async fn check(&self, id: RenditionId) -> Result<Checked, Error> {
        let Some((file, sums)) = self.run(move |shared| shared.open_to_look(&id)).await? else {
            return Ok(Checked::Missing);
        };
        let length = sums.as_ref().map_or(0, BlockSums::length);
        let Some(sums) = sums else {
            self.0.bad.count();
            return Ok(Checked::Bad { block: 0 });
        };
        let (mut comparing, mut at) = (Comparing::with(sums), 0);
        while at < length {
            let (file, end) = (Arc::clone(&file), length.min(at + BLOB_CHECK_STEP_BYTES));
            let piece = self.run(move |shared| {
                let what = format_args!("the rendition {id}");
                let goes_on =
                    read_piece(&what, &file, at..end, &shared.chunks, |bytes| comparing.take(bytes))?;
                Ok((comparing, goes_on))
            });
            let goes_on;
            (comparing, goes_on) = piece.await?;
            at = if goes_on { end } else { length };
        }
        let Some(block) = comparing.bad_block() else { return Ok(Checked::Sound) };
        tracing::error!(%id, block, "a rendition is not what it was");
        self.0.bad.count();
        Ok(Checked::Bad { block })
    }

    /// Takes the ids of renditions that readers found bad since the last call.
    pub fn reported(&self) -> Vec<RenditionId> {
        self.0.bad.take()
    }

    /// Adds how many bad blocks were found to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "Blocks of renditions that did not match their checksum";
        self.0.bad.register_as("rendition_bad_blocks", help, registry);
    }
}

impl fmt::Debug for Renditions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Renditions").field(&self.0.made).finish()
    }
}

/// The bytes of a rendition, and its checksums unless they are not whole.
type Looked = (Arc<File>, Option<BlockSums>);

/// The checksums of an open rendition, and what lives as long as that is open.
struct HeldSums {
    sums: SumsFile<RenditionId>,
    _hold: Hold,
}

impl Ledger for HeldSums {
    fn sum(&self, block: u64) -> io::Result<u32> {
        self.sums.sum(block)
    }

    fn is_bad(&self, block: u64) {
        self.sums.is_bad(block);
    }
}

impl Shared {
    fn files(&self, id: &RenditionId) -> Files {
        let name = id.to_string();
        let folder = self.made.join(&name[..2]);
        Files { bytes: folder.join(&name), sums: folder.join(format!("{name}{SUMS_SUFFIX}")), folder }
    }

    fn open_made(&self, id: RenditionId, validator: Validator, hold: Hold) -> Result<Source, Error> {
        let files = self.files(&id);
        let context = || format!("the rendition {id} cannot be opened");
        let file = File::open(&files.bytes).map_err(|e| Error::io(context(), e))?;
        let length = file.metadata().map_err(|e| Error::io(context(), e))?.len();
        let sums = match File::open(&files.sums) {
            Ok(sums) if is_whole(&sums, length).map_err(|e| Error::io(context(), e))? => sums,
            // The bytes are there, and nobody knows whether they are right.
            Ok(_) => return Err(self.without_sums(id, context())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(self.without_sums(id, context())),
            Err(e) => return Err(Error::io(context(), e)),
        };
        let at = Beside::Open(sums);
        let sums = SumsFile { what: "a rendition", key: id, at, length, bad: Arc::clone(&self.bad) };
        let ledger = HeldSums { sums, _hold: hold };
        let source = Source::checked(file, &format!("renditions/{id}"), validator, |stamp| {
            Sums::new(stamp.length, self.verified, self.chunks.clone(), ledger)
        })?;
        if source.len() != length {
            return Err(Error::new(ErrorKind::Changed, format!("{}: it changes", context())));
        }
        Ok(source)
    }

    fn without_sums(&self, id: RenditionId, context: String) -> Error {
        self.bad.report(&id);
        Error::new(ErrorKind::Corrupt, format!("{context}: its checksums are not whole"))
    }

    fn remove(&self, id: &RenditionId) -> Result<(), Error> {
        let files = self.files(id);
        // Bytes without checksums are given to nobody, so the order is of no matter.
        for path in [&files.bytes, &files.sums] {
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::io(format!("the rendition {id} cannot be removed"), e));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn open_to_look(&self, id: &RenditionId) -> Result<Option<Looked>, Error> {
        let files = self.files(id);
        let context = || format!("the rendition {id} cannot be looked at");
        let file = match File::open(&files.bytes) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io(context(), e)),
        };
        let length = file.metadata().map_err(|e| Error::io(context(), e))?.len();
        let sums = read_sums(&files.sums, length).map_err(|e| Error::io(context(), e))?;
        Ok(Some((Arc::new(file), sums)))
    }

    fn list(&self, after: Option<RenditionId>, max: usize) -> Result<Vec<(RenditionId, u64)>, Error> {
        let after_name = after.map(|after| after.to_string());
        let from = after_name.as_deref().and_then(|name| name.get(..2));
        let mut found = Vec::new();
        for folder in first_of(&self.made, 256, |name| two_digits(name, from))? {
            if found.len() >= max {
                break;
            }
            let read_id = |name: &OsStr| {
                let name = name.to_str()?;
                // Checksums alone, of bytes that never got their name, are listed too, so that they can be removed.
                let id: RenditionId = name.strip_suffix(SUMS_SUFFIX).unwrap_or(name).parse().ok()?;
                Some(id).filter(|id| Some(*id) > after)
            };
            for id in first_of(&self.made.join(folder), max - found.len(), read_id)? {
                found.push((id, length_of(&self.files(&id).bytes)));
            }
        }
        Ok(found)
    }
}

/// The length of a file; of one that is not there, 0.
fn length_of(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

fn is_whole(sums: &File, length: u64) -> io::Result<bool> {
    Ok(BlockSums::read(&mut from_start(sums), length)?.is_some())
}

/// Opens what was just published, and sees to it that its name lasts.
fn settle(shared: &Shared, id: RenditionId, digest: &[u8; 32], hold: Hold) -> Result<Source, Error> {
    sync_folder(&shared.files(&id).folder)?;
    let tag = RenditionId(*digest).to_string();
    shared.open_made(id, Validator::fixed(&tag), hold)
}

#[cfg(test)]
mod tests;
