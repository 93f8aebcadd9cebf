//! Library folders, opened so that no name leads out of them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use budget::limits::{ESCAPES_REMEMBERED_MAX, SCAN_FOLDER_ENTRIES_MAX};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::OFlags;

use crate::error::{Error, ErrorKind};
use crate::path::RelPath;
use crate::source::{Source, Stamp};
use crate::walk::Walk;
use crate::watch::Watch;

/// Which library folder; libraries and folders are one to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderId(pub i64);

/// One folder of media, held open. Names are looked up beneath it by the kernel (`openat2` with `RESOLVE_BENEATH`):
/// links that stay inside work, links that lead out and absolute links are [`ErrorKind::Escapes`].
#[derive(Debug)]
pub struct LibraryFolder {
    root: PathBuf,
    top: Dir,
    identity: (u64, u64),
    escapes: Mutex<BTreeSet<RelPath>>,
}

impl LibraryFolder {
    /// Opens a folder by the path that the configuration gives it.
    ///
    /// # Errors
    /// Names the folder: not there, not a folder, or not to be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let context = || format!("library folder {} cannot be opened", root.display());
        let top = Dir::open_ambient_dir(root, ambient_authority()).map_err(|e| Error::io(context(), e))?;
        let identity = identity_of(&top).map_err(|e| Error::io(context(), e))?;
        Ok(LibraryFolder { root: root.to_owned(), top, identity, escapes: Mutex::default() })
    }

    /// The folder as the configuration names it, for logs.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Opens a file for reading. Blocks while the disk works, and for nothing else: a pipe without a writer or a
    /// device that waits is refused at once.
    ///
    /// # Errors
    /// By kind: `NotFound`, `Escapes` (logged once by name), `NotAFile`, `Io`.
    pub fn open_source(&self, path: &RelPath) -> Result<Source, Error> {
        // Every open of cap-std has O_CLOEXEC. O_NONBLOCK means nothing to regular files, and lets the rest be
        // opened without waiting, looked at and refused.
        let file = self.open_beneath(path, OFlags::NONBLOCK | OFlags::NOCTTY)?;
        Source::of(file, path.as_str())
    }

    /// What a file looks like now; of a link, the file that it leads to. Opens nothing for reading. Blocks while the disk works.
    ///
    /// # Errors
    /// By kind: `NotFound`, `Escapes` (logged once by name), `Io`.
    pub fn stamp(&self, path: &RelPath) -> Result<Stamp, Error> {
        let file = self.open_beneath(path, OFlags::PATH)?;
        let stat = rustix::fs::fstat(&file).map_err(|e| self.explain(path, e.into()))?;
        Ok(Stamp::of(&stat))
    }

    /// Lists every file beneath, in the byte order of whole paths.
    pub fn walk(self: &Arc<Self>) -> Walk {
        Walk::new(Arc::clone(self))
    }

    /// Shows each name in a folder (`None` is the library folder) as the disk gives them, in no order, and holds none of them. Names
    /// that begin with a dot or are not UTF-8 are left out, and so is what follows [`SCAN_FOLDER_ENTRIES_MAX`]. Blocks while
    /// the disk works.
    ///
    /// # Errors
    /// By kind: `NotFound`, `Escapes` (logged once by name), `Io`.
    pub fn each_name(&self, folder: Option<&RelPath>, mut see: impl FnMut(&str)) -> Result<(), Error> {
        let failed = |e: io::Error| match folder {
            Some(path) => self.explain(path, e),
            None => Error::io(format!("library folder {} cannot be listed", self.root.display()), e),
        };
        let dir = self.top.open_dir(folder.map_or(Path::new("."), RelPath::as_path)).map_err(failed)?;
        for entry in dir.entries().map_err(failed)?.take(SCAN_FOLDER_ENTRIES_MAX) {
            let name = entry.map_err(failed)?.file_name();
            if let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) {
                see(name);
            }
        }
        Ok(())
    }

    /// Whether the configured path still leads to the folder that is held open. It does not when a mount came or went.
    pub(crate) fn is_current(&self) -> bool {
        Dir::open_ambient_dir(&self.root, ambient_authority())
            .and_then(|top| identity_of(&top))
            .is_ok_and(|identity| identity == self.identity)
    }

    /// Whether what this watch tells is about this folder, and not about another that its path led to before.
    pub fn is_heard_by(&self, watch: &Watch, id: FolderId) -> bool {
        watch.is_about(id, self.identity)
    }

    pub(crate) fn top(&self) -> &Dir {
        &self.top
    }

    pub(crate) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Looks a path up from the root, following links that stay beneath it.
    pub(crate) fn open_beneath(&self, path: &RelPath, flags: OFlags) -> Result<File, Error> {
        let mut options = OpenOptions::new();
        // The bits are the same number on both sides; only the type differs.
        options.read(true).custom_flags(flags.bits().cast_signed());
        match self.top.open_with(path.as_path(), &options) {
            Ok(file) => Ok(file.into_std()),
            Err(e) => Err(self.explain(path, e)),
        }
    }

    /// Sorts a failed lookup, and logs the first time that a name led out.
    pub(crate) fn explain(&self, path: &RelPath, e: io::Error) -> Error {
        let error = Error::io(format!("{path} in library folder {}", self.root.display()), e);
        if error.kind == ErrorKind::Escapes {
            let mut known = self.escapes.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() < ESCAPES_REMEMBERED_MAX && known.insert(path.clone()) {
                tracing::warn!(folder = %self.root.display(), %path, "a link leads out of the library folder; it is not followed");
            }
        }
        error
    }
}

/// Device and inode number of an open folder.
pub(crate) fn identity_of(folder: &Dir) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(folder)?;
    Ok((stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests;
