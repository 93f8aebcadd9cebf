//! Blobs in memory, for tests.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use budget::limits::BLOB_BLOCK_BYTES;
use prometheus_client::registry::Registry;

use crate::blob::BlobKey;
use crate::blobs::{BadBlobs, Blobs, Checked, Listed, Publication};
use crate::error::{Error, ErrorKind};
use crate::source::{Remote, Source, Validator};
use crate::spool::{Spool, Whole};
use crate::sums::BlockSums;

/// Blobs that are gone with the process, whole files in memory: for tests only. A clone is the same store.
#[derive(Clone)]
pub struct MemoryBlobs {
    spool: Spool,
    kept: Arc<Mutex<BTreeMap<BlobKey, Kept>>>,
    bad: Arc<BadBlobs>,
}

#[derive(Clone, Debug)]
struct Kept {
    bytes: Arc<[u8]>,
    sums: Arc<BlockSums>,
}

impl Kept {
    fn bad_block(&self) -> Option<u64> {
        let blocks = self.bytes.chunks(BLOB_BLOCK_BYTES as usize);
        let found = (0..).zip(blocks).find(|(at, block)| self.sums.get(*at) != Some(crc32c::crc32c(block)));
        found.map(|(block, _)| block)
    }
}

impl MemoryBlobs {
    /// No blobs yet; uploads come from this spool.
    pub fn new(spool: Spool) -> Self {
        MemoryBlobs { spool, kept: Arc::default(), bad: Arc::default() }
    }

    /// Flips one bit of a blob.
    pub fn damage(&self, key: &BlobKey, offset: u64) {
        if let Some(kept) = self.kept().get_mut(key) {
            let mut bytes = kept.bytes.to_vec();
            if let Some(byte) = bytes.get_mut(offset as usize) {
                *byte ^= 1;
            }
            kept.bytes = bytes.into();
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<BlobKey, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    fn advance(&self, _job: &Publication, _synced_bytes: u64) {}

    async fn publish(&self, job: &Publication, whole: &Whole) -> Result<BlobKey, Error> {
        let key = BlobKey::of_digest(&whole.digest);
        if self.kept().contains_key(&key) {
            return Ok(key);
        }
        let (spool, id, length) = (self.spool.clone(), job.spool, whole.length);
        let read = move || {
            let reader = spool.reader(id)?;
            if reader.len() != length {
                return Err(Error::new(
                    ErrorKind::Lost,
                    format!("the upload {id} is not {length} bytes long"),
                ));
            }
            let mut bytes = vec![0; length as usize];
            let mut filled = 0;
            while filled < bytes.len() {
                filled += reader
                    .read_at(&mut bytes[filled..], filled as u64)
                    .map_err(|e| Error::io(format!("the upload {id} cannot be read"), e))?;
            }
            Ok(Kept { bytes: bytes.into(), sums: Arc::new(spool.sums(id)?) })
        };
        let kept = self.spool.io().run(read).await??;
        self.kept().insert(key.clone(), kept);
        Ok(key)
    }

    async fn abandon(&self, _job: &Publication) -> Result<(), Error> {
        Ok(())
    }

    async fn open(&self, key: &BlobKey) -> Result<Source, Error> {
        let kept = self.kept().get(key).cloned();
        let kept = kept.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no blob {key}")))?;
        let (length, bad) = (kept.bytes.len() as u64, Arc::clone(&self.bad));
        let view = View { key: key.clone(), kept, bad };
        Ok(Source::remote(view, key.as_str(), length, UNIX_EPOCH, Validator::fixed(key.as_str())))
    }

    async fn remove(&self, key: &BlobKey) -> Result<(), Error> {
        self.kept().remove(key);
        Ok(())
    }

    async fn list(&self, after: Option<&BlobKey>, max: usize) -> Result<Vec<Listed>, Error> {
        let modified = SystemTime::now();
        let kept = self.kept();
        let behind = kept.iter().filter(|(key, _)| Some(*key) > after).take(max);
        Ok(behind
            .map(|(key, kept)| Listed { key: key.clone(), length: kept.bytes.len() as u64, modified })
            .collect())
    }

    async fn check(&self, key: &BlobKey) -> Result<Checked, Error> {
        let found = self.kept().get(key).map(Kept::bad_block);
        Ok(match found {
            None => Checked::Missing,
            Some(None) => Checked::Sound,
            Some(Some(block)) => Checked::Bad { block },
        })
    }

    async fn quarantine(&self, key: &BlobKey) -> Result<(), Error> {
        self.remove(key).await
    }

    async fn empty_quarantine(&self, _before: SystemTime) -> Result<u64, Error> {
        Ok(0)
    }

    fn reported(&self) -> Vec<BlobKey> {
        self.bad.take()
    }

    fn is_remote(&self) -> bool {
        false
    }

    fn register(&self, registry: &mut Registry) {
        self.bad.register(registry);
    }
}

/// One opened blob.
#[derive(Debug)]
struct View {
    key: BlobKey,
    kept: Kept,
    bad: Arc<BadBlobs>,
}

impl Remote for View {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let block = offset / BLOB_BLOCK_BYTES;
        let start = (block * BLOB_BLOCK_BYTES) as usize;
        let end = (start + BLOB_BLOCK_BYTES as usize).min(self.kept.bytes.len());
        let bytes = &self.kept.bytes[start..end];
        if self.kept.sums.get(block) != Some(crc32c::crc32c(bytes)) {
            self.bad.report(&self.key);
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a block does not match its checksum"));
        }
        let from = &bytes[offset as usize - start..];
        let count = from.len().min(buffer.len());
        buffer[..count].copy_from_slice(&from[..count]);
        Ok(count)
    }

    fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read_at(buffer, offset)
    }
}
