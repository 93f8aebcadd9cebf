//! A rendition in the making: a file that grows, and is given its name when it is whole or removed.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use budget::limits::BLOB_CHECK_STEP_BYTES;
use bytes::Bytes;
use tokio::sync::watch;

use super::{Hold, RenditionId, Renditions, Shared, settle};
use crate::error::{Error, ErrorKind};
use crate::growing::{Growing, Growth, Held};
use crate::local::make_folder;
use crate::source::Source;
use crate::spool::sync_folder;
use crate::sums::kept::{SUMS_SUFFIX, write_sums};
use crate::sums::through::{Hashing, read_piece};

/// What was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// Under which id.
    pub id: RenditionId,
    /// Open; its validator is the content's, so that equal bytes have equal tags.
    pub source: Source,
}

/// A rendition that is being written. Dropped before it is published, it was never there.
///
/// It is written either with [`Making::write`], or through [`Making::file`] by somebody else and then taken in with
/// [`Making::adopt`].
pub struct Making {
    renditions: Renditions,
    growing: Growing,
    growth: watch::Sender<Growth>,
    /// Always there before the drop.
    file: Option<Arc<Held>>,
    temporary: Temporary,
    /// `None` while a piece of work is under way, and for good when that was given up or failed: what the file holds is
    /// not known then.
    written: Option<Hashing>,
}

/// The names that go when nothing was published.
struct Temporary {
    bytes: PathBuf,
    sums: PathBuf,
    is_gone: bool,
}

impl Renditions {
    /// Begins a file. `hold` goes when the file does: when it is neither written nor read any more, nor has a name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn begin(&self, hold: Hold) -> Result<Making, Error> {
        let id = RenditionId::random()?;
        // A caller who goes away meanwhile leaves neither a file nor its hold.
        let (file, temporary) = self.run(move |shared| shared.begin(&id, hold)).await?;
        let (growth, growing) = Growing::of(Arc::clone(&file));
        let written = Some(Hashing::default());
        Ok(Making { renditions: self.clone(), growing, growth, file: Some(file), temporary, written })
    }
}

impl Making {
    /// How many bytes there are. Those that somebody else writes count when they were adopted.
    pub fn length(&self) -> u64 {
        self.written.as_ref().map_or(0, Hashing::length)
    }

    /// The file as it grows, for those who cannot wait.
    pub fn growing(&self) -> Growing {
        self.growing.clone()
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// `Full` or `Io`; the rendition cannot be finished then, nor when the call was given up halfway.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let (file, mut written) = (self.file()?, self.written.take().ok_or_else(broken)?);
        let work = move |_: &Shared| {
            let wrote = file.file.write_all_at(&chunk, written.length());
            wrote.map_err(|e| Error::io("a rendition cannot be written", e))?;
            written.take(&chunk);
            Ok(written)
        };
        let written = self.renditions.run(work).await?;
        self.growth.send_replace(Growth::So(written.length()));
        self.written = Some(written);
        Ok(())
    }

    /// The file, open for reading and writing, for a child process. It must have ended before [`Making::adopt`].
    ///
    /// # Errors
    /// `Io` when the system gives no handle, `Broken` after a failure.
    pub fn child_file(&self) -> Result<File, Error> {
        self.file()?.file.try_clone().map_err(|e| Error::io("a rendition cannot be given to a child", e))
    }

    /// What was written so far, for those who may only read it. It is there for as long as this is.
    ///
    /// # Errors
    /// As [`Making::child_file`].
    pub async fn source(&self, name: &str) -> Result<Source, Error> {
        let (bytes, name) = (self.temporary.bytes.clone(), name.to_owned());
        let context = "a rendition cannot be read";
        let open = move |_: &Shared| Source::of(File::open(bytes).map_err(|e| Error::io(context, e))?, &name);
        self.renditions.run(open).await
    }

    /// Takes in what somebody else wrote behind the bytes that are known: reads it once, for its digest and checksums.
    /// Gives the length of the whole.
    ///
    /// # Errors
    /// As [`Making::write`].
    pub async fn adopt(&mut self) -> Result<u64, Error> {
        let (file, mut written) = (self.file()?, self.written.take().ok_or_else(broken)?);
        let context = "a rendition cannot be looked at";
        let looked = Arc::clone(&file);
        let length = move |_: &Shared| looked.file.metadata().map_err(|e| Error::io(context, e));
        let length = self.renditions.run(length).await?.len();
        while written.length() < length {
            let (file, at) = (Arc::clone(&file), written.length());
            let end = length.min(at + BLOB_CHECK_STEP_BYTES);
            let work = move |shared: &Shared| {
                let mut next = written;
                let what = "a rendition in the making";
                read_piece(&what, &file.file, at..end, &shared.chunks, |bytes| next.take(bytes))?;
                Ok(next)
            };
            written = self.renditions.run(work).await?;
        }
        self.growth.send_replace(Growth::So(length));
        self.written = Some(written);
        Ok(length)
    }

    /// Tells those who read it as it grows that this is all, though it is not to be published.
    pub fn end(&self) {
        self.growth.send_replace(Growth::Whole(self.length()));
    }

    /// Makes it visible under an id that no other file has, durable and with its checksums. Whoever reads it as it grows
    /// is told that it is whole before that, since the bytes are. Once begun it goes on to its end, also when nobody
    /// waits for it.
    ///
    /// # Errors
    /// `Broken` when not all was written, `Full`, `Io`. There is no such rendition then.
    pub async fn publish(mut self, id: RenditionId) -> Result<Published, Error> {
        let (file, written) = (self.file()?, self.written.take().ok_or_else(broken)?);
        self.growth.send_replace(Growth::Whole(written.length()));
        let renditions = self.renditions.clone();
        let work = move |shared: &Shared| {
            let source = shared.publish(&mut self, &file, written, id);
            drop(self);
            source
        };
        let source = renditions.run(work).await?;
        Ok(Published { id, source })
    }

    fn file(&self) -> Result<Arc<Held>, Error> {
        self.file.clone().ok_or_else(broken)
    }
}

/// Whoever reads hears of it, and the names go on a thread that may block: what frees a large file may take its time.
impl Drop for Making {
    fn drop(&mut self) {
        if !matches!(*self.growth.borrow(), Growth::Whole(_)) {
            self.growth.send_replace(Growth::Failed);
        }
        if self.temporary.is_gone {
            return;
        }
        let temporary = std::mem::replace(&mut self.temporary, Temporary::nothing());
        let file = self.file.take();
        let remove = move || {
            drop(temporary);
            // And then its room counts as free.
            drop(file);
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl fmt::Debug for Making {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Making").field("length", &self.length()).finish_non_exhaustive()
    }
}

impl Temporary {
    fn nothing() -> Temporary {
        Temporary { bytes: PathBuf::new(), sums: PathBuf::new(), is_gone: true }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if self.is_gone {
            return;
        }
        for path in [&self.bytes, &self.sums] {
            match fs::remove_file(path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), error = %e, "it is removed at the next start");
                }
                Ok(()) | Err(_) => {}
            }
        }
    }
}

fn broken() -> Error {
    Error::new(ErrorKind::Broken, "a rendition was not written to its end")
}

impl Shared {
    fn begin(&self, id: &RenditionId, hold: Hold) -> Result<(Arc<Held>, Temporary), Error> {
        let bytes = self.making.join(id.to_string());
        let sums = self.making.join(format!("{id}{SUMS_SUFFIX}"));
        let context = || format!("{} cannot be made", bytes.display());
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&bytes);
        let file = file.map_err(|e| Error::io(context(), e))?;
        let temporary = Temporary { bytes, sums, is_gone: false };
        Ok((Arc::new(Held { file, hold }), temporary))
    }

    /// In this order: a crash leaves nothing, or checksums of nothing, or a whole rendition.
    fn publish(
        &self,
        making: &mut Making,
        held: &Held,
        written: Hashing,
        id: RenditionId,
    ) -> Result<Source, Error> {
        let context = || format!("the rendition {id} cannot be published");
        let fail = |e: io::Error| Error::io(context(), e);
        let (file, length) = (&held.file, written.length());
        let (digest, sums) = written.finish()?;
        if file.metadata().map_err(fail)?.len() != length {
            return Err(Error::new(ErrorKind::Broken, format!("{}: somebody else wrote to it", context())));
        }
        file.sync_all().map_err(fail)?;
        let temporary = &mut making.temporary;
        self.step(1, temporary)?;
        write_sums(&sums, &temporary.sums).map_err(fail)?;
        self.step(2, temporary)?;
        let files = self.files(&id);
        if !files.folder.is_dir() {
            make_folder(&files.folder).map_err(fail)?;
            sync_folder(&self.made)?;
        }
        fs::rename(&temporary.sums, &files.sums).map_err(fail)?;
        self.step(3, temporary)?;
        let named = fs::rename(&temporary.bytes, &files.bytes).map_err(fail);
        self.step(4, temporary)?;
        let settled = named.and_then(|()| {
            temporary.is_gone = true;
            settle(self, id, &digest, Arc::clone(&held.hold))
        });
        if settled.is_err() {
            // Nobody was told of it. What cannot be removed now is found at the next start.
            let _ = self.remove(&id);
        }
        settled
    }
    /// Between two steps, where tests end everything as a kill does.
    #[cfg_attr(not(test), expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests need both"))]
    fn step(&self, _number: u8, _temporary: &mut Temporary) -> Result<(), Error> {
        #[cfg(test)]
        if self.kill_at.load(std::sync::atomic::Ordering::SeqCst) == _number {
            _temporary.is_gone = true;
            return Err(broken());
        }
        Ok(())
    }
}
