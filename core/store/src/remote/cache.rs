//! Blocks of what lies elsewhere, on the local disk. Those that were not read for the longest time go first.
//!
//! Nothing here is synced and nothing here is trusted: whoever opens a block compares it with its checksum.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use budget::limits::S3_CACHE_BLOCKS_MAX;
use sha2::{Digest, Sha256};

use crate::data::DataFolder;
use crate::error::Error;
use crate::hex;

/// Where blocks are kept, in the data folder.
const CACHE_FOLDER: &str = "cache/blocks";

/// The blocks that are kept on the local disk of everything that lies elsewhere: one bound for a bucket and all origins
/// together. A clone is the same cache; a data folder has one.
#[derive(Clone, Debug)]
pub struct Blocks(Arc<BlockCache>);

impl Blocks {
    /// The cache of a data folder, which takes at most so many bytes of the disk. Blocks.
    ///
    /// # Errors
    /// When its folder cannot be used.
    pub fn open(data: &DataFolder, bytes_max: u64) -> Result<Self, Error> {
        Ok(Blocks(Arc::new(BlockCache::open(&data.path().join(CACHE_FOLDER), bytes_max)?)))
    }

    /// What is here now, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.index().bytes
    }

    /// A cache in a folder of a test's own.
    #[cfg(test)]
    pub(crate) fn within(folder: &Path, bytes_max: u64) -> Self {
        Blocks(Arc::new(BlockCache::open(folder, bytes_max).unwrap()))
    }
}

impl std::ops::Deref for Blocks {
    type Target = BlockCache;

    fn deref(&self) -> &BlockCache {
        &self.0
    }
}

/// Which object, for the names of its blocks' files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ObjectId([u8; 16]);

impl ObjectId {
    /// Half of the SHA-256 of what tells the object from all others: that is longer than names of files conveniently are.
    pub(crate) fn of(key: &[u8]) -> Self {
        let mut start = [0; 16];
        start.copy_from_slice(&Sha256::digest(key)[..16]);
        ObjectId(start)
    }

    /// Its bytes.
    pub(crate) fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for ObjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        hex::write(f, &self.0)
    }
}

/// The cache. Everything here blocks.
#[derive(Debug)]
pub struct BlockCache {
    folder: PathBuf,
    bytes_max: u64,
    index: Mutex<Index>,
}

type BlockId = (ObjectId, u32);

/// What is in the folder. It has at most [`S3_CACHE_BLOCKS_MAX`] blocks.
#[derive(Debug, Default)]
struct Index {
    /// By object, of which each has at least one block, and then by block.
    objects: HashMap<ObjectId, HashMap<u32, Entry>>,
    by_use: BTreeMap<u64, BlockId>,
    uses: u64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    used: u64,
    length: u32,
}

/// A block that is being fetched; removed unless it is kept.
pub(crate) struct Fresh {
    pub(crate) file: File,
    path: PathBuf,
    is_kept: bool,
}

impl BlockCache {
    /// Opens the folder, makes it if it is not there, and finds what an earlier process left in it.
    pub(crate) fn open(folder: &Path, bytes_max: u64) -> Result<Self, Error> {
        let context = || format!("the cache {} cannot be used", folder.display());
        let make = |path: &Path| DirBuilder::new().recursive(true).mode(0o700).create(path);
        make(folder).map_err(|e| Error::io(context(), e))?;
        let cache = BlockCache { folder: folder.to_owned(), bytes_max, index: Mutex::default() };
        cache.find().map_err(|e| Error::io(context(), e))?;
        Ok(cache)
    }

    /// A block, if it is here, which counts as used now.
    pub(crate) fn get(&self, object: ObjectId, block: u32) -> Option<File> {
        if !self.index().touch((object, block)) {
            return None;
        }
        match File::open(self.path((object, block))) {
            Ok(file) => Some(file),
            Err(e) => {
                tracing::debug!(error = %e, "a block that was in the cache cannot be opened");
                self.index().remove((object, block));
                None
            }
        }
    }

    /// Whether a block is here.
    pub(crate) fn has(&self, object: ObjectId, block: u32) -> bool {
        self.index().objects.get(&object).is_some_and(|blocks| blocks.contains_key(&block))
    }

    /// A file for a block that comes.
    pub(crate) fn begin(&self) -> io::Result<Fresh> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| io::Error::other(e.to_string()))?;
        let path = self.folder.join(format!("{:016x}{FRESH}", u64::from_le_bytes(random)));
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Fresh { file, path, is_kept: false })
    }

    /// Takes a block into the cache, and lets go of others if there are too many. The handle stays open whatever becomes
    /// of the name.
    pub(crate) fn keep(&self, mut fresh: Fresh, object: ObjectId, block: u32) -> io::Result<File> {
        let file = fresh.file.try_clone()?;
        let length = u32::try_from(file.metadata()?.len()).unwrap_or(u32::MAX);
        if u64::from(length) > self.bytes_max {
            return Ok(file);
        }
        let path = self.path((object, block));
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        fs::rename(&fresh.path, &path)?;
        fresh.is_kept = true;
        self.index().insert((object, block), length);
        self.evict(self.bytes_max);
        Ok(file)
    }

    /// Lets go of one block, which is not what it should be.
    pub(crate) fn forget(&self, object: ObjectId, block: u32) {
        self.index().remove((object, block));
        self.unlink((object, block));
    }

    /// Lets go of all blocks of an object.
    pub(crate) fn forget_object(&self, object: ObjectId) {
        let blocks = self.index().remove_object(object);
        blocks.into_iter().for_each(|block| self.unlink((object, block)));
    }

    /// Lets go of half of what is here, because the disk is full.
    pub(crate) fn make_room(&self) {
        let half = self.index().bytes / 2;
        self.evict(half);
    }

    fn evict(&self, bytes_max: u64) {
        loop {
            let mut index = self.index();
            if index.bytes <= bytes_max && index.by_use.len() <= S3_CACHE_BLOCKS_MAX {
                return;
            }
            let Some((_, &oldest)) = index.by_use.first_key_value() else { return };
            index.remove(oldest);
            drop(index);
            self.unlink(oldest);
        }
    }

    fn unlink(&self, block: BlockId) {
        match fs::remove_file(self.path(block)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(error = %e, "a block of the cache cannot be removed");
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, (object, block): BlockId) -> PathBuf {
        let name = object.to_string();
        self.folder.join(&name[..2]).join(format!("{name}-{block}"))
    }

    /// Fills the index from the folder, in the order in which the blocks came. What is not a block of ours, or too much,
    /// goes.
    fn find(&self) -> io::Result<()> {
        let mut found: BTreeMap<(SystemTime, BlockId), u32> = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                for block in fs::read_dir(entry.path())? {
                    self.note(&mut found, &block?)?;
                }
            } else if entry.file_name().to_string_lossy().ends_with(FRESH) {
                fs::remove_file(entry.path())?;
            }
        }
        let mut index = self.index();
        found.into_iter().for_each(|((_, id), length)| index.insert(id, length));
        drop(index);
        self.evict(self.bytes_max);
        Ok(())
    }

    fn note(&self, found: &mut BTreeMap<(SystemTime, BlockId), u32>, entry: &fs::DirEntry) -> io::Result<()> {
        let name = entry.file_name();
        let Some(id) = block_id(&name.to_string_lossy()) else { return Ok(()) };
        let data = entry.metadata()?;
        let written = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        found.insert((written, id), u32::try_from(data.len()).unwrap_or(u32::MAX));
        if found.len() > S3_CACHE_BLOCKS_MAX
            && let Some(((_, oldest), _)) = found.pop_first()
        {
            self.unlink(oldest);
        }
        Ok(())
    }
}

impl Index {
    fn touch(&mut self, id: BlockId) -> bool {
        self.uses += 1;
        let entry = self.objects.get_mut(&id.0).and_then(|blocks| blocks.get_mut(&id.1));
        let Some(entry) = entry else { return false };
        self.by_use.remove(&entry.used);
        entry.used = self.uses;
        self.by_use.insert(self.uses, id);
        true
    }

    fn insert(&mut self, id: BlockId, length: u32) {
        self.remove(id);
        self.uses += 1;
        self.objects.entry(id.0).or_default().insert(id.1, Entry { used: self.uses, length });
        self.by_use.insert(self.uses, id);
        self.bytes += u64::from(length);
    }

    fn remove(&mut self, (object, block): BlockId) {
        let Some(blocks) = self.objects.get_mut(&object) else { return };
        let removed = blocks.remove(&block);
        if blocks.is_empty() {
            self.objects.remove(&object);
        }
        if let Some(entry) = removed {
            self.forget(entry);
        }
    }

    /// Removes all blocks of an object, in a time that depends on these alone, and gives their numbers.
    fn remove_object(&mut self, object: ObjectId) -> Vec<u32> {
        let blocks = self.objects.remove(&object).unwrap_or_default();
        blocks.values().for_each(|entry| self.forget(*entry));
        blocks.into_keys().collect()
    }

    fn forget(&mut self, entry: Entry) {
        self.by_use.remove(&entry.used);
        self.bytes -= u64::from(entry.length);
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.is_kept {
            // What stays is removed at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// What the names of files end in that are still being written.
const FRESH: &str = ".new";

fn block_id(name: &str) -> Option<BlockId> {
    let (object, block) = name.split_once('-')?;
    Some((ObjectId(hex::parse(object)?), block.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn put(cache: &BlockCache, object: ObjectId, block: u32, length: usize) {
        let mut fresh = cache.begin().unwrap();
        fresh.file.write_all(&vec![block as u8; length]).unwrap();
        cache.keep(fresh, object, block).unwrap();
    }

    fn object(name: &str) -> ObjectId {
        ObjectId::of(name.as_bytes())
    }

    fn files(folder: &Path) -> usize {
        let folders = fs::read_dir(folder).unwrap();
        let files = folders.map(|one| {
            let one = one.unwrap();
            if one.file_type().unwrap().is_dir() { fs::read_dir(one.path()).unwrap().count() } else { 1 }
        });
        files.sum()
    }

    #[test]
    fn what_was_not_read_for_the_longest_time_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlockCache::open(folder.path(), 30).unwrap();
        let a = object("a");
        (0..3).for_each(|block| put(&cache, a, block, 10));
        assert!(cache.get(a, 0).is_some(), "block 0 is used, block 1 is the oldest now");
        put(&cache, a, 3, 10);
        let here: Vec<bool> = (0..4).map(|block| cache.has(a, block)).collect();
        assert_eq!((here, cache.index().bytes, files(folder.path())), (vec![true, false, true, true], 30, 3));
        put(&cache, a, 4, 31);
        assert!(!cache.has(a, 4), "what is larger than the cache is not kept");
        assert_eq!(files(folder.path()), 3, "and leaves no file");
        cache.make_room();
        assert_eq!(cache.index().bytes, 10);
        assert!(cache.has(a, 3), "the last one that came");
    }

    #[test]
    fn a_new_process_finds_what_is_there_and_removes_what_was_not_finished() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (object("a"), object("b"));
        {
            let cache = BlockCache::open(folder.path(), 100).unwrap();
            put(&cache, a, 0, 10);
            put(&cache, b, 7, 20);
            std::mem::forget(cache.begin().unwrap());
        }
        let cache = BlockCache::open(folder.path(), 100).unwrap();
        assert_eq!((cache.index().bytes, files(folder.path())), (30, 2));
        cache.forget_object(a);
        assert!(!cache.has(a, 0) && cache.has(b, 7));
        cache.forget_object(a);
        assert_eq!(cache.index().objects.len(), 1, "of an object without blocks nothing stays");
        fs::remove_file(cache.path((b, 7))).unwrap();
        assert!(cache.get(b, 7).is_none(), "a file that somebody took away is a miss");
        assert_eq!((cache.index().bytes, files(folder.path())), (0, 0));
    }

    #[test]
    fn a_smaller_cache_is_cut_when_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let cache = BlockCache::open(folder.path(), 100).unwrap();
        (0..10).for_each(|block| put(&cache, object("a"), block, 10));
        drop(cache);
        let cache = BlockCache::open(folder.path(), 35).unwrap();
        assert_eq!((cache.index().bytes, files(folder.path())), (30, 3));
    }
}
