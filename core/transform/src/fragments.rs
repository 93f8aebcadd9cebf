//! MP4 in fragments (ISO 14496-12 section 8.8): what stands before them apart from them, and where each of them lies.
//!
//! A file in fragments is `ftyp` and `moov`, then `moof` and `mdat` again and again; when it is whole, `mfra` at its end
//! says where each `moof` is.

use std::io;
use std::ops::Range;
use std::time::Duration;

use budget::limits::FRONT_BYTES_MAX;
use bytes::{Bytes, BytesMut};
use store::{Growing, Growth, Source};

use crate::error::{Error, ErrorKind};
use crate::plan::Finish;

// format: ISO 14496-12, as ffmpeg writes it: a box is its length in 32 bits and its kind; an entry of `tfra` in its version 1
// is a time and a place of 64 bits each, and three numbers of 8.
const BOX_BYTES: u64 = 8;
const MFRO_BYTES: u64 = 16;
const TFRA_ENTRIES_AT: u64 = 32;
// format: two numbers of 64 bits, and three of 8
const TFRA_ENTRY_BYTES: u64 = 19;

/// Which bytes of a file in fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// What stands before all of them.
    Front,
    /// The fragment with this number, counted from 0.
    Fragment(u32),
}

/// Keeps one side of what comes out of a child in fragments. It holds no more than the front.
pub(crate) struct Cut {
    keeps: Finish,
    front: Option<BytesMut>,
}

impl Cut {
    /// What is to be kept; all of it for plans that end otherwise.
    pub(crate) fn of(finish: Finish) -> Cut {
        let is_cut = matches!(finish, Finish::Front | Finish::Fragments);
        Cut { keeps: finish, front: is_cut.then(BytesMut::new) }
    }

    /// What is to be kept of the next bytes.
    pub(crate) fn take(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let Some(front) = &mut self.front else {
            return Ok(if self.keeps == Finish::Front { Bytes::new() } else { chunk });
        };
        front.extend_from_slice(&chunk);
        let Some(at) = first_fragment(front) else {
            let too_long = || Error::new(ErrorKind::Failed, "what ffmpeg made does not become fragments");
            return if front.len() > FRONT_BYTES_MAX { Err(too_long()) } else { Ok(Bytes::new()) };
        };
        let mut kept = self.front.take().unwrap_or_default();
        let behind = kept.split_off(at);
        Ok(if self.keeps == Finish::Front { kept } else { behind }.freeze())
    }
}

/// Where the first `moof` begins, if so much is there.
fn first_fragment(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let (length, kind) = header(bytes.get(at..)?)?;
        if &kind == b"moof" {
            return Some(at);
        }
        at = at.checked_add(usize::try_from(length).ok()?)?;
    }
}

/// Length and kind of the box that begins here. One that is shorter than this is none.
fn header(bytes: &[u8]) -> Option<(u64, [u8; 4])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = u64::from(u32::from_be_bytes(*length));
    Some((length, *rest.first_chunk()?)).filter(|_| length >= BOX_BYTES)
}

/// Where it lies in a whole file; `None` when there is no such fragment. Blocks while the disk works, and reads three times.
///
/// # Errors
/// Of the disk, and when it is no such file.
pub fn of_whole(source: &Source, wanted: Wanted) -> io::Result<Option<Range<u64>>> {
    let foreign = || io::Error::new(io::ErrorKind::InvalidData, "this is no file in fragments");
    let mut word = [0; 4];
    fill(source, &mut word, source.len().saturating_sub(4))?;
    let index_bytes = u64::from(u32::from_be_bytes(word));
    let index_at = source.len().checked_sub(index_bytes).ok_or_else(foreign)?;
    let entries_bytes = index_bytes.checked_sub(TFRA_ENTRIES_AT + MFRO_BYTES).ok_or_else(foreign)?;
    let count = entries_bytes / TFRA_ENTRY_BYTES;
    let place = |number: u64| {
        let mut word = [0; 8];
        fill(source, &mut word, index_at + TFRA_ENTRIES_AT + number * TFRA_ENTRY_BYTES + 8)?;
        Ok::<_, io::Error>(u64::from_be_bytes(word))
    };
    let found = match wanted {
        Wanted::Front => 0..place(0)?,
        Wanted::Fragment(number) if u64::from(number) >= count => return Ok(None),
        Wanted::Fragment(number) => {
            let next = u64::from(number) + 1;
            place(u64::from(number))?..if next < count { place(next)? } else { index_at }
        }
    };
    if found.start < found.end && found.end <= index_at { Ok(Some(found)) } else { Err(foreign()) }
}

fn fill(source: &Source, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    let count = source.read_at(buffer, offset)?;
    if count == buffer.len() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Where it lies in a file that is being made, as soon as all of it is there; `None` when the file ends before, or will never
/// be whole.
///
/// # Errors
/// Of the disk, and [`io::ErrorKind::TimedOut`] when it is not there within that time.
pub async fn of_growing(
    growing: &Growing,
    wanted: Wanted,
    within: Duration,
) -> io::Result<Option<Range<u64>>> {
    tokio::time::timeout(within, walk(growing, wanted)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Goes from box to box, because the index is written last.
async fn walk(growing: &Growing, wanted: Wanted) -> io::Result<Option<Range<u64>>> {
    let (mut at, mut begun, mut start) = (0, 0_u64, 0);
    loop {
        let Some((length, kind)) = box_at(growing, at).await? else { return Ok(None) };
        let end = at + length;
        match (&kind, wanted) {
            (b"moof", Wanted::Front) => return Ok(Some(0..at)),
            (b"moof", _) => {
                start = at;
                begun += 1;
            }
            (b"mdat", Wanted::Fragment(number)) if begun == u64::from(number) + 1 => {
                return Ok(is_there(growing, end).await.then_some(start..end));
            }
            _ => {}
        }
        at = end;
    }
}

async fn box_at(growing: &Growing, at: u64) -> io::Result<Option<(u64, [u8; 4])>> {
    if !is_there(growing, at + BOX_BYTES).await {
        return Ok(None);
    }
    let growing = growing.clone();
    let read = move || {
        let mut bytes = [0; BOX_BYTES as usize];
        growing.read_at(&mut bytes, at).map(|_| header(&bytes))
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}

/// Waits until so many bytes are there; whether they are.
async fn is_there(growing: &Growing, count: u64) -> bool {
    match growing.more_than(count - 1).await {
        Growth::So(_) => true,
        Growth::Whole(length) => length >= count,
        Growth::Failed => false,
    }
}

#[cfg(test)]
mod tests;
