//! A disk that forgets: what a power cut leaves of a folder, which a killed process cannot show, because the kernel
//! keeps what was written for everybody who comes later.
//!
//! **Promise.** What was synced when the power went is there afterwards: bytes of a file after `fsync` or `fdatasync` of
//! the file, names after `fsync` of their folder. Of everything else a seeded chance decides, piece by piece: bytes (by
//! sectors of 512), lengths, and each creation, link, rename and removal for itself, as POSIX allows and no more
//! kindly. One rename is kept or lost as a whole. A disk that is [`Honesty::Lying`] takes every sync for done and does
//! nothing, which is the control: a proof that passes there proves nothing.
//!
//! **Flow.** [`Disk::mount`] reads a real folder and shows it through FUSE; `content` keeps of each sector what is
//! durable beside what is shown; `names` does the same for folders' entries. [`Disk::cut_after`] lets the power go
//! after so many more changes and syncs: from then on every request fails. [`Disk::finish`] takes the disk away and
//! writes what survived into the folder, from which it can be mounted again.
//!
//! **Not here.** Extended attributes, permissions (the kernel checks none here), times that survive by chance, space.
//! Files are held in memory: this is for megabytes.

mod chance;
mod content;
mod folder;
mod fuse;
mod names;
mod tree;

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tree::Tree;

/// Whether a sync keeps what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Honesty {
    /// A sync makes durable what it is asked for.
    Honest,
    /// A sync says that it did, and does nothing.
    Lying,
}

/// What a power cut took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Sectors of 512 bytes that were written, not synced and lost.
    pub sectors: u64,
    /// Creations, links, renames and removals that were not synced and lost.
    pub names: u64,
}

/// A mounted disk. Dropped without [`Disk::finish`] it is taken away and the folder stays as it was.
#[derive(Debug)]
pub struct Disk {
    tree: Arc<Mutex<Tree>>,
    session: Option<fuser::BackgroundSession>,
    folder: PathBuf,
}

/// Whether this process may mount such a disk here.
///
/// # Errors
/// Why not, in words.
pub fn usable() -> Result<(), String> {
    static FOUND: OnceLock<Result<(), String>> = OnceLock::new();
    FOUND.get_or_init(tried).clone()
}

fn tried() -> Result<(), String> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/fuse");
    device.map_err(|error| format!("/dev/fuse cannot be opened: {error}"))?;
    let (folder, at) = probe_folders().map_err(|error| format!("no temporary folder: {error}"))?;
    let mounted = Disk::mount(&folder, &at, 1, Honesty::Honest).and_then(|disk| disk.finish().map(|_| ()));
    let _ = std::fs::remove_dir_all(folder.parent().unwrap_or(&folder));
    mounted.map_err(|error| format!("a file system cannot be mounted: {error}"))
}

fn probe_folders() -> io::Result<(PathBuf, PathBuf)> {
    let beside = std::env::temp_dir().join(format!("forgetful-{}", std::process::id()));
    let (folder, at) = (beside.join("folder"), beside.join("at"));
    std::fs::create_dir_all(&folder)?;
    std::fs::create_dir_all(&at)?;
    Ok((folder, at))
}

impl Disk {
    /// Shows the content of `folder`, all of it durable, at the empty folder `at`.
    ///
    /// # Errors
    /// What the system says of the folder, or of mounting: that takes `/dev/fuse` and the rights to mount.
    pub fn mount(folder: &Path, at: &Path, seed: u64, honesty: Honesty) -> io::Result<Self> {
        let tree = Arc::new(Mutex::new(folder::load(folder, Tree::new(seed, honesty))?));
        let mut config = fuser::Config::default();
        config.mount_options =
            vec![fuser::MountOption::FSName("forgetful".to_owned()), fuser::MountOption::NoAtime];
        let session = fuser::spawn_mount(fuse::Shown(Arc::clone(&tree)), at, &config)?;
        Ok(Self { tree, session: Some(session), folder: folder.to_path_buf() })
    }

    /// Changes and syncs so far, each one at which the power can go.
    pub fn steps(&self) -> u64 {
        self.tree().steps()
    }

    /// Lets the power go after so many more changes and syncs; with 0, now.
    pub fn cut_after(&self, steps: u64) {
        self.tree().cut_after(steps);
    }

    /// Whether the power is gone.
    pub fn is_cut(&self) -> bool {
        self.tree().is_cut()
    }

    /// Makes everything durable that is there now, whatever was synced, as a long quiet time does.
    pub fn settle(&self) {
        self.tree().settle();
    }

    /// Takes the disk away, with a power cut if there was none, and writes into the folder what survived it. Whoever
    /// has files open on it must be gone.
    ///
    /// # Errors
    /// What the system says of unmounting, or of the folder.
    pub fn finish(mut self) -> io::Result<Lost> {
        self.cut_after(0);
        if let Some(session) = self.session.take() {
            match session.umount_and_join() {
                // The kernel took the disk away while the session waited for its next request.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                ended => ended?,
            }
        }
        let (survivors, lost) = self.tree().survivors();
        folder::store(&survivors, &self.folder)?;
        Ok(lost)
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
