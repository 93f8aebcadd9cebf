//! The part of receiving that blocks: one piece is written and hashed, and perhaps synced, on a disk thread.

use budget::Chunk;
use budget::limits::{SNIFF_BYTES, SPOOL_PAGE_BYTES, UPLOAD_READ_BYTES, UPLOAD_STEP_BYTES};
use store::{Room, Spooled};
use tokio::time::Instant;

use crate::digest::Checking;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::size::size;
use crate::sniff::{Format, Sniffed, sniff};
use crate::table::{Entry, Held};

/// What goes to a disk thread and comes back.
#[derive(Default)]
pub(crate) struct Job {
    chunk: Option<Chunk>,
    /// Where in the buffer the bytes begin that wait to be written: at the same place in a page as in the file, so that
    /// whole pages of them can go past the page cache.
    start: usize,
    /// How many they are.
    pub(crate) filled: usize,
    /// The checksum of this request, on its way.
    pub(crate) checking: Option<Checking>,
    pub(crate) extent: Extent,
    /// Whether to look at the first bytes, with the length and the name of the file.
    pub(crate) sniff: Option<(Option<u64>, String)>,
}

/// How much of what waits is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Extent {
    /// Up to the last page, which waits for more.
    #[default]
    Pages,
    Everything,
    /// And synced.
    Synced,
}

/// What was done.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) synced: Option<u64>,
    pub(crate) format: Option<Format>,
}

/// What was not, and what that means.
pub(crate) enum Failed {
    /// The disk has no room now; what was written since the last sync may be rolled back.
    Full(store::Error),
    /// The bytes cannot be trusted: open the upload again.
    Write(store::Error),
    /// Nobody knows what the disk holds.
    Sync(store::Error),
    /// The first bytes are of nothing that is kept.
    NotMedia(&'static str),
}

impl Job {
    pub(crate) fn new(chunk: Chunk, checking: Option<Checking>) -> Job {
        Job { chunk: Some(chunk), checking, ..Job::default() }
    }

    /// Copies as much into the buffer as fits, and says how much. `position` is where in the file the next byte goes that
    /// waits.
    pub(crate) fn fill(&mut self, data: &[u8], position: u64) -> usize {
        let Some(chunk) = &mut self.chunk else { return 0 };
        if self.filled == 0 {
            self.start = in_page(position);
        }
        let room = &mut chunk[self.start + self.filled..];
        let count = data.len().min(room.len());
        room[..count].copy_from_slice(&data[..count]);
        self.filled += count;
        count
    }

    /// Whether the next bytes might not fit, and would have to wait beside the buffer.
    pub(crate) fn is_full(&self) -> bool {
        self.chunk.as_ref().is_none_or(|chunk| chunk.len() - (self.start + self.filled) < UPLOAD_READ_BYTES)
    }

    /// Blocks.
    fn work(&mut self, spooled: &mut Spooled) -> Result<Done, Failed> {
        let all = self.chunk.as_ref().map_or(&[][..], |chunk| &chunk[self.start..][..self.filled]);
        let rest = match self.extent {
            Extent::Pages => in_page(spooled.position() + all.len() as u64).min(all.len()),
            Extent::Everything | Extent::Synced => 0,
        };
        let bytes = &all[..all.len() - rest];
        if let Some(checking) = &mut self.checking {
            checking.update(bytes);
        }
        if !bytes.is_empty() {
            spooled.write(bytes).map_err(|error| match error.kind() {
                store::ErrorKind::Full => Failed::Full(error),
                _ => Failed::Write(error),
            })?;
            self.keep(rest);
        }
        let mut done = Done::default();
        if let Some((length, name)) = self.sniff.take() {
            done.format = look(spooled, length, &name)?;
        }
        if self.extent == Extent::Synced {
            done.synced = Some(spooled.sync().map_err(Failed::Sync)?);
        }
        Ok(done)
    }

    /// Of what waits, only the last bytes still do. They are less than a page, or nothing was written before them.
    fn keep(&mut self, rest: usize) {
        let end = self.start + self.filled;
        if let Some(chunk) = &mut self.chunk {
            chunk.copy_within(end - rest..end, 0);
        }
        (self.start, self.filled) = (0, rest);
    }
}

/// Where in its page a byte of a file lies.
fn in_page(position: u64) -> usize {
    (position % SPOOL_PAGE_BYTES as u64) as usize
}

/// Looks at the first bytes, once there are enough of them. Blocks.
fn look(spooled: &Spooled, length: Option<u64>, name: &str) -> Result<Option<Format>, Failed> {
    let position = spooled.position();
    let whole = length == Some(position);
    if position == 0 || (position < SNIFF_BYTES as u64 && !whole) {
        return Ok(None);
    }
    let mut head = [0; SNIFF_BYTES];
    let count = spooled.head(&mut head).map_err(Failed::Write)?;
    match sniff(&head[..count], whole && position == count as u64, name) {
        Sniffed::Format(format) => Ok(Some(format)),
        Sniffed::Unknown => Ok(None),
        Sniffed::Refused(looks) => Err(Failed::NotMedia(looks)),
    }
}

/// Makes sure that the disk has promised room for `bytes` more, of at most `left`. Blocks.
fn have_room(entry: &Entry, room: &Room, bytes: u64, left: u64) -> Result<(), store::Error> {
    let had = entry.desk().reserved.as_ref().map_or(0, store::Reserved::bytes);
    let Some(missing) = bytes.checked_sub(had).filter(|missing| *missing > 0) else { return Ok(()) };
    let step = missing.max(UPLOAD_STEP_BYTES.min(left));
    entry.reserve(|reserved| {
        let mut grow = |by: u64| match reserved.as_mut() {
            Some(reserved) => reserved.grow(by),
            None => room.reserve(by).map(|promised| *reserved = Some(promised)),
        };
        grow(step).or_else(|_| grow(missing))
    })
}

impl Engine {
    /// Does a job on a disk thread. When the caller is dropped meanwhile, the thread finishes and parks the upload.
    pub(crate) async fn on_disk(
        &self,
        mut held: Held,
        job: &mut Job,
        left: u64,
    ) -> Result<(Held, Result<Done, Failed>), Error> {
        let room = self.room.clone();
        let mut lent = std::mem::take(job);
        held.entry.desk().working = true;
        let worked = self.io.run(move || {
            let bytes = lent.filled as u64;
            let done = match held.spooled.as_mut() {
                None => Ok(Done::default()),
                Some(spooled) => match have_room(&held.entry, &room, bytes, left) {
                    Ok(()) => lent.work(spooled),
                    Err(error) => Err(Failed::Full(error)),
                },
            };
            held.wrote();
            let mut desk = held.entry.desk();
            (desk.working, desk.active) = (false, Instant::now());
            drop(desk);
            (held, lent, done)
        });
        let (held, lent, done) = worked.await?;
        *job = lent;
        Ok((held, done))
    }

    /// There is no room; what there is, is told.
    pub(crate) async fn full(&self, error: store::Error) -> Error {
        let room = self.room.clone();
        let free = self.io.run(move || room.free_bytes()).await.and_then(|free| free).unwrap_or(0);
        let said = format!("the server's disk has {} left for uploads; what came before is kept", size(free));
        Error::new(ErrorKind::Full { free }, said).because(error)
    }
}
