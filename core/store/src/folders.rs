//! All library folders of a server, and the files in them that are open now.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use budget::BoundedMap;
use budget::limits::OPEN_FILE_MS;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;
use rustix::process::{Resource, getrlimit};

use crate::error::{Error, ErrorKind};
use crate::folder::{FolderId, LibraryFolder};
use crate::path::RelPath;
use crate::source::Source;

/// The library folders by their ids. A clone is the same set.
#[derive(Clone)]
pub struct Folders(Arc<Shared>);

struct Shared {
    roots: RwLock<BTreeMap<FolderId, Root>>,
    open: BoundedMap<(FolderId, RelPath), Source>,
    hits: Counter,
    misses: Counter,
}

/// A folder that the configuration names; it may not be there.
#[derive(Clone)]
struct Root {
    path: PathBuf,
    folder: Option<Arc<LibraryFolder>>,
}

impl Folders {
    /// No folder yet, and room for so many open files, at most a quarter of the process's descriptors.
    pub fn new(open_files_max: usize) -> Self {
        Self::keeping(open_files_max, Duration::from_millis(OPEN_FILE_MS))
    }

    fn keeping(open_files_max: usize, lifetime: Duration) -> Self {
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let quarter = usize::try_from(descriptors / 4).unwrap_or(usize::MAX).max(1);
        Folders(Arc::new(Shared {
            roots: RwLock::default(),
            open: BoundedMap::new("open_files", open_files_max.min(quarter), lifetime),
            hits: Counter::default(),
            misses: Counter::default(),
        }))
    }

    /// Makes the folders be these. Blocks. Those that cannot be opened are returned and stay known by their path: a
    /// later [`Folders::reopen`] finds them when they are back.
    pub fn set(&self, folders: Vec<(FolderId, PathBuf)>) -> Vec<(FolderId, Error)> {
        let mut failed = Vec::new();
        let mut roots = BTreeMap::new();
        for (id, path) in folders {
            let folder = match LibraryFolder::open(&path) {
                Ok(folder) => Some(Arc::new(folder)),
                Err(e) => {
                    failed.push((id, e));
                    None
                }
            };
            roots.insert(id, Root { path, folder });
        }
        *self.0.roots.write().unwrap_or_else(PoisonError::into_inner) = roots;
        self.0.open.clear();
        failed
    }

    /// The ids of all folders, those that are not there included.
    pub fn ids(&self) -> Vec<FolderId> {
        self.0.roots.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// A folder, if it is one of these and could be opened.
    pub fn folder(&self, id: FolderId) -> Option<Arc<LibraryFolder>> {
        self.root(id)?.folder
    }

    /// A folder as its path leads to it now: after a mount came or went, the new one. Blocks; a scan begins with it.
    ///
    /// # Errors
    /// Names the folder that is not there, or cannot be opened. One that was open before stays so.
    pub fn reopen(&self, id: FolderId) -> Result<Arc<LibraryFolder>, Error> {
        let root = self.root(id).ok_or_else(|| unknown(id))?;
        if let Some(folder) = root.folder.filter(|folder| folder.is_current()) {
            return Ok(folder);
        }
        let folder = Arc::new(LibraryFolder::open(&root.path)?);
        let mut roots = self.0.roots.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = roots.get_mut(&id).filter(|known| known.path == root.path) {
            known.folder = Some(Arc::clone(&folder));
        }
        drop(roots);
        self.0.open.clear();
        Ok(folder)
    }

    /// Opens a file: at once when it is open already, else on a thread that may block.
    ///
    /// # Errors
    /// As [`LibraryFolder::open_source`], and `NotFound` for a folder that is unknown or not there.
    pub async fn open(&self, id: FolderId, path: &RelPath) -> Result<Source, Error> {
        let key = (id, path.clone());
        if let Some(source) = self.remembered(&key) {
            return Ok(source);
        }
        let folders = self.clone();
        match tokio::task::spawn_blocking(move || folders.open_anew(key)).await {
            Ok(opened) => opened,
            Err(_) => Err(Error::new(ErrorKind::Io, format!("the opening of {path} was stopped"))),
        }
    }

    /// Opens a file on the thread of the caller, which may block.
    ///
    /// # Errors
    /// As [`Folders::open`].
    pub fn open_now(&self, id: FolderId, path: &RelPath) -> Result<Source, Error> {
        let key = (id, path.clone());
        match self.remembered(&key) {
            Some(source) => Ok(source),
            None => self.open_anew(key),
        }
    }

    /// An open file that is still what its name means, as far as its own handle tells: a file that was replaced or
    /// removed lost a name, which the kernel counts as a change. What the handle cannot tell (a folder above it was
    /// renamed) is trusted for [`OPEN_FILE_MS`].
    fn remembered(&self, key: &(FolderId, RelPath)) -> Option<Source> {
        let source = self.0.open.get(key)?;
        if source.is_as_opened() {
            self.0.hits.inc();
            return Some(source);
        }
        self.0.open.remove(key);
        None
    }

    fn open_anew(&self, key: (FolderId, RelPath)) -> Result<Source, Error> {
        self.0.misses.inc();
        let root = self.root(key.0).ok_or_else(|| unknown(key.0))?;
        let folder = root.folder.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("library folder {} is not there", root.path.display()))
        })?;
        let source = folder.open_source(&key.1)?;
        self.0.open.insert(key, source.clone());
        Ok(source)
    }

    fn root(&self, id: FolderId) -> Option<Root> {
        self.0.roots.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Closes files that were kept for longer than [`OPEN_FILE_MS`], and says how many are still kept. Others are
    /// closed only when further files are opened; a server without work calls this so that it holds no descriptor,
    /// and no disk space of a removed file, for longer than it must.
    pub fn close_expired(&self) -> usize {
        self.0.open.len()
    }

    /// Adds entries, hits and misses of the open files to the metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.0.open.register(registry);
        registry.register(
            "open_file_hits",
            "Files that were open already when they were asked for",
            self.0.hits.clone(),
        );
        registry.register("open_file_misses", "Files that were opened anew", self.0.misses.clone());
    }
}

fn unknown(id: FolderId) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no library folder {}", id.0))
}

#[cfg(test)]
mod tests;
