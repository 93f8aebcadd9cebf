//! A file that is still being written, for those who read what is there already.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tokio::sync::watch;

use crate::renditions::Hold;
use crate::resident::read_resident;

/// How far a file has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// So many bytes are there, and more will come.
    So(u64),
    /// All are there, so many.
    Whole(u64),
    /// It will never be whole.
    Failed,
}

/// A file that grows at its end and nowhere else. A clone reads the same.
#[derive(Clone, Debug)]
pub struct Growing {
    file: Arc<Held>,
    growth: watch::Receiver<Growth>,
}

/// An open file, and what lives as long as it is open.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) file: File,
    /// Behind the file, because it is to go after it.
    pub(crate) hold: Hold,
}

impl Growing {
    /// A file, and the one who says how far it has come.
    pub(crate) fn of(file: Arc<Held>) -> (watch::Sender<Growth>, Growing) {
        let (say, growth) = watch::channel(Growth::So(0));
        (say, Growing { file, growth })
    }

    /// How many handles of it there are beside its writer's.
    pub fn readers(&self) -> usize {
        // The writer has the file too, and a handle of his own.
        Arc::strong_count(&self.file).saturating_sub(2)
    }

    /// How far it has come.
    pub fn growth(&self) -> Growth {
        *self.growth.borrow()
    }

    /// Waits until more than `offset` bytes are there, or it is known how it ends. Whoever wrote it and went away has
    /// failed.
    pub async fn more_than(&self, offset: u64) -> Growth {
        let mut growth = self.growth.clone();
        let is_news = |growth: &Growth| !matches!(growth, Growth::So(length) if *length <= offset);
        growth.wait_for(is_news).await.map_or(Growth::Failed, |growth| *growth)
    }

    /// Reads at `offset`, which must lie below what is there, what the page cache holds, and never waits for a disk.
    ///
    /// # Errors
    /// `WouldBlock` when that is nothing: read it with [`Growing::read_at`] on a thread that may block.
    pub fn read_resident(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        read_resident(&self.file.file, buffer, offset)
    }

    /// Reads at `offset`, which must lie below what is there; blocks while the disk works.
    ///
    /// # Errors
    /// What the system says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.file.read_at(buffer, offset)
    }
}
