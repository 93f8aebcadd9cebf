//! The data folder of one installation: who serves it, in which format it is, and its secret.
//!
//! Nothing is written before the format number is known to be ours. Every file is written beside its name, synced,
//! renamed and the folder synced, so that a crash leaves the old file or the new one.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use budget::limits::DATA_LOCK_WAIT_MS;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind};

/// The format of a data folder that this release reads and writes.
pub const FORMAT: u32 = 1;
const FORMAT_FILE: &str = "format";
const LOCK_FILE: &str = "lock";
/// How long after a look at a taken lock there is another one.
const LOCK_LOOK: Duration = Duration::from_millis(20);
const SECRET_FILE: &str = "secret.key";
const DATABASE_FILE: &str = "millpond.db";

/// The data folder of one installation.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    secret: Secret,
    /// Held, not read: the lock goes with the handle.
    _lock: Option<File>,
}

/// Thirty-two random bytes that everything secret of an installation is derived from. They never appear in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; 32]);

impl Secret {
    /// A secret with these bytes, for tests and for restoring a backup.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Secret(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl DataFolder {
    /// Whether a data folder is there that somebody has used: one with a database. Nothing is made by asking. What
    /// cannot be looked at counts as there, since opening it will say why. Blocks.
    pub fn is_there(path: impl AsRef<Path>) -> bool {
        let looked = path.as_ref().join(DATABASE_FILE).metadata();
        looked.map_or_else(|e| e.kind() != io::ErrorKind::NotFound, |found| found.is_file())
    }

    /// Opens the folder to serve it, alone: made if it is not there (mode 0700), locked until this value is dropped.
    /// Blocks.
    ///
    /// # Errors
    /// `Locked` names the process that serves it already; `Format` names a number that is not ours, or what is wrong
    /// with the secret's file; `ReadOnly` and `Full` say that it cannot be written.
    pub fn serve(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open(path.as_ref(), true)
    }

    /// Opens the folder beside a process that may be serving it, for commands. Blocks.
    ///
    /// # Errors
    /// As [`DataFolder::serve`], without `Locked`.
    pub fn share(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open(path.as_ref(), false)
    }

    fn open(path: &Path, alone: bool) -> Result<Self, Error> {
        check_format(path)?;
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| unwritable(path, e))?;
        let lock = if alone { Some(take_lock(path)?) } else { None };
        let turn = take_turn(path)?;
        if !check_format(path)? {
            write_whole(path, FORMAT_FILE, format!("{FORMAT}\n").as_bytes())?;
        }
        let secret = match read_secret(path)? {
            Some(secret) => secret,
            None => make_secret(path)?,
        };
        drop(turn);
        Ok(DataFolder { path: path.to_owned(), secret, _lock: lock })
    }

    /// Whether a process serves this folder now; true of one's own. Blocks.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn is_served(&self) -> Result<bool, Error> {
        let name = self.path.join(LOCK_FILE);
        let context = || format!("{} cannot be looked at", name.display());
        let file = match File::open(&name) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(Error::io(context(), e)),
        };
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(e) => Err(Error::io(context(), e)),
        }
    }

    /// The folder as the configuration names it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of this installation.
    pub fn secret(&self) -> Secret {
        self.secret.clone()
    }

    /// Where the database lies; it need not exist.
    pub fn database(&self) -> PathBuf {
        self.path.join(DATABASE_FILE)
    }

    /// Takes back what opening an empty folder wrote into it, for a restore that fails halfway. Blocks.
    ///
    /// # Errors
    /// As [`DataFolder::serve`]; what could not be removed is left.
    pub fn discard(self) -> Result<(), Error> {
        // The lock goes last, while it is still held.
        for name in [SECRET_FILE, FORMAT_FILE, LOCK_FILE] {
            match fs::remove_file(self.path.join(name)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(unwritable(&self.path, e)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Replaces the secret, as a restored backup does. Everything sealed under the old one is lost. Blocks.
    ///
    /// # Errors
    /// As [`DataFolder::serve`].
    pub fn replace_secret(&mut self, secret: Secret) -> Result<(), Error> {
        let _turn = take_turn(&self.path)?;
        write_whole(&self.path, SECRET_FILE, secret.bytes())?;
        self.secret = secret;
        Ok(())
    }
}

/// Whether the folder has a format number, which then is ours. Only reads.
fn check_format(path: &Path) -> Result<bool, Error> {
    let file = path.join(FORMAT_FILE);
    let text = match File::open(&file).and_then(|mut file| read_start::<64>(&mut file)) {
        Ok((start, count)) => String::from_utf8_lossy(&start[..count]).trim().to_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return check_no_database(path).map(|()| false),
        Err(e) => return Err(Error::io(format!("{} cannot be read", file.display()), e)),
    };
    match text.parse::<u32>() {
        Ok(FORMAT) => Ok(true),
        Ok(number) if number > FORMAT => Err(Error::new(
            ErrorKind::Format,
            format!(
                "data folder {} has format {number}; this release knows formats up to {FORMAT}; nothing was changed, \
                 use the release that wrote it or a later one",
                path.display()
            ),
        )),
        _ => Err(Error::new(
            ErrorKind::Format,
            format!("{} holds no format number that any release wrote: {text:?}", file.display()),
        )),
    }
}

/// A database without a format number is somebody else's, or half a copy.
fn check_no_database(path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path.join(DATABASE_FILE)) {
        Ok(_) => Err(Error::new(
            ErrorKind::Format,
            format!(
                "data folder {} has a {DATABASE_FILE} but no file \"{FORMAT_FILE}\": it is not whole",
                path.display()
            ),
        )),
        Err(_) => Ok(()),
    }
}

/// Takes the lock of the one process that serves, and writes down who that is.
fn take_lock(path: &Path) -> Result<File, Error> {
    let name = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(|e| unwritable(path, e))?;
    match lock_in_time(&file, wait_a_little) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(Error::new(ErrorKind::Locked, served_by(&mut file))),
        Err(e) => return Err(Error::io(format!("{} cannot be locked", name.display()), e)),
    }
    let write = |file: &mut File| {
        file.set_len(0)?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(|e| unwritable(path, e))?;
    Ok(file)
}

/// Locks a file, or fails when somebody has it still after [`DATA_LOCK_WAIT_MS`]; `pause` is what is done between two looks.
/// A server that was killed has left its lock to a child that it was about to start, until that runs its own program.
fn lock_in_time(file: &File, mut pause: impl FnMut()) -> Result<(), Errno> {
    let until = Instant::now() + Duration::from_millis(DATA_LOCK_WAIT_MS);
    loop {
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if Instant::now() < until => pause(),
            locked => return locked,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a server that has no data folder has nothing else to do")]
fn wait_a_little() {
    std::thread::sleep(LOCK_LOOK);
}

/// Whom the lock's holder said it is; he may not have written it yet.
fn served_by(file: &mut File) -> String {
    let (start, count) = read_start::<32>(file).unwrap_or(([0; 32], 0));
    match String::from_utf8_lossy(&start[..count]).trim().parse::<u32>() {
        Ok(pid) => format!("another millpond (pid {pid}) serves this data folder"),
        Err(_) => "another millpond serves this data folder".to_owned(),
    }
}

/// Processes that open the folder at the same moment write its first files one after the other.
fn take_turn(path: &Path) -> Result<File, Error> {
    let context = || format!("data folder {} cannot be opened", path.display());
    let folder = File::open(path).map_err(|e| Error::io(context(), e))?;
    rustix::fs::flock(&folder, FlockOperation::LockExclusive).map_err(|e| Error::io(context(), e))?;
    Ok(folder)
}

/// The secret, if there is one.
fn read_secret(path: &Path) -> Result<Option<Secret>, Error> {
    let name = path.join(SECRET_FILE);
    let context = || format!("{} cannot be read", name.display());
    let mut file = match File::open(&name) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io(context(), e)),
    };
    let mode = file.metadata().map_err(|e| Error::io(context(), e))?.permissions().mode();
    if mode & 0o077 != 0 {
        let text = format!(
            "{name} can be read by others (mode {:04o}); run: chmod 600 {name}",
            mode & 0o7777,
            name = name.display()
        );
        return Err(Error::new(ErrorKind::Format, text));
    }
    let (start, count) = read_start::<33>(&mut file).map_err(|e| Error::io(context(), e))?;
    match start[..count].try_into() {
        Ok(bytes) => Ok(Some(Secret(bytes))),
        Err(_) => Err(Error::new(ErrorKind::Format, format!("{} is not 32 bytes long", name.display()))),
    }
}

/// The first bytes of a file, at most `N`, and how many there are.
fn read_start<const N: usize>(file: &mut File) -> io::Result<([u8; N], usize)> {
    let mut start = [0; N];
    let mut count = 0;
    while count < N {
        match file.read(&mut start[count..])? {
            0 => break,
            more => count += more,
        }
    }
    Ok((start, count))
}

fn make_secret(path: &Path) -> Result<Secret, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::io("the system gives no random bytes", io::Error::other(e.to_string())))?;
    write_whole(path, SECRET_FILE, &bytes)?;
    Ok(Secret(bytes))
}

/// Writes a file of the folder so that it is there whole or not at all, readable by its owner alone.
fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Error> {
    let temporary = folder.join(format!(".{name}.new"));
    let write = || -> io::Result<()> {
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        // A file left by a crash keeps its mode when it is opened again.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, folder.join(name))?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|e| unwritable(folder, e))
}

/// A failed write in the data folder; for whoever set it up, "not allowed" and "mounted read-only" are one thing.
fn unwritable(path: &Path, e: io::Error) -> Error {
    let mut error = Error::io(format!("data folder {} cannot be written", path.display()), e);
    if error.source.as_ref().is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
        error.kind = ErrorKind::ReadOnly;
    }
    error
}

#[cfg(test)]
mod tests;
