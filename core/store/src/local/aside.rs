//! Blobs that are put aside, for a person to look at, and what becomes of them when nobody does.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::time::SystemTime;

use super::{SUMS_SUFFIX, Shared, digest, is_absent};
use crate::blob::{BlobId, BlobKey};
use crate::error::Error;
use crate::spool::sync_folder;

impl Shared {
    pub(super) fn put_aside(&self, key: &BlobKey) -> Result<(), Error> {
        self.open.remove(key);
        let files = self.files(&digest(key)?);
        let mut was_there = false;
        for path in [&files.bytes, &files.sums] {
            let Some(name) = path.file_name() else { continue };
            // From now on its age is the time that it lies here: the name alone would keep the time of the upload.
            let dated = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
            match dated.and_then(|()| fs::rename(path, self.quarantine.join(name))) {
                Ok(()) => was_there = true,
                Err(e) if is_absent(&e) => {}
                Err(e) => return Err(Error::io(format!("the blob {key} cannot be put aside"), e)),
            }
        }
        if !was_there {
            return Ok(());
        }
        tracing::warn!(%key, folder = %self.quarantine.display(), "a blob was put aside");
        // In this order: a loss of power may leave it in both places, and never in none.
        sync_folder(&self.quarantine)?;
        sync_folder(&files.folder)
    }

    /// Removes what was put aside before this moment. What somebody else put there is left alone.
    pub(super) fn empty_quarantine(&self, before: SystemTime) -> Result<u64, Error> {
        let folder = &self.quarantine;
        let context = || format!("{} cannot be cleared", folder.display());
        let mut removed = 0;
        for entry in fs::read_dir(folder).map_err(|e| Error::io(context(), e))? {
            let entry = entry.map_err(|e| Error::io(context(), e))?;
            if !is_ours(&entry.file_name()) {
                continue;
            }
            let modified = entry.metadata().and_then(|found| found.modified());
            match modified.map(|modified| modified < before) {
                Ok(false) => continue,
                Ok(true) => fs::remove_file(entry.path()).map_err(|e| Error::io(context(), e))?,
                // A person took it away meanwhile.
                Err(e) if is_absent(&e) => continue,
                Err(e) => return Err(Error::io(context(), e)),
            }
            tracing::info!(file = %entry.path().display(), "what was in quarantine for long is gone");
            removed += 1;
        }
        if removed > 0 {
            sync_folder(folder)?;
        }
        Ok(removed)
    }
}

/// Whether a name is one that [`Shared::put_aside`] gives.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_str().map(|name| name.strip_suffix(SUMS_SUFFIX).unwrap_or(name));
    name.is_some_and(|name| name.parse::<BlobId>().is_ok())
}
