//! Uploads on their way: bytes at explicit offsets, and beside them what is known to be on disk.
//!
//! An upload is two files in `spool/`: `<id>` with its bytes and `<id>.state` with its checkpoint (see
//! [`checkpoint`]); a third, `<id>.sums`, is there for the moment of its publication. An offset is acknowledged when the bytes before it are synced and then the checkpoint that says so;
//! what lies behind is cut off when the upload is opened again.

use std::collections::BinaryHeap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use budget::limits::DISK_BUCKETS_SECONDS;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::data::DataFolder;
use crate::error::{Error, ErrorKind};
use crate::hex;
use crate::io::Io;
use crate::sums::BlockSums;

mod checkpoint;
mod reader;
mod spooled;
mod way;

pub use reader::SpoolReader;
pub use spooled::{Spooled, Whole};

use checkpoint::{Checkpoint, Progress};

const SPOOL_FOLDER: &str = "spool";
const BLOBS_FOLDER: &str = "blobs";
const STATE_SUFFIX: &str = ".state";
const SUMS_SUFFIX: &str = ".sums";
/// What a remote store has of an upload; see `s3/progress.rs`.
pub(crate) const PARTS_SUFFIX: &str = ".parts";
pub(crate) const PARTS_NEW_SUFFIX: &str = ".parts.new";
/// What the names of the other files of an upload end in.
const SUFFIXES: [&str; 4] = [STATE_SUFFIX, SUMS_SUFFIX, PARTS_SUFFIX, PARTS_NEW_SUFFIX];

/// Which upload: sixteen random bytes, in 32 lower hexadecimal digits. Whoever knows one may have been told it, and
/// cannot have guessed it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpoolId([u8; 16]);

impl SpoolId {
    /// An id that nobody has.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random() -> Result<SpoolId, Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)
            .map_err(|e| Error::io("the system gives no random bytes", io::Error::other(e.to_string())))?;
        Ok(SpoolId(bytes))
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        SpoolId(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(f, &self.0)
    }
}

impl fmt::Debug for SpoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for SpoolId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let not_one = || Error::new(ErrorKind::NotFound, "an upload's id has 32 lower hexadecimal digits");
        hex::parse(text).map(SpoolId).ok_or_else(not_one)
    }
}

/// The uploads of one data folder. A clone is the same spool. Everything here blocks, except [`Spool::io`].
#[derive(Clone, Debug)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    blobs: PathBuf,
    io: Io,
    sync_seconds: Histogram,
}

impl Spool {
    /// Opens the spool of a data folder: makes `spool` and `blobs` if they are not there.
    ///
    /// # Errors
    /// `Format` when the two are not on one file system, so that no file can have a name in both; otherwise what keeps
    /// the folders from being made.
    pub fn open(data: &DataFolder, io: Io) -> Result<Spool, Error> {
        let (folder, blobs) = (data.path().join(SPOOL_FOLDER), data.path().join(BLOBS_FOLDER));
        let make = |path: &Path| -> io::Result<u64> {
            DirBuilder::new().recursive(true).mode(0o700).create(path)?;
            fs::metadata(path).map(|found| found.dev())
        };
        let context = |path: &Path| format!("{} cannot be made", path.display());
        let spool_on = make(&folder).map_err(|e| Error::io(context(&folder), e))?;
        let blobs_on = make(&blobs).map_err(|e| Error::io(context(&blobs), e))?;
        if spool_on != blobs_on {
            let text = format!("{} and {} must be on one file system", folder.display(), blobs.display());
            return Err(Error::new(ErrorKind::Format, text));
        }
        sync_folder(data.path())?;
        let sync_seconds = Histogram::new(DISK_BUCKETS_SECONDS);
        Ok(Spool(Arc::new(Shared { folder, blobs, io, sync_seconds })))
    }

    /// The threads that all this should run on.
    pub fn io(&self) -> &Io {
        &self.0.io
    }

    /// Where the bytes of uploads lie, to ask for the room there.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// The folder of blobs beside it, on the same file system.
    pub(crate) fn blobs_folder(&self) -> &Path {
        &self.0.blobs
    }

    /// Begins an upload: it is there after a loss of power too when this returns.
    ///
    /// # Errors
    /// `Full`, `ReadOnly`, `Io`; nothing of it is left then, as far as that can be helped.
    pub fn create(&self, id: SpoolId) -> Result<Spooled, Error> {
        self.try_create(id).inspect_err(|_| {
            // What could not be made whole is in the way of nobody, and would be found by its age.
            let _ = self.remove(id);
        })
    }

    fn try_create(&self, id: SpoolId) -> Result<Spooled, Error> {
        let context = || format!("the upload {id} cannot be begun");
        let make =
            |path: PathBuf| OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        let state = make(self.state_path(id)).map_err(|e| Error::io(context(), e))?;
        let first = Checkpoint { generation: 0, progress: Progress::default() };
        first.write(&state, id).and_then(|()| state.sync_all()).map_err(|e| Error::io(context(), e))?;
        let data = make(self.data_path(id)).map_err(|e| Error::io(context(), e))?;
        own(&data, id)?;
        sync_folder(&self.0.folder)?;
        Ok(Spooled::new(self.clone(), id, data, state, first))
    }

    /// Opens an upload again. Bytes behind the acknowledged offset are cut off, since nobody knows what they are. The
    /// offset is on disk when this returns, also when the checkpoint that was found had only been in memory.
    ///
    /// # Errors
    /// `NotFound` when there is no such upload; `Lost` when it is not what was acknowledged; `Locked` when it is open
    /// already; `Broken` when its checkpoint cannot be synced.
    pub fn reopen(&self, id: SpoolId) -> Result<Spooled, Error> {
        let context = || format!("the upload {id} cannot be opened again");
        let (state, checkpoint) = self.checkpoint(id)?;
        let acked = checkpoint.progress.length;
        let mut options = OpenOptions::new();
        options.read(true).write(true).mode(0o600);
        let data = match options.open(self.data_path(id)) {
            Ok(data) => data,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if acked > 0 {
                    return Err(lost(id, "its bytes are gone"));
                }
                // A cut may have taken the name of a file without bytes. What comes now is only as safe as its name.
                let made = options.create_new(true).open(self.data_path(id));
                let made = made.map_err(|e| Error::io(context(), e))?;
                sync_folder(&self.0.folder)?;
                made
            }
            Err(e) => return Err(Error::io(context(), e)),
        };
        own(&data, id)?;
        let found = data.metadata().map_err(|e| Error::io(context(), e))?;
        if found.len() < acked {
            let why = format!("{acked} bytes were acknowledged, {} are there", found.len());
            return Err(lost(id, &why));
        }
        let is_blob = found.nlink() > 1;
        if found.len() > acked {
            if is_blob {
                return Err(lost(id, "it is a blob of another length"));
            }
            data.set_len(acked).map_err(|e| Error::io(context(), e))?;
        }
        let mut spooled = Spooled::new(self.clone(), id, data, state, checkpoint);
        spooled.mend_sums()?;
        spooled.save_again()?;
        if is_blob {
            spooled.close_to_writes();
        }
        Ok(spooled)
    }

    /// How many bytes of an upload are acknowledged, and on disk. It is only looked at.
    ///
    /// # Errors
    /// As [`Spool::reopen`], without `Locked`.
    pub fn acked(&self, id: SpoolId) -> Result<u64, Error> {
        Ok(self.reader(id)?.len())
    }

    /// Reads the acknowledged bytes of an upload, which another may be writing.
    ///
    /// # Errors
    /// As [`Spool::acked`].
    pub fn reader(&self, id: SpoolId) -> Result<SpoolReader, Error> {
        let (_, checkpoint) = self.checkpoint(id)?;
        let length = checkpoint.progress.length;
        let context = || format!("the upload {id} cannot be read");
        let data = match File::open(self.data_path(id)) {
            Ok(data) => data,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(lost(id, "its bytes are gone")),
            Err(e) => return Err(Error::io(context(), e)),
        };
        if data.metadata().map_err(|e| Error::io(context(), e))?.len() < length {
            return Err(lost(id, "it is shorter than was acknowledged"));
        }
        Ok(SpoolReader::new(data, length, self.name(id)))
    }

    /// The checksums of the acknowledged bytes of an upload.
    ///
    /// # Errors
    /// As [`Spool::acked`]; `Lost` as well when they are not whole, which [`Spool::reopen`] mends.
    pub fn sums(&self, id: SpoolId) -> Result<BlockSums, Error> {
        let (state, checkpoint) = self.checkpoint(id)?;
        let mut sums = Vec::new();
        let are_whole = checkpoint::read_sums(&state, &checkpoint.progress, |sum| sums.push(sum))
            .map_err(|e| Error::io(format!("the checksums of the upload {id} cannot be read"), e))?;
        if !are_whole {
            return Err(lost(id, "its checksums are not whole"));
        }
        sums.extend(checkpoint.progress.summing.rest());
        BlockSums::new(checkpoint.progress.length, sums)
    }

    /// Removes an upload, for good when this returns; an absent one is fine. A blob that it became stays.
    ///
    /// # Errors
    /// `ReadOnly`, `Io`; it can be called again.
    pub fn remove(&self, id: SpoolId) -> Result<(), Error> {
        self.remove_all(id, &SUFFIXES)
    }

    /// The same, but what a remote store has of it stays known until [`Spool::remove`].
    ///
    /// # Errors
    /// As [`Spool::remove`].
    pub fn remove_bytes(&self, id: SpoolId) -> Result<(), Error> {
        self.remove_all(id, &[STATE_SUFFIX, SUMS_SUFFIX])
    }

    fn remove_all(&self, id: SpoolId, suffixes: &[&str]) -> Result<(), Error> {
        let mut was_there = false;
        // The checkpoint goes first: bytes without one are an upload that nobody opens.
        let others = suffixes.iter().map(|suffix| self.0.folder.join(format!("{id}{suffix}")));
        for path in others.chain([self.data_path(id)]) {
            match fs::remove_file(&path) {
                Ok(()) => was_there = true,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(format!("the upload {id} cannot be removed"), e)),
            }
        }
        if was_there { sync_folder(&self.0.folder) } else { Ok(()) }
    }

    /// At most `max` uploads in the order of their ids, from the first one behind `after`, and when each was last
    /// written to. Every file that belongs to one makes it one, so that leftovers are found.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(&self, after: Option<SpoolId>, max: usize) -> Result<Vec<(SpoolId, SystemTime)>, Error> {
        let read_id = |name: &OsStr| {
            let name = name.to_str()?;
            let bare = SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix));
            let id = bare.unwrap_or(name).parse().ok()?;
            (Some(id) > after).then_some(id)
        };
        let ids = first_of(&self.0.folder, max, read_id)?;
        let written = |path: PathBuf| fs::metadata(path).and_then(|found| found.modified()).ok();
        let dated = |id| {
            let others = SUFFIXES.map(|suffix| self.0.folder.join(format!("{id}{suffix}")));
            let latest = others.into_iter().chain([self.data_path(id)]).filter_map(written).max();
            (id, latest.unwrap_or(UNIX_EPOCH))
        };
        Ok(ids.into_iter().map(dated).collect())
    }

    /// Adds how long syncs take to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        let help = "How long it took until bytes of an upload were on disk";
        registry.register("spool_sync_seconds", help, self.0.sync_seconds.clone());
    }

    pub(crate) fn data_path(&self, id: SpoolId) -> PathBuf {
        self.0.folder.join(id.to_string())
    }

    fn state_path(&self, id: SpoolId) -> PathBuf {
        self.0.folder.join(format!("{id}{STATE_SUFFIX}"))
    }

    /// Where checksums are written before they get their name among the blobs.
    pub(crate) fn sums_path(&self, id: SpoolId) -> PathBuf {
        self.0.folder.join(format!("{id}{SUMS_SUFFIX}"))
    }

    /// How logs call it.
    fn name(&self, id: SpoolId) -> String {
        format!("{SPOOL_FOLDER}/{id}")
    }

    fn checkpoint(&self, id: SpoolId) -> Result<(File, Checkpoint), Error> {
        let context = || format!("the checkpoint of the upload {id} cannot be read");
        let state = match OpenOptions::new().read(true).write(true).open(self.state_path(id)) {
            Ok(state) => state,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                // Its creation was cut short, or it is removed.
                return Err(Error::new(ErrorKind::NotFound, format!("there is no upload {id}")));
            }
            Err(e) => return Err(Error::io(context(), e)),
        };
        let found = Checkpoint::read(&state, id).map_err(|e| Error::io(context(), e))?;
        Ok((state, found.ok_or_else(|| lost(id, "no checkpoint of it is whole"))?))
    }
}

fn lost(id: SpoolId, why: &str) -> Error {
    Error::new(ErrorKind::Lost, format!("the upload {id} is lost: {why}"))
}

/// Two who write to one upload would each acknowledge what the other overwrote.
fn own(data: &File, id: SpoolId) -> Result<(), Error> {
    match rustix::fs::flock(data, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(()),
        Err(Errno::WOULDBLOCK) => {
            Err(Error::new(ErrorKind::Locked, format!("the upload {id} is being written to")))
        }
        Err(e) => Err(Error::io(format!("the upload {id} cannot be locked"), e)),
    }
}

/// Syncs the names in a folder.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    #[cfg(test)]
    tests::FOLDERS_SYNCED.set(tests::FOLDERS_SYNCED.get() + 1);
    let context = || format!("the folder {} cannot be synced", folder.display());
    File::open(folder).and_then(|open| open.sync_all()).map_err(|e| Error::io(context(), e))
}

/// The first `max` of what `pick` makes of the names in a folder, in order and without doubles. Holds no more than that.
/// A folder that is not there has no names.
pub(crate) fn first_of<T: Ord>(
    folder: &Path,
    max: usize,
    pick: impl Fn(&OsStr) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let context = || format!("the folder {} cannot be read", folder.display());
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io(context(), e)),
    };
    // Five names may make one value: so many more are held, so that doubles take nobody's place.
    let mut first = BinaryHeap::new();
    for entry in entries {
        let entry = entry.map_err(|e| Error::io(context(), e))?;
        if let Some(value) = pick(&entry.file_name()) {
            first.push(value);
            if first.len() > max.saturating_mul(1 + SUFFIXES.len()) {
                first.pop();
            }
        }
    }
    let mut first = first.into_sorted_vec();
    first.dedup();
    first.truncate(max);
    Ok(first)
}

#[cfg(test)]
mod tests;
