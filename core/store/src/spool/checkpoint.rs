//! What is known of an upload's bytes that are on disk, in a file beside them.
//!
//! The file has two slots, which are written in turns, so that a write that is torn leaves the one before; and behind
//! them the checksums of whole blocks, which only ever grow. A slot is written after the bytes that it speaks of are on
//! disk, never before.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use budget::limits::BLOB_BLOCK_BYTES;
use sha2::Sha256;
use sha2::digest::common::hazmat::SerializableState;

use super::SpoolId;
use crate::sums::Summing;

// format: the first bytes of a slot, with its version
const MAGIC: [u8; 8] = *b"mpspool1";
/// What is guarded by the slot's own checksum.
const BODY_BYTES: usize = 152;
const SLOT_BYTES: usize = BODY_BYTES + 4;
/// Slots lie in pages of their own, so that writing one cannot tear the other.
// format: where the second slot and the sums are
const PAGE_BYTES: u64 = 4_096;
const SUMS_AT: u64 = 2 * PAGE_BYTES;
/// SHA-256 in the middle: eight words, the count of blocks, and an unfinished block.
// format: a field of the slot
const HASH_BYTES: usize = 104;

/// Everything that is computed from bytes as they come, up to some offset.
#[derive(Clone, Default)]
pub(super) struct Progress {
    pub(super) length: u64,
    pub(super) hash: Sha256,
    pub(super) summing: Summing,
    /// CRC32C over the list of the checksums of whole blocks.
    pub(super) list: u32,
}

impl Progress {
    /// How many whole blocks there are.
    pub(super) fn blocks(&self) -> u64 {
        self.length / BLOB_BLOCK_BYTES
    }

    /// Whether other bytes can hardly have led here.
    pub(super) fn agrees(&self, other: &Progress) -> bool {
        self.length == other.length
            && self.summing == other.summing
            && self.list == other.list
            && self.hash.serialize() == other.hash.serialize()
    }
}

/// One slot.
#[derive(Clone)]
pub(super) struct Checkpoint {
    /// Counts up with each write; the higher of two whole slots is the later.
    pub(super) generation: u64,
    pub(super) progress: Progress,
}

impl Checkpoint {
    fn encode(&self, id: SpoolId) -> [u8; SLOT_BYTES] {
        let mut slot = [0; SLOT_BYTES];
        slot[..8].copy_from_slice(&MAGIC);
        slot[8..24].copy_from_slice(&id.0);
        slot[24..32].copy_from_slice(&self.generation.to_le_bytes());
        slot[32..40].copy_from_slice(&self.progress.length.to_le_bytes());
        slot[40..144].copy_from_slice(&self.progress.hash.serialize());
        slot[144..148].copy_from_slice(&self.progress.summing.partial.to_le_bytes());
        slot[148..152].copy_from_slice(&self.progress.list.to_le_bytes());
        let crc = crc32c::crc32c(&slot[..BODY_BYTES]);
        slot[BODY_BYTES..].copy_from_slice(&crc.to_le_bytes());
        slot
    }

    /// `None` when the slot is torn, empty or of another upload.
    fn decode(slot: &[u8; SLOT_BYTES], id: SpoolId) -> Option<Self> {
        let crc = crc32c::crc32c(&slot[..BODY_BYTES]);
        if slot[..8] != MAGIC || slot[8..24] != id.0 || slot[BODY_BYTES..] != crc.to_le_bytes() {
            return None;
        }
        let length = u64::from_le_bytes(slot[32..40].try_into().ok()?);
        let hash: &[u8; HASH_BYTES] = slot[40..144].try_into().ok()?;
        let progress = Progress {
            length,
            hash: Sha256::deserialize(&(*hash).into()).ok()?,
            summing: Summing {
                partial: u32::from_le_bytes(slot[144..148].try_into().ok()?),
                filled: length % BLOB_BLOCK_BYTES,
            },
            list: u32::from_le_bytes(slot[148..152].try_into().ok()?),
        };
        Some(Checkpoint { generation: u64::from_le_bytes(slot[24..32].try_into().ok()?), progress })
    }

    /// Writes the slot whose turn it is. It holds when the file is synced.
    pub(super) fn write(&self, file: &File, id: SpoolId) -> io::Result<()> {
        file.write_all_at(&self.encode(id), self.generation % 2 * PAGE_BYTES)
    }

    /// The later of the slots that are whole.
    pub(super) fn read(file: &File, id: SpoolId) -> io::Result<Option<Self>> {
        let mut latest: Option<Checkpoint> = None;
        for at in [0, PAGE_BYTES] {
            let mut slot = [0; SLOT_BYTES];
            match file.read_exact_at(&mut slot, at) {
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => continue,
                read => read?,
            }
            let found = Checkpoint::decode(&slot, id);
            if found.as_ref().map(|slot| slot.generation) > latest.as_ref().map(|slot| slot.generation) {
                latest = found;
            }
        }
        Ok(latest)
    }
}

/// Writes checksums of whole blocks, the first of which is that of block `first`.
pub(super) fn write_sums(file: &File, first: u64, sums: &[u32]) -> io::Result<()> {
    let mut piece = [0; 256];
    for (part, sums) in sums.chunks(piece.len() / 4).enumerate() {
        for (at, sum) in sums.iter().enumerate() {
            piece[at * 4..][..4].copy_from_slice(&sum.to_le_bytes());
        }
        let block = first + (part * piece.len() / 4) as u64;
        file.write_all_at(&piece[..sums.len() * 4], SUMS_AT + block * 4)?;
    }
    Ok(())
}

/// Reads the checksums of the whole blocks of these bytes, one by one. False when they are not those that were written
/// with this progress.
pub(super) fn read_sums(file: &File, progress: &Progress, mut each: impl FnMut(u32)) -> io::Result<bool> {
    let mut piece = [0; 4_096];
    let (mut left, mut at, mut crc) = (progress.blocks() * 4, SUMS_AT, 0);
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        match file.read_exact_at(&mut piece[..count], at) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            read => read?,
        }
        crc = crc32c::crc32c_append(crc, &piece[..count]);
        piece[..count].as_chunks::<4>().0.iter().for_each(|sum| each(u32::from_le_bytes(*sum)));
        (left, at) = (left - count as u64, at + count as u64);
    }
    Ok(crc == progress.list)
}
