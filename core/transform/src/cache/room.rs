//! Room on the disk, and the rendition that is written into it.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use budget::limits::{
    DISK_BLOCK_BYTES, RENDITION_GROW_BYTES, RENDITION_PATH_BYTES_MAX, RENDITION_TAGS_MAX,
    RENDITION_WORD_BYTES_MAX,
};
use bytes::Bytes;
use catalog::cache::{Row, slot_of};
use store::{Growing, Hold as AnyHold, Making, Published, RenditionId, Renditions, Source};

use super::books::rounded;
use super::fresh::later;
use super::hold::Hold;
use super::{Cache, Made, now_ms};
use crate::error::{Error, ErrorKind};
use crate::recipe::Key;

/// What is known of a rendition when it is made.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is found by.
    pub key: Key,
    /// The media type.
    pub content_type: String,
    /// Where its source came from.
    pub origin: String,
    /// The path of its source there.
    pub path: String,
    /// What was made of it, in one word.
    pub mode: String,
    /// What else it is purged by.
    pub tags: Vec<String>,
    /// The validator of its source.
    pub source_tag: String,
    /// The status that it is given with: 200, unless it is an origin's other answer.
    pub status: u16,
    /// What it cost to make, in milliseconds of a processor.
    pub cost_ms: u64,
    /// How long it is fresh.
    pub fresh_for: Duration,
    /// The number of its recipe; 0 when it is never given in place of a newer one.
    pub recipe: i64,
}

/// Room on the disk that was promised. It goes back when this is dropped, or when what was written into it is gone.
pub struct Room {
    cache: Cache,
    hold: Arc<Hold>,
    bytes: u64,
    since: Moment,
}

/// A moment among the purges: the number of the one that comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Moment(u64);

/// A rendition in the making, in its room. Dropped, it was never there.
pub struct Filling {
    making: Making,
    room: Room,
}

/// What a rendition of so many bytes takes before its row is known.
fn needed(length: u64) -> u64 {
    Renditions::disk_bytes(length).saturating_add(DISK_BLOCK_BYTES)
}

/// What a row takes with its places in the indices, in bytes; about twice its texts.
fn row_bytes(entry: &Entry) -> u64 {
    let Entry { content_type, origin, path, mode, tags, source_tag, .. } = entry;
    let texts = [content_type, origin, path, mode, source_tag].into_iter().chain(tags);
    rounded(512 + texts.map(|text| text.len() as u64 * 2 + 32).sum::<u64>())
}

impl Entry {
    fn check(&self) -> Result<(), Error> {
        let Entry { content_type, origin, path, mode, tags, source_tag, .. } = self;
        let mut words = [content_type, origin, mode, source_tag].into_iter().chain(tags);
        let fits = words.all(|word| word.len() <= RENDITION_WORD_BYTES_MAX)
            && path.len() <= RENDITION_PATH_BYTES_MAX
            && tags.len() <= RENDITION_TAGS_MAX;
        if fits {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TooLarge, "a path or a tag is too long, or there are too many tags"))
    }
}

impl Cache {
    /// Promises room for a rendition of so many bytes, and makes it by letting others go.
    ///
    /// # Errors
    /// `TooLarge` when it is more than may ever be taken, `Busy` when too much is being made or read now.
    pub async fn reserve(&self, length: u64) -> Result<Room, Error> {
        self.reserve_since(self.moment(), length).await
    }

    /// The present moment among the purges: what is made of bytes that were asked for now is kept when none of the later
    /// ones concerns it.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.purges().next())
    }

    /// [`Cache::reserve`] for what began at an earlier moment.
    pub(crate) async fn reserve_since(&self, since: Moment, length: u64) -> Result<Room, Error> {
        let bytes = needed(length);
        let hold = self.room(bytes, None).await?;
        let hold = hold.ok_or_else(super::books::busy)?;
        Ok(Room { cache: self.clone(), hold, bytes, since })
    }

    /// Finds room, and returns when it is free on the disk too.
    async fn room(&self, bytes: u64, growing: Option<&Hold>) -> Result<Option<Arc<Hold>>, Error> {
        let _turn = self.turn().await?;
        self.settle().await?;
        let free_bytes = self.free_bytes().await;
        self.books().fit_the_disk(free_bytes);
        let mut made = self.books().make_room(bytes, growing);
        if made.as_ref().is_err_and(|e| matches!(e.kind, ErrorKind::Busy { .. })) {
            // What merely stays open is held by us alone.
            let closed = self.standing().clear();
            drop(closed);
            made = self.books().make_room(bytes, growing);
        }
        self.0.figures.roomed(&made);
        let hold = made?;
        self.settle().await?;
        Ok(hold)
    }

    /// What of the disk is free for renditions. A disk that does not say leaves it to the writing to find out.
    async fn free_bytes(&self) -> u64 {
        #[cfg(test)]
        if let Some(disk) = self.0.disk.get() {
            return disk().saturating_sub(self.0.free_bytes_min);
        }
        let free_bytes = self.0.renditions.free_bytes().await.unwrap_or(u64::MAX);
        free_bytes.saturating_sub(self.0.free_bytes_min)
    }
}

impl Room {
    /// Makes room for a rendition of so many bytes in all.
    ///
    /// # Errors
    /// As [`Cache::reserve`]; what was promised before stays so.
    pub async fn reach(&mut self, length: u64) -> Result<(), Error> {
        self.reach_bytes(needed(length)).await
    }

    async fn reach_bytes(&mut self, needed: u64) -> Result<(), Error> {
        let Some(more) = needed.checked_sub(self.bytes).filter(|more| *more > 0) else { return Ok(()) };
        // In steps, so that not every chunk asks; but the last bit is taken too.
        let step = rounded(more.max(RENDITION_GROW_BYTES));
        let added = match self.cache.room(step, Some(&self.hold)).await {
            Ok(_) => step,
            Err(_) => self.cache.room(rounded(more), Some(&self.hold)).await.map(|_| rounded(more))?,
        };
        self.bytes += added;
        Ok(())
    }

    /// How long a rendition may become in this room.
    pub fn length_max(&self) -> u64 {
        // Four bytes of checksums for each block, and what both files are rounded up by.
        let left = self.bytes.saturating_sub(4 * DISK_BLOCK_BYTES);
        left - left / 100_000
    }

    /// Begins the rendition.
    ///
    /// # Errors
    /// Of the disk.
    pub async fn begin(self) -> Result<Filling, Error> {
        let hold: AnyHold = Arc::clone(&self.hold) as AnyHold;
        let making = self.cache.0.renditions.begin(hold).await?;
        Ok(Filling { making, room: self })
    }
}

impl Filling {
    /// How many bytes there are.
    pub fn length(&self) -> u64 {
        self.making.length()
    }

    /// The file as it grows.
    pub fn growing(&self) -> Growing {
        self.making.growing()
    }

    /// Appends bytes, for which room is asked first.
    ///
    /// # Errors
    /// As [`Cache::reserve`] when there is no room, and of the disk. It cannot be kept then.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let count = chunk.len() as u64;
        self.room.reach(self.making.length() + count).await?;
        self.making.write(chunk).await?;
        self.room.hold.wrote(count);
        Ok(())
    }

    /// Makes room for so many bytes in all, before somebody else writes them.
    ///
    /// # Errors
    /// As [`Cache::reserve`].
    pub async fn reach(&mut self, length: u64) -> Result<(), Error> {
        self.room.reach(length).await
    }

    /// Tells those who read it as it grows that this is all, whatever becomes of it now.
    pub fn end(&self) {
        self.making.end();
    }

    /// The file for a child to write to, and how long it may become: the child must be held to that.
    ///
    /// # Errors
    /// Of the disk.
    pub fn child_file(&self) -> Result<(File, u64), Error> {
        Ok((self.making.child_file()?, self.room.length_max()))
    }

    /// What was written so far, for those who may only read it. It is there for as long as this is.
    ///
    /// # Errors
    /// Of the disk.
    pub async fn source(&self, name: &str) -> Result<Source, Error> {
        Ok(self.making.source(name).await?)
    }

    /// Takes in what a child wrote, when it has ended. Gives the length of the whole.
    ///
    /// # Errors
    /// As [`Filling::write`].
    pub async fn adopt(&mut self) -> Result<u64, Error> {
        let length = self.making.adopt().await?;
        self.room.reach(length).await?;
        self.room.hold.wrote(length);
        Ok(length)
    }

    /// Publishes it whole. What was purged since it began, or finds no place, is given and not kept. Once
    /// begun it goes on to its end, also when nobody waits for it.
    ///
    /// # Errors
    /// Of the disk; there is no such rendition then.
    pub async fn keep(self, entry: Entry) -> Result<Made, Error> {
        entry.check()?;
        let cache = self.room.cache.clone();
        let tasks = cache.0.tasks.clone();
        let kept = tasks.spawn(async move { cache.keep(self, entry).await });
        kept.await.map_err(|_| Error::new(ErrorKind::Gone, "the server stops"))?
    }
}

impl Cache {
    async fn keep(&self, filling: Filling, entry: Entry) -> Result<Made, Error> {
        let Filling { making, mut room } = filling;
        let published = making.publish(RenditionId::random()?).await?;
        let now = now_ms();
        let row = Row {
            key: *entry.key.as_bytes(),
            file: *published.id.as_bytes(),
            bytes: published.source.len(),
            room_bytes: Renditions::disk_bytes(published.source.len()) + row_bytes(&entry),
            etag: published.source.validator().tag().to_owned(),
            content_type: entry.content_type,
            origin: entry.origin,
            path: entry.path,
            mode: entry.mode,
            source_tag: entry.source_tag,
            status: entry.status,
            version: 0,
            created: now,
            cost_ms: entry.cost_ms,
            fresh_until: later(now, entry.fresh_for),
            recipe: entry.recipe,
            tags: entry.tags,
        };
        let made = Made::of(entry.key, &row, published.source.clone());
        // What is fresh for no time is given and not kept.
        let entered = match entry.fresh_for {
            Duration::ZERO => Ok(false),
            _ => self.enter(&mut room, &published, row).await,
        };
        self.0.figures.kept(matches!(entered, Ok(true)));
        match entered {
            Ok(true) => {}
            Ok(false) => self.0.renditions.remove(vec![published.id]).await?,
            Err(error) => {
                tracing::warn!(key = %entry.key, %error, words = %error.words, "a rendition is given and not kept");
                self.0.renditions.remove(vec![published.id]).await?;
            }
        }
        Ok(made)
    }

    /// Makes a file an entry. False when it was purged meanwhile.
    async fn enter(&self, room: &mut Room, published: &Published, mut row: Row) -> Result<bool, Error> {
        room.reach_bytes(row.room_bytes).await?;
        let _turn = self.turn().await?;
        self.settle().await?;
        if self.purges().concern(room.since.0, &row) {
            return Ok(false);
        }
        row.version = self.0.index.version(&row.origin, &row.path).await?;
        let replaced = self.0.index.put(&row).await?.map(RenditionId::from_bytes);
        self.books().keep(slot_of(&row.key), row.room_bytes, &room.hold, replaced);
        let key = Key::from_bytes(row.key);
        let closed = self.standing().remove(&key);
        drop(closed);
        let made = Made::of(key, &row, published.source.clone());
        let age = self.age();
        let closed = self.standing().insert(made, age);
        drop(closed);
        self.0.failures.remove(&key);
        if let Err(error) = self.settle().await {
            // It is kept; what it put out is gone a little later.
            tracing::warn!(%error, words = %error.words, "renditions that were evicted are still there");
        }
        Ok(true)
    }
}
