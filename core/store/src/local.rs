//! Blobs as files: `blobs/ab/cd/<sha256>`, and beside each `<sha256>.sums` with its checksums.
//!
//! A blob is the spool's file under a second name, so that publishing copies nothing. Its checksums get their name first,
//! then the bytes, then the folder is synced; only when that is done does anybody hear of the blob.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use budget::limits::{
    BLOB_CHECK_BYTES, BLOB_CHECKS_IDLE_MAX, DISK_BUCKETS_SECONDS, OPEN_BLOBS_MAX, VERIFIED_MS,
    VERIFIED_MS_MIN,
};
use budget::{BoundedMap, Chunks};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::blob::{BlobId, BlobKey};
use crate::blobs::{BadBlobs, Blobs, Checked, Listed, Publication};
use crate::data::DataFolder;
use crate::error::{Error, ErrorKind};
use crate::hex;
use crate::source::checked::Sums;
use crate::source::{Source, Validator};
use crate::spool::{Spool, SpoolId, Whole, first_of, sync_folder};
use crate::sums::BlockSums;
use crate::sums::kept::{Beside, SUMS_SUFFIX, SumsFile, read_sums, write_sums};

mod aside;
mod look;

const QUARANTINE_FOLDER: &str = "quarantine";

/// Blobs in the data folder. A clone is the same store.
#[derive(Clone)]
pub struct LocalBlobs(Arc<Shared>);

struct Shared {
    spool: Spool,
    root: PathBuf,
    quarantine: PathBuf,
    /// Folders whose names were synced since the start of this process, by the first two bytes of their blobs: one
    /// that only exists may be forgotten by a loss of power.
    synced: Mutex<Box<[u64; 1_024]>>,
    open: BoundedMap<BlobKey, Source>,
    verified: Duration,
    chunks: Chunks,
    bad: Arc<BadBlobs>,
    publish_seconds: Histogram,
}

impl LocalBlobs {
    /// The blobs of the data folder that this spool is of. A block that was checked is trusted for `verified`, which is
    /// [`VERIFIED_MS`] unless somebody wants it otherwise, and at least [`VERIFIED_MS_MIN`]. Blocks.
    ///
    /// # Errors
    /// When the folders cannot be made.
    pub fn open(data: &DataFolder, spool: Spool, verified: Option<Duration>) -> Result<Self, Error> {
        let quarantine = data.path().join(QUARANTINE_FOLDER);
        let context = || format!("{} cannot be made", quarantine.display());
        make_folder(&quarantine).map_err(|e| Error::io(context(), e))?;
        sync_folder(data.path())?;
        let verified = verified
            .unwrap_or(Duration::from_millis(VERIFIED_MS))
            .max(Duration::from_millis(VERIFIED_MS_MIN));
        Ok(LocalBlobs(Arc::new(Shared {
            root: spool.blobs_folder().to_owned(),
            spool,
            quarantine,
            synced: Mutex::new(Box::new([0; 1_024])),
            open: BoundedMap::new("open_blobs", OPEN_BLOBS_MAX, verified),
            verified,
            chunks: Chunks::new(BLOB_CHECK_BYTES, BLOB_CHECKS_IDLE_MAX),
            bad: Arc::default(),
            publish_seconds: Histogram::new(DISK_BUCKETS_SECONDS),
        })))
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.0);
        self.0.spool.io().run(move || work(&shared)).await?
    }
}

#[async_trait]
impl Blobs for LocalBlobs {
    fn advance(&self, _job: &Publication, _synced_bytes: u64) {}

    async fn publish(&self, job: &Publication, whole: &Whole) -> Result<BlobKey, Error> {
        let (spool, whole) = (job.spool, *whole);
        self.run(move |shared| {
            let begun = Instant::now();
            let key = shared.publish(spool, &whole)?;
            shared.publish_seconds.observe(begun.elapsed().as_secs_f64());
            Ok(key)
        })
        .await
    }

    async fn abandon(&self, _job: &Publication) -> Result<(), Error> {
        Ok(())
    }

    async fn open(&self, key: &BlobKey) -> Result<Source, Error> {
        if let Some(source) = self.0.open.get(key) {
            if source.is_as_opened() {
                return Ok(source);
            }
            self.0.open.remove(key);
        }
        let of = key.clone();
        let (file, length) = match self.run(move |shared| shared.open_anew(of)).await? {
            Found::Source(source) => return Ok(source),
            Found::WithoutSums(file, length) => (file, length),
        };
        if self.mend_sums(digest(key)?, Arc::new(file), length).await? {
            let of = key.clone();
            if let Found::Source(source) = self.run(move |shared| shared.open_anew(of)).await? {
                return Ok(source);
            }
        }
        self.0.bad.report(key);
        let said = format!("the blob {key} cannot be opened: it is not what it was");
        Err(Error::new(ErrorKind::Corrupt, said))
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), Error> {
        let key = key.clone();
        self.run(move |shared| shared.remove(&key)).await
    }

    async fn list(&self, after: Option<&BlobKey>, max: usize) -> Result<Vec<Listed>, Error> {
        let after = after.cloned();
        self.run(move |shared| shared.list(after.as_ref(), max)).await
    }

    async fn check(&self, key: &BlobKey) -> Result<Checked, Error> {
        self.look(key).await
    }

    async fn quarantine(&self, key: &BlobKey) -> Result<(), Error> {
        let key = key.clone();
        self.run(move |shared| shared.put_aside(&key)).await
    }

    async fn empty_quarantine(&self, before: SystemTime) -> Result<u64, Error> {
        self.run(move |shared| shared.empty_quarantine(before)).await
    }

    fn reported(&self) -> Vec<BlobKey> {
        self.0.bad.take()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn register(&self, registry: &mut Registry) {
        self.0.open.register(registry);
        self.0.bad.register(registry);
        let help = "How long it took until a whole upload was durable as a blob";
        registry.register("blob_publish_seconds", help, self.0.publish_seconds.clone());
    }
}

/// What is under the name of a blob.
enum Found {
    Source(Source),
    /// Its bytes, so many, whose checksums are gone or not whole.
    WithoutSums(File, u64),
}

/// Where one blob lies.
struct Files {
    folder: PathBuf,
    bytes: PathBuf,
    sums: PathBuf,
}

impl Shared {
    fn files(&self, id: &BlobId) -> Files {
        let name = id.to_string();
        let folder = self.root.join(&name[..2]).join(&name[2..4]);
        Files { bytes: folder.join(&name), sums: folder.join(format!("{name}{SUMS_SUFFIX}")), folder }
    }

    fn publish(&self, spool: SpoolId, whole: &Whole) -> Result<BlobKey, Error> {
        let key = BlobKey::of_digest(&whole.digest);
        let context = || format!("the upload {spool} cannot become a blob");
        let files = self.files(&whole.digest);
        self.make_folders(&whole.digest, &files.folder).map_err(|e| Error::io(context(), e))?;
        let is_there = match length_of(&files.bytes).map_err(|e| Error::io(context(), e))? {
            Some(length) if length == whole.length => true,
            Some(length) => {
                tracing::error!(%key, length, expected = whole.length, "a blob has a wrong length; it is put aside");
                self.put_aside(&key)?;
                false
            }
            None => false,
        };
        let has_sums = is_there && read_sums(&files.sums, whole.length).is_ok_and(|sums| sums.is_some());
        if !has_sums {
            let acked = self.spool.acked(spool)?;
            if acked != whole.length {
                let why = format!("{acked} bytes are there and not {}", whole.length);
                return Err(Error::new(ErrorKind::Lost, format!("{}: {why}", context())));
            }
            self.publish_sums(&self.spool.sums(spool)?, &self.spool.sums_path(spool), &files.sums)
                .map_err(|e| Error::io(context(), e))?;
        }
        if !is_there {
            let data = self.spool.data_path(spool);
            // Times and length are synced here too; the bytes are, since the upload is whole.
            File::open(&data).and_then(|data| data.sync_all()).map_err(|e| Error::io(context(), e))?;
            match fs::hard_link(&data, &files.bytes) {
                // Another upload of the same bytes came first, between our look and now.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                linked => linked.map_err(|e| Error::io(context(), e))?,
            }
        }
        // Also when all was there: whoever put it there may not have come this far.
        sync_folder(&files.folder)?;
        Ok(key)
    }

    /// Makes the folders of a blob, and syncs the names that lead there.
    fn make_folders(&self, id: &BlobId, folder: &Path) -> io::Result<()> {
        let [high, low, ..] = *id.as_bytes();
        let (word, bit) = (usize::from(high) << 2 | usize::from(low) >> 6, 1_u64 << (low & 63));
        let is_synced = |synced: &[u64; 1_024]| synced[word] & bit != 0;
        if is_synced(&self.synced.lock().unwrap_or_else(PoisonError::into_inner)) && folder.is_dir() {
            return Ok(());
        }
        make_folder(folder)?;
        for above in folder.ancestors().skip(1).take(2) {
            File::open(above)?.sync_all()?;
        }
        self.synced.lock().unwrap_or_else(PoisonError::into_inner)[word] |= bit;
        Ok(())
    }

    /// Writes checksums so that they are under their name whole or not at all.
    fn publish_sums(&self, sums: &BlockSums, temporary: &Path, path: &Path) -> io::Result<()> {
        write_sums(sums, temporary)?;
        fs::rename(temporary, path)
    }

    fn open_anew(&self, key: BlobKey) -> Result<Found, Error> {
        let id = digest(&key)?;
        let files = self.files(&id);
        let context = || format!("the blob {key} cannot be opened");
        let file = File::open(&files.bytes).map_err(|e| Error::io(context(), e))?;
        let length = file.metadata().map_err(|e| Error::io(context(), e))?.len();
        if read_sums(&files.sums, length).map_err(|e| Error::io(context(), e))?.is_none() {
            return Ok(Found::WithoutSums(file, length));
        }
        let (at, bad) = (Beside::Named(files.sums), Arc::clone(&self.bad));
        let ledger = SumsFile { what: "a blob", key: key.clone(), at, length, bad };
        let source =
            Source::checked(file, &format!("blobs/{key}"), Validator::fixed(key.as_str()), |stamp| {
                Sums::new(stamp.length, self.verified, self.chunks.clone(), ledger)
            })?;
        if source.len() != length {
            return Err(Error::new(ErrorKind::Changed, format!("{}: it changes", context())));
        }
        self.open.insert(key, source.clone());
        Ok(Found::Source(source))
    }

    fn remove(&self, key: &BlobKey) -> Result<(), Error> {
        self.open.remove(key);
        let files = self.files(&digest(key)?);
        let mut was_there = false;
        // Bytes without checksums can be looked at by their digest; checksums without bytes are of use to nobody.
        for path in [&files.bytes, &files.sums] {
            match fs::remove_file(path) {
                Ok(()) => was_there = true,
                Err(e) if is_absent(&e) => {}
                Err(e) => return Err(Error::io(format!("the blob {key} cannot be removed"), e)),
            }
        }
        if was_there { sync_folder(&files.folder) } else { Ok(()) }
    }

    fn list(&self, after: Option<&BlobKey>, max: usize) -> Result<Vec<Listed>, Error> {
        let after = after.map_or("", BlobKey::as_str);
        let mut found = Vec::new();
        for above in first_of(&self.root, 256, |name| two_digits(name, after.get(..2)))? {
            let above = self.root.join(above);
            let behind = after.get(..4).filter(|after| above.ends_with(&after[..2]));
            for folder in first_of(&above, 256, |name| two_digits(name, behind.map(|after| &after[2..])))? {
                if found.len() < max {
                    self.list_folder(&above.join(folder), after, max, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    fn list_folder(
        &self,
        folder: &Path,
        after: &str,
        max: usize,
        found: &mut Vec<Listed>,
    ) -> Result<(), Error> {
        let read_id = |name: &OsStr| {
            let name = name.to_str().filter(|name| *name > after)?;
            name.parse::<BlobId>().ok()
        };
        for id in first_of(folder, max - found.len(), read_id)? {
            // One that was removed meanwhile is not there.
            let Ok(file) = fs::metadata(self.files(&id).bytes) else { continue };
            let modified = file.modified().unwrap_or(std::time::UNIX_EPOCH);
            found.push(Listed { key: BlobKey::of_digest(&id), length: file.len(), modified });
        }
        Ok(())
    }
}

/// The name of a folder of blobs, if it is one and not before `first`.
pub(crate) fn two_digits(name: &OsStr, first: Option<&str>) -> Option<String> {
    let name = name.to_str().filter(|name| hex::parse::<1>(name).is_some())?;
    (Some(name) >= first).then(|| name.to_owned())
}

/// The digest that a key of this store is.
fn digest(key: &BlobKey) -> Result<BlobId, Error> {
    key.as_str().parse()
}

fn length_of(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found.len())),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

fn is_absent(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::NotFound
}

pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests;
