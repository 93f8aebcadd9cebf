//! Sources as children read them: where they lie, or from a copy that was fetched whole before.
//!
//! A child reads a file through its descriptor, and by ranges over a socket what lies elsewhere. Where an origin gives no
//! parts of its files, or this machine no child a network of its own, the source is copied first: once for all who make
//! something of it, into room of the cache that was reserved before the first byte came, and that goes back
//! [`FLIGHT_LINGER_MS`] after the last of them was done.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use budget::limits::{
    BLOB_CHECK_BYTES, COPIES_FETCHED_MAX, COPIES_MAX, COPY_BYTES_MAX, FLIGHT_LINGER_MS, FLIGHT_WAIT_MS,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use store::Source;
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::Instant;

use crate::argv::Input;
use crate::cache::{Filling, Moment};
use crate::child::{ChildInput, Ffmpeg};
use crate::error::{Error, ErrorKind};
use crate::guard::SERVED_PORT;
use crate::transforms::{Inner, Transforms, busy};

/// A source that a child can read, for as long as this is held.
pub(crate) struct Near {
    pub(crate) source: Source,
    _copy: Option<Arc<Cell>>,
}

/// Copies that are there or on their way, by the validators of what they are copies of and by the last purge: what was
/// fetched before one is nothing that is used after it.
pub(crate) struct Copies {
    turns: Semaphore,
    all: Mutex<HashMap<(Moment, Box<str>), Kept>>,
}

struct Kept {
    copy: Arc<Cell>,
    /// When somebody was last seen to have it.
    used: Instant,
}

/// One copy, as soon as it is there. Whoever fetches it and gives up leaves that to the next who waits.
type Cell = OnceCell<Result<(Source, Filling), Error>>;

impl Default for Copies {
    fn default() -> Self {
        Copies { turns: Semaphore::new(COPIES_FETCHED_MAX), all: Mutex::default() }
    }
}

impl Copies {
    fn all(&self) -> MutexGuard<'_, HashMap<(Moment, Box<str>), Kept>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all().len()
    }

    fn of(&self, key: &(Moment, Box<str>)) -> Result<Arc<Cell>, Error> {
        let mut all = self.all();
        if let Some(kept) = all.get(key) {
            return Ok(Arc::clone(&kept.copy));
        }
        if all.len() >= COPIES_MAX {
            all.retain(|_, kept| kept.is_used());
        }
        if all.len() >= COPIES_MAX {
            return Err(busy("too many sources are fetched whole"));
        }
        let copy = Arc::<Cell>::default();
        all.insert(key.clone(), Kept { copy: Arc::clone(&copy), used: Instant::now() });
        Ok(copy)
    }

    /// One that failed is fetched anew by whoever asks from now on.
    fn forget(&self, key: &(Moment, Box<str>), failed: &Arc<Cell>) {
        let mut all = self.all();
        if all.get(key).is_some_and(|kept| Arc::ptr_eq(&kept.copy, failed)) {
            all.remove(key);
        }
    }

    /// Lets those go that nobody has had for a while; to be called now and then.
    pub(crate) fn tidy(&self) {
        let now = Instant::now();
        self.all().retain(|_, kept| {
            if kept.is_used() {
                kept.used = now;
            }
            now.duration_since(kept.used) < Duration::from_millis(FLIGHT_LINGER_MS)
        });
    }
}

impl Kept {
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.copy) > 1
    }
}

impl Inner {
    /// The source itself where it can be read, and otherwise a copy of it. Whoever waits for that has no turn yet.
    pub(super) async fn near(&self, source: &Source, is_for_child: bool) -> Result<Near, Error> {
        let is_too_far = is_for_child && !source.has_file() && !self.ffmpeg().await?.can_serve();
        self.near_file(source, is_too_far).await
    }

    /// The same for one that is copied when it is too far, or comes whole.
    async fn near_file(&self, source: &Source, is_too_far: bool) -> Result<Near, Error> {
        if !source.comes_whole() && !is_too_far {
            return Ok(Near { source: source.clone(), _copy: None });
        }
        let key = (self.cache.moment(), source.validator().tag().into());
        let copy = self.copies.of(&key)?;
        match copy.get_or_init(|| self.fetched(source)).await {
            Ok((source, _)) => Ok(Near { source: source.clone(), _copy: Some(Arc::clone(&copy)) }),
            Err(e) => {
                self.copies.forget(&key, &copy);
                Err(e.clone())
            }
        }
    }

    async fn fetched(&self, source: &Source) -> Result<(Source, Filling), Error> {
        let length = source.len();
        if length > COPY_BYTES_MAX {
            let need =
                format!("the source must be fetched whole: it has {length} bytes, and {COPY_BYTES_MAX}");
            return Err(Error::new(ErrorKind::TooLarge, format!("{need} may be fetched so")));
        }
        let within = Duration::from_millis(FLIGHT_WAIT_MS);
        let turn = tokio::time::timeout(within, self.copies.turns.acquire()).await;
        let _turn = turn.map_err(|_| busy("too many sources are fetched whole"))?;
        let mut filling = self.cache.reserve(length).await?.begin().await?;
        if source.comes_whole() {
            let unread = |e| Error::unread(&e);
            let mut pieces = source.whole().await.map_err(unread)?;
            while let Some(piece) = pieces.try_next().await.map_err(unread)? {
                filling.write(piece).await?;
            }
        }
        while filling.length() < length {
            let at = filling.length();
            let mut chunk = self.chunks.lend();
            let read = move |source: &Source| {
                let count = source.read_at(&mut chunk, at)?;
                Ok(chunk.into_bytes(count))
            };
            let piece: Bytes = reading(source, at, length - at, read).await?;
            filling.write(piece).await?;
        }
        unchanged(source).await?;
        Ok((filling.source(source.name()).await?, filling))
    }
}

/// A source as a file whose every byte is right, for as long as this is held.
pub struct AtHand {
    near: Near,
    file: File,
}

impl AtHand {
    /// The file. Its position is shared with everybody who has it, so it is read by offsets.
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// What it is a file of.
    pub fn source(&self) -> &Source {
        &self.near.source
    }
}

impl Transforms {
    /// A source as a file, for a child that reads nothing else: what lies elsewhere is copied, and what has checksums is
    /// read through and compared before.
    ///
    /// # Errors
    /// As making a rendition of it has.
    pub async fn at_hand(&self, source: &Source) -> Result<AtHand, Error> {
        let is_far = !source.has_file();
        let near = self.0.near_file(source, is_far).await?;
        if !near.source.is_checked(0, near.source.len()) {
            reading(&near.source, 0, near.source.len(), read_through).await?;
        }
        match ChildInput::read_through(&near.source) {
            Ok(ChildInput::File(file)) => Ok(AtHand { near, file }),
            Ok(_) => Err(Error::new(ErrorKind::Io, "the source is no file, and was not made one")),
            Err(e) => {
                Err(Error::new(ErrorKind::Io, "the source cannot be given on").with_words(e.to_string()))
            }
        }
    }

    /// Whether a source is still what it was when it was opened.
    ///
    /// # Errors
    /// `Changed`.
    pub async fn unchanged(&self, source: &Source) -> Result<(), Error> {
        unchanged(source).await
    }
}

/// Reads of a source, on a thread that may wait for it.
pub(super) async fn reading<T: Send + 'static>(
    source: &Source,
    offset: u64,
    count: u64,
    read: impl FnOnce(&Source) -> io::Result<T> + Send + 'static,
) -> Result<T, Error> {
    let reader = source.clone();
    let read = source.run(offset, count, move || read(&reader)).await;
    read.map_err(io::Error::other).and_then(|read| read).map_err(|e| Error::unread(&e))
}

/// Whether a source is still what it was when it was opened: what is made of it is found by that.
///
/// # Errors
/// `Changed`.
pub(super) async fn unchanged(source: &Source) -> Result<(), Error> {
    let looked = source.clone();
    let look = source.run(0, 0, move || looked.check_unchanged());
    look.await.map_err(|_| Error::new(ErrorKind::Gone, "the server stops"))??;
    Ok(())
}

/// A source as a child gets it, and where it finds it. Bytes that must be checked are served to it, block by block; where
/// a child cannot be served anything, a file is read through before, and given when all its blocks were right.
pub(super) async fn fed(source: &Source, ffmpeg: &Ffmpeg) -> Result<(ChildInput, Input), Error> {
    let input = if ffmpeg.can_serve() {
        ChildInput::of(source)
    } else {
        if !source.is_checked(0, source.len()) {
            reading(source, 0, source.len(), read_through).await?;
        }
        ChildInput::read_through(source)
    };
    let input = input
        .map_err(|e| Error::new(ErrorKind::Io, "the source cannot be given on").with_words(e.to_string()))?;
    let from = match &input {
        ChildInput::Nothing | ChildInput::Line(_) | ChildInput::File(_) => Input::Descriptor,
        ChildInput::Served(_) => Input::Loopback(SERVED_PORT),
    };
    Ok((input, from))
}

/// Reads every byte, so that each block is known to be right.
fn read_through(source: &Source) -> io::Result<()> {
    let (mut buffer, mut offset) = (vec![0; BLOB_CHECK_BYTES], 0);
    while offset < source.len() {
        offset += source.read_at(&mut buffer, offset)? as u64;
    }
    Ok(())
}
