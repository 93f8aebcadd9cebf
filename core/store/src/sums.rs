//! The checksums that are kept with stored bytes: one CRC32C for each block of 1 MiB.

use std::io::{self, Read, Write};

use budget::limits::BLOB_BLOCK_BYTES;

use crate::error::{Error, ErrorKind};

pub(crate) mod kept;
pub(crate) mod through;

// format: the first bytes of a file of checksums, with its version
const MAGIC: [u8; 8] = *b"mpsums01";
const HEAD_BYTES: usize = 24;

/// One CRC32C for each block of [`BLOB_BLOCK_BYTES`], the last of which may be shorter.
///
/// Written down they are: eight bytes that say what this is, the length of a block and that of the whole, one checksum
/// after the other, and a checksum of all that; numbers with their lowest byte first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockSums {
    length: u64,
    sums: Vec<u32>,
}

impl BlockSums {
    /// The checksums of `length` bytes.
    ///
    /// # Errors
    /// `Corrupt` when there are more or fewer of them than blocks.
    pub fn new(length: u64, sums: Vec<u32>) -> Result<BlockSums, Error> {
        if sums.len() as u64 != length.div_ceil(BLOB_BLOCK_BYTES) {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("{} checksums of {length} bytes", sums.len()),
            ));
        }
        Ok(BlockSums { length, sums })
    }

    /// How long those of so many bytes are when they are written down.
    pub(crate) fn file_bytes(length: u64) -> u64 {
        HEAD_BYTES as u64 + (length.div_ceil(BLOB_BLOCK_BYTES) + 1) * 4
    }

    /// The length of what they are the checksums of, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// All of them, in the order of their blocks.
    pub fn all(&self) -> &[u32] {
        &self.sums
    }

    /// The checksum of one block; `None` behind the last.
    pub fn get(&self, block: u64) -> Option<u32> {
        self.sums.get(usize::try_from(block).ok()?).copied()
    }

    /// Writes them down.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut head = [0; HEAD_BYTES];
        head[..8].copy_from_slice(&MAGIC);
        head[8..16].copy_from_slice(&BLOB_BLOCK_BYTES.to_le_bytes());
        head[16..].copy_from_slice(&self.length.to_le_bytes());
        to.write_all(&head)?;
        let mut crc = crc32c::crc32c(&head);
        for sum in &self.sums {
            let bytes = sum.to_le_bytes();
            crc = crc32c::crc32c_append(crc, &bytes);
            to.write_all(&bytes)?;
        }
        to.write_all(&crc.to_le_bytes())
    }

    /// Reads what [`BlockSums::write`] wrote for `length` bytes, and nothing else. `None` when it is anything else.
    pub(crate) fn read(from: &mut impl Read, length: u64) -> io::Result<Option<BlockSums>> {
        let mut head = [0; HEAD_BYTES];
        if !fill(from, &mut head)? || head[..8] != MAGIC || number(&head[8..16]) != BLOB_BLOCK_BYTES {
            return Ok(None);
        }
        if number(&head[16..]) != length {
            return Ok(None);
        }
        let mut crc = crc32c::crc32c(&head);
        let mut sums = Vec::new();
        let mut word = [0; 4];
        for _ in 0..length.div_ceil(BLOB_BLOCK_BYTES) {
            if !fill(from, &mut word)? {
                return Ok(None);
            }
            crc = crc32c::crc32c_append(crc, &word);
            sums.push(u32::from_le_bytes(word));
        }
        let is_whole = fill(from, &mut word)? && u32::from_le_bytes(word) == crc && from.read(&mut [0])? == 0;
        Ok(is_whole.then_some(BlockSums { length, sums }))
    }
}

/// Checksums of bytes that come in pieces of any size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summing {
    /// The checksum of the unfinished block's bytes so far.
    pub(crate) partial: u32,
    /// How many bytes that is.
    pub(crate) filled: u64,
}

impl Summing {
    /// Takes the next bytes, and gives the checksum of each block that they finish.
    pub(crate) fn take(&mut self, mut bytes: &[u8], mut each: impl FnMut(u32)) {
        while !bytes.is_empty() {
            let room = usize::try_from(BLOB_BLOCK_BYTES - self.filled).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            self.partial = crc32c::crc32c_append(self.partial, piece);
            self.filled += piece.len() as u64;
            if self.filled == BLOB_BLOCK_BYTES {
                each(self.partial);
                *self = Summing::default();
            }
            bytes = rest;
        }
    }

    /// The checksum of the last block, if it is shorter than the others.
    pub(crate) fn rest(&self) -> Option<u32> {
        (self.filled > 0).then_some(self.partial)
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// False when the end comes first.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = BLOB_BLOCK_BYTES as usize;

    fn summed(bytes: &[u8], pieces: usize) -> BlockSums {
        let (mut summing, mut sums) = (Summing::default(), Vec::new());
        bytes.chunks(pieces).for_each(|piece| summing.take(piece, |sum| sums.push(sum)));
        sums.extend(summing.rest());
        BlockSums::new(bytes.len() as u64, sums).unwrap()
    }

    #[test]
    fn blocks_have_the_same_checksums_in_whatever_pieces_their_bytes_come() {
        assert_eq!(summed(b"123456789", 4).get(0), Some(0xe306_9283), "the check value of CRC32C");
        let bytes: Vec<u8> = (0..BLOCK * 2 + 5).map(|at| (at * 31 / 8) as u8).collect();
        for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, bytes.len()] {
            let expected: Vec<u32> = bytes[..length].chunks(BLOCK).map(crc32c::crc32c).collect();
            for pieces in [7_919, BLOCK, BLOCK * 3] {
                assert_eq!(summed(&bytes[..length], pieces).all(), expected, "{length} in {pieces}");
            }
        }
    }

    #[test]
    fn what_was_written_down_is_read_again_and_nothing_else_is() {
        let sums = BlockSums::new(BLOB_BLOCK_BYTES * 2 + 1, vec![1, 2, 3]).unwrap();
        let mut written = Vec::new();
        sums.write(&mut written).unwrap();
        let read = |bytes: &[u8], length| BlockSums::read(&mut &*bytes, length).unwrap();
        assert_eq!(read(&written, sums.length()), Some(sums.clone()));
        assert_eq!(read(&written, sums.length() + 1), None);
        for cut in 0..written.len() {
            assert_eq!(read(&written[..cut], sums.length()), None, "cut to {cut}");
            let mut flipped = written.clone();
            flipped[cut] ^= 4;
            assert_eq!(read(&flipped, sums.length()), None, "byte {cut} flipped");
        }
        written.push(0);
        assert_eq!(read(&written, sums.length()), None);
        assert!(BlockSums::new(1, vec![]).is_err() && BlockSums::new(0, vec![1]).is_err());
    }
}
