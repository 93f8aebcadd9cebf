//! A sorted table in one file, as LevelDB has it (`doc/table_format.md` there).
//!
//! At the end is a foot that says where the index block is; the index block says where the data blocks are; a block has entries whose keys leave out
//! what they share with the key before.

use super::message::{taken, varint};
use super::{broken, masked};
use crate::Result;

// format: the length of the foot.
const FOOT_BYTES: usize = 48;
// format: the last eight bytes of every table.
const MAGIC: u64 = 0xDB47_7524_8B80_FB57;
/// The longest key: names of variables are shorter by far.
const KEY_LONGEST: usize = 1024;

/// What an entry is given to: its key and its value.
type Give<'a> = dyn FnMut(&[u8], &[u8]) -> Result<()> + 'a;

/// Gives each entry of a table, in the order of the keys.
pub(super) fn each_entry(table: &[u8], give: &mut Give<'_>) -> Result<()> {
    let foot = table.last_chunk::<FOOT_BYTES>().ok_or_else(|| broken("its index is too short"))?;
    if foot[FOOT_BYTES - 8..] != MAGIC.to_le_bytes() {
        return Err(broken("its index is none of TensorFlow's"));
    }
    let mut foot = foot.as_slice();
    // Where a block of things about the table is, which we need not know.
    place(&mut foot).and_then(|_| place(&mut foot)).ok_or_else(cut).and_then(|index| {
        in_block(block(table, index)?, &mut |_, mut value| {
            let data = place(&mut value).ok_or_else(cut)?;
            in_block(block(table, data)?, give)
        })
    })
}

/// Where a block begins and how long it is.
type Place = (usize, usize);

fn place(bytes: &mut &[u8]) -> Option<Place> {
    let offset = usize::try_from(varint(bytes)?).ok()?;
    Some((offset, usize::try_from(varint(bytes)?).ok()?))
}

/// A block without the numbers at its end, whose checksum is right.
fn block(table: &[u8], (offset, length): Place) -> Result<&[u8]> {
    let whole = table.get(offset..).and_then(|rest| rest.get(..length.checked_add(5)?)).ok_or_else(cut)?;
    let (checked, checksum) = whole.split_last_chunk::<4>().ok_or_else(cut)?;
    if masked(crc32c::crc32c(checked)) != u32::from_le_bytes(*checksum) {
        return Err(broken("a block of its index is not what was stored"));
    }
    let (kind, block) = checked.split_last().ok_or_else(cut)?;
    if *kind != 0 {
        return Err(broken("its index is compressed, which TensorFlow does not do"));
    }
    // At the end are places from which a search could begin, and their number.
    let (entries, restarts) = block.split_last_chunk::<4>().ok_or_else(cut)?;
    let restarts = usize::try_from(u32::from_le_bytes(*restarts)).unwrap_or(usize::MAX);
    let end = restarts.checked_mul(4).and_then(|bytes| entries.len().checked_sub(bytes));
    end.and_then(|end| entries.get(..end)).ok_or_else(cut)
}

fn in_block(mut entries: &[u8], give: &mut Give<'_>) -> Result<()> {
    let mut key = Vec::new();
    while !entries.is_empty() {
        let value = next(&mut entries, &mut key).ok_or_else(cut)?;
        give(&key, value)?;
    }
    Ok(())
}

fn next<'a>(entries: &mut &'a [u8], key: &mut Vec<u8>) -> Option<&'a [u8]> {
    let mut length = || usize::try_from(varint(entries)?).ok();
    let (shared, own, value) = (length()?, length()?, length()?);
    if shared > key.len() || own > KEY_LONGEST || shared > KEY_LONGEST {
        return None;
    }
    key.truncate(shared);
    key.extend_from_slice(taken(entries, own)?);
    taken(entries, value)
}

fn cut() -> crate::Error {
    broken("its index ends in the middle")
}
