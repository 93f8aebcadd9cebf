//! Reading every byte of a blob from the disk, a piece at a time: between two of them the disk thread is given to whoever
//! waits for one, so that uploads go on beside the check of a large file.

use std::fs::File;
use std::sync::Arc;

use budget::limits::{BLOB_BLOCK_BYTES, BLOB_CHECK_STEP_BYTES};

use super::{LocalBlobs, Shared, digest, is_absent, read_sums};
use crate::blob::{BlobId, BlobKey};
use crate::blobs::Checked;
use crate::error::Error;
use crate::spool::SpoolId;
use crate::sums::BlockSums;
use crate::sums::through::{Comparing, Hashing, read_piece};

/// The bytes of a blob, and what their checksums should be, unless those were lost.
struct Opened {
    file: Arc<File>,
    length: u64,
    sums: Option<BlockSums>,
}

impl LocalBlobs {
    /// Compares every block of a blob with its checksum, as the disk has it.
    pub(super) async fn look(&self, key: &BlobKey) -> Result<Checked, Error> {
        let id = digest(key)?;
        let of = key.clone();
        let Some(Opened { file, length, sums }) = self.run(move |shared| shared.open_to_look(&of)).await?
        else {
            return Ok(Checked::Missing);
        };
        let found = match sums {
            Some(sums) => self.compare(key, file, sums).await?,
            None if self.mend_sums(id, file, length).await? => Checked::Sound,
            None => Checked::Bad { block: length.div_ceil(BLOB_BLOCK_BYTES) },
        };
        if let Checked::Bad { block } = found {
            tracing::error!(%key, block, "a blob is not what it was");
            self.0.bad.count();
            // Its pages were good when they were checked and are read anew now.
            if let Some(source) = self.0.open.remove(key) {
                source.forget_checked();
            }
        }
        Ok(found)
    }

    async fn compare(&self, key: &BlobKey, file: Arc<File>, sums: BlockSums) -> Result<Checked, Error> {
        let length = sums.length();
        let compared = self.read_through(key, file, length, Comparing::with(sums), Comparing::take).await?;
        Ok(compared.bad_block().map_or(Checked::Sound, |block| Checked::Bad { block }))
    }

    /// Makes lost checksums again, if the digest proves that the bytes are right.
    pub(super) async fn mend_sums(&self, id: BlobId, file: Arc<File>, length: u64) -> Result<bool, Error> {
        let key = BlobKey::of_digest(&id);
        let read = self.read_through(&key, file, length, Hashing::default(), Hashing::take).await?;
        let (found, sums) = read.finish()?;
        if BlobId::from_bytes(found) != id {
            return Ok(false);
        }
        self.run(move |shared| shared.publish_mended(&id, &sums)).await?;
        tracing::warn!(%key, "the checksums of a blob were lost, and made again from its bytes, which are whole");
        Ok(true)
    }

    /// Gives all bytes to `each` until it says no, and gives what it made of them.
    async fn read_through<T: Send + 'static>(
        &self,
        key: &BlobKey,
        file: Arc<File>,
        length: u64,
        mut made: T,
        each: fn(&mut T, &[u8]) -> bool,
    ) -> Result<T, Error> {
        let mut at = 0;
        while at < length {
            let (of, file, end) = (key.clone(), Arc::clone(&file), length.min(at + BLOB_CHECK_STEP_BYTES));
            let piece = self.run(move |shared| {
                let what = format_args!("the blob {of}");
                let goes_on =
                    read_piece(&what, &file, at..end, &shared.chunks, |bytes| each(&mut made, bytes))?;
                Ok((made, goes_on))
            });
            let goes_on;
            (made, goes_on) = piece.await?;
            at = if goes_on { end } else { length };
        }
        Ok(made)
    }
}

impl Shared {
    fn open_to_look(&self, key: &BlobKey) -> Result<Option<Opened>, Error> {
        let files = self.files(&digest(key)?);
        let context = || format!("the blob {key} cannot be looked at");
        let file = match File::open(&files.bytes) {
            Ok(file) => file,
            Err(e) if is_absent(&e) => return Ok(None),
            Err(e) => return Err(Error::io(context(), e)),
        };
        let length = file.metadata().map_err(|e| Error::io(context(), e))?.len();
        let sums = read_sums(&files.sums, length).map_err(|e| Error::io(context(), e))?;
        Ok(Some(Opened { file: Arc::new(file), length, sums }))
    }

    fn publish_mended(&self, id: &BlobId, sums: &BlockSums) -> Result<(), Error> {
        let files = self.files(id);
        let context = || format!("the checksums of the blob {id} cannot be made again");
        // A name that the spool finds by its age if we do not come to the end.
        let temporary = self.spool.sums_path(SpoolId::random()?);
        self.publish_sums(sums, &temporary, &files.sums).map_err(|e| Error::io(context(), e))?;
        crate::spool::sync_folder(&files.folder)
    }
}
