//! Reading every byte of a file from the disk.

use std::fmt::Display;
use std::fs::File;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use budget::Chunks;
use budget::limits::BLOB_BLOCK_BYTES;
use rustix::fs::Advice;
use sha2::{Digest, Sha256};

use super::{BlockSums, Summing};
use crate::error::{Error, ErrorKind};
use crate::resident::read_resident;

/// Gives the bytes of whole blocks to `each` until it says no, which is the answer. They come from the disk and not
/// from the page cache, which is left as it was found: what players use stays, and what nobody uses does not push it
/// out. `what` says in an error whose bytes they are.
pub(crate) fn read_piece(
    what: &dyn Display,
    file: &File,
    piece: Range<u64>,
    chunks: &Chunks,
    mut each: impl FnMut(&[u8]) -> bool,
) -> Result<bool, Error> {
    let context = || format!("{what} cannot be read");
    let mut chunk = chunks.lend();
    let mut at = piece.start;
    let mut was_resident = false;
    while at < piece.end {
        if at.is_multiple_of(BLOB_BLOCK_BYTES) {
            was_resident = is_resident(file, at);
            drop_pages(file, at);
        }
        let block_end = ((at / BLOB_BLOCK_BYTES + 1) * BLOB_BLOCK_BYTES).min(piece.end);
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
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_resident(file: &File, offset: u64) -> bool {
    matches!(read_resident(file, &mut [0], offset), Ok(1))
}

/// Advice that is not taken makes the look less sharp, and nothing wrong.
fn drop_pages(file: &File, offset: u64) {
    let _ = rustix::fs::fadvise(file, offset, NonZeroU64::new(BLOB_BLOCK_BYTES), Advice::DontNeed);
}

/// What a comparison of bytes with their checksums came to.
pub(crate) struct Comparing {
    sums: BlockSums,
    summing: Summing,
    block: u64,
    bad: Option<u64>,
}

impl Comparing {
    pub(crate) fn with(sums: BlockSums) -> Comparing {
        Comparing { sums, summing: Summing::default(), block: 0, bad: None }
    }

    /// Takes the next bytes. Whether all were right so far.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        let Comparing { sums, summing, block, bad } = self;
        summing.take(bytes, |sum| {
            if sums.get(*block) != Some(sum) {
                *bad = bad.or(Some(*block));
            }
            *block += 1;
        });
        bad.is_none()
    }

    /// The first block that is wrong.
    pub(crate) fn bad_block(self) -> Option<u64> {
        let Comparing { sums, summing, block, bad } = self;
        let is_rest_bad = summing.rest().is_some_and(|sum| sums.get(block) != Some(sum));
        bad.or(is_rest_bad.then_some(block))
    }
}

/// Digest and checksums of bytes as they come.
#[derive(Clone, Default)]
pub(crate) struct Hashing {
    hash: Sha256,
    summing: Summing,
    sums: Vec<u32>,
    length: u64,
}

impl Hashing {
    /// Takes the next bytes. Always true: it has nothing to compare them with.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> bool {
        self.hash.update(bytes);
        let sums = &mut self.sums;
        self.summing.take(bytes, |sum| sums.push(sum));
        self.length += bytes.len() as u64;
        true
    }

    /// How many bytes came.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The SHA-256 and the checksums of all of them.
    pub(crate) fn finish(self) -> Result<([u8; 32], BlockSums), Error> {
        let Hashing { hash, summing, mut sums, length } = self;
        sums.extend(summing.rest());
        Ok((hash.finalize().into(), BlockSums::new(length, sums)?))
    }
}
