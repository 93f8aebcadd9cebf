//! Reading every byte of a blob from the disk.

use std::fs::File;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;

use budget::limits::BLOB_BLOCK_BYTES;
use rustix::fs::Advice;
use rustix::io::ReadWriteFlags;
use sha2::{Digest, Sha256};

use super::{Shared, digest, is_absent, read_sums};
use crate::blob::{BlobId, BlobKey};
use crate::blobs::Checked;
use crate::error::{Error, ErrorKind};
use crate::spool::SpoolId;
use crate::sums::{BlockSums, Summing};

impl Shared {
    /// Compares every block of a blob with its checksum, as the disk has it.
    pub(super) fn check(&self, key: &BlobKey) -> Result<Checked, Error> {
        let id = digest(key)?;
        let files = self.files(&id);
        let context = || format!("the blob {key} cannot be looked at");
        let file = match File::open(&files.bytes) {
            Ok(file) => file,
            Err(e) if is_absent(&e) => return Ok(Checked::Missing),
            Err(e) => return Err(Error::io(context(), e)),
        };
        let length = file.metadata().map_err(|e| Error::io(context(), e))?.len();
        let sums = read_sums(&files.sums, length).map_err(|e| Error::io(context(), e))?;
        let found = match sums {
            Some(sums) => self.compare(key, &file, &sums)?,
            None if self.mend_sums(&id, &file, length)? => Checked::Sound,
            None => Checked::Bad { block: length.div_ceil(BLOB_BLOCK_BYTES) },
        };
        if let Checked::Bad { block } = found {
            tracing::error!(%key, block, "a blob is not what it was");
            self.bad.count();
            // Its pages were good when they were checked and are read anew now.
            if let Some(source) = self.open.remove(key) {
                source.forget_checked();
            }
        }
        Ok(found)
    }

    fn compare(&self, key: &BlobKey, file: &File, sums: &BlockSums) -> Result<Checked, Error> {
        let (mut block, mut bad) = (0, None);
        let mut summing = Summing::default();
        self.read_through(key, file, sums.length(), |bytes| {
            summing.take(bytes, |sum| {
                if sums.get(block) != Some(sum) {
                    bad = bad.or(Some(block));
                }
                block += 1;
            });
            bad.is_none()
        })?;
        if summing.rest().is_some_and(|sum| sums.get(block) != Some(sum)) {
            bad = bad.or(Some(block));
        }
        Ok(bad.map_or(Checked::Sound, |block| Checked::Bad { block }))
    }

    /// Makes lost checksums again, if the digest proves that the bytes are right.
    pub(super) fn mend_sums(&self, id: &BlobId, file: &File, length: u64) -> Result<bool, Error> {
        let key = BlobKey::of_digest(id);
        let (mut hash, mut summing, mut sums) = (Sha256::new(), Summing::default(), Vec::new());
        self.read_through(&key, file, length, |bytes| {
            hash.update(bytes);
            summing.take(bytes, |sum| sums.push(sum));
            true
        })?;
        sums.extend(summing.rest());
        if BlobId::from_bytes(hash.finalize().into()) != *id {
            return Ok(false);
        }
        let files = self.files(id);
        let context = || format!("the checksums of the blob {key} cannot be made again");
        // A name that the spool finds by its age if we do not come to the end.
        let temporary = self.spool.sums_path(SpoolId::random()?);
        self.publish_sums(&BlockSums::new(length, sums)?, &temporary, &files.sums)
            .map_err(|e| Error::io(context(), e))?;
        crate::spool::sync_folder(&files.folder)?;
        tracing::warn!(%key, "the checksums of a blob were lost, and made again from its bytes, which are whole");
        Ok(true)
    }

    /// Gives all bytes to `each` until it says no. They come from the disk and not from the page cache, which is left as
    /// it was found: what players use stays, and what nobody uses does not push it out.
    fn read_through(
        &self,
        key: &BlobKey,
        file: &File,
        length: u64,
        mut each: impl FnMut(&[u8]) -> bool,
    ) -> Result<(), Error> {
        let context = || format!("the blob {key} cannot be read");
        let mut chunk = self.chunks.lend();
        let mut at = 0;
        let mut was_resident = false;
        while at < length {
            if at % BLOB_BLOCK_BYTES == 0 {
                was_resident = is_resident(file, at);
                drop_pages(file, at);
            }
            let block_end = ((at / BLOB_BLOCK_BYTES + 1) * BLOB_BLOCK_BYTES).min(length);
            let wanted = usize::try_from(block_end - at).unwrap_or(usize::MAX).min(chunk.len());
            let count = match file.read_at(&mut chunk[..wanted], at) {
                Ok(0) => return Err(Error::new(ErrorKind::Changed, format!("{}: it shrinks", context()))),
                Ok(count) => count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(Error::io(context(), e)),
            };
            at += count as u64;
            if at == block_end && !was_resident {
                drop_pages(file, (at - 1) / BLOB_BLOCK_BYTES * BLOB_BLOCK_BYTES);
            }
            if !each(&chunk[..count]) {
                break;
            }
        }
        Ok(())
    }
}

fn is_resident(file: &File, offset: u64) -> bool {
    let mut byte = [0];
    let mut slices = [std::io::IoSliceMut::new(&mut byte)];
    matches!(rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT), Ok(1))
}

/// Advice that is not taken makes the look less sharp, and nothing wrong.
fn drop_pages(file: &File, offset: u64) {
    let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(BLOB_BLOCK_BYTES), Advice::DontNeed);
}
