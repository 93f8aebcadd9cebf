//! What can go wrong with bytes that are kept.

use std::fmt;
use std::io;

use rustix::io::Errno;

use crate::RelPath;

/// What kind of failure it is, for those who decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No file of that name is there, or the name is none that a file could have.
    NotFound,
    /// The name leads out of the folder it belongs to, or the address to where no request may go.
    Escapes,
    /// Something of that name is there, but no regular file: a folder, a pipe, a device, a socket.
    NotAFile,
    /// The file is not what it was when it was opened.
    Changed,
    /// There is no room: the disk or its quota is full, or a folder is beyond a limit in [`budget::limits`].
    Full,
    /// The folder must be written and cannot be.
    ReadOnly,
    /// Another process serves this data folder.
    Locked,
    /// The data folder is not in a state that this release may touch.
    Format,
    /// An upload's bytes are not what had been acknowledged: it cannot go on.
    Lost,
    /// A write or a sync failed earlier, so that nobody knows what the disk holds; or the upload is whole already.
    Broken,
    /// Stored bytes do not match the checksum that was written with them.
    Corrupt,
    /// A store on another machine cannot be reached, or does not answer as it should.
    Unreachable,
    /// The operating system failed in another way.
    Io,
}

/// What a walk did not see because of an error, so that nobody takes "not seen" for "not there".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// This file, or this folder with everything below it.
    Path(RelPath),
    /// Everything that would have come after this error: the walk ends.
    Rest,
}

/// A failure with what it happened to.
///
/// Its text names files and folders of this machine: it is for logs and for those who run the server. What everybody
/// may read is [`Error::shown`].
#[derive(Debug)]
pub struct Error {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// What happened to what, in one line.
    pub context: String,
    /// What the operating system said, if it was asked.
    pub source: Option<io::Error>,
    /// Of errors from a [`Walk`](crate::Walk): what it could not see.
    pub unseen: Option<Unseen>,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Error { kind, context: context.into(), source: None, unseen: None }
    }

    /// Sorts what the operating system said about `context`.
    pub(crate) fn io(context: impl Into<String>, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        Error { kind: kind_of(&source), context: context.into(), source: Some(source), unseen: None }
    }

    pub(crate) fn hides(mut self, unseen: Unseen) -> Self {
        self.unseen = Some(unseen);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed a little later without anybody's help.
    pub fn worth_retrying(&self) -> bool {
        match self.kind {
            ErrorKind::Changed
            | ErrorKind::Full
            | ErrorKind::Locked
            | ErrorKind::Unreachable
            | ErrorKind::Io => true,
            ErrorKind::NotFound
            | ErrorKind::Escapes
            | ErrorKind::NotAFile
            | ErrorKind::ReadOnly
            | ErrorKind::Format
            | ErrorKind::Lost
            | ErrorKind::Broken
            | ErrorKind::Corrupt => false,
        }
    }

    /// What anybody may read: no name of a file or folder is in it.
    pub fn shown(&self) -> &'static str {
        match self.kind {
            ErrorKind::NotFound | ErrorKind::Escapes | ErrorKind::NotAFile => "there is no such file",
            ErrorKind::Changed => "the file changed while it was read",
            ErrorKind::Full => "there is no room left",
            ErrorKind::ReadOnly => "the folder cannot be written",
            ErrorKind::Locked => "another process serves this data folder",
            ErrorKind::Format => "the data folder is not one that this release can use",
            ErrorKind::Lost => "the bytes that had come were lost",
            ErrorKind::Broken => "the bytes could not be written",
            ErrorKind::Corrupt => "the stored file is damaged",
            ErrorKind::Unreachable => "the store cannot be reached now",
            ErrorKind::Io => "the file could not be read",
        }
    }
}

fn kind_of(source: &io::Error) -> ErrorKind {
    // cap-std says "a path led outside of the filesystem" with this kind and without a number of the system's.
    if source.kind() == io::ErrorKind::PermissionDenied && source.raw_os_error().is_none() {
        return ErrorKind::Escapes;
    }
    match Errno::from_io_error(source) {
        Some(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::LOOP) => ErrorKind::NotFound,
        Some(Errno::ISDIR | Errno::NXIO | Errno::NODEV) => ErrorKind::NotAFile,
        Some(Errno::NOSPC | Errno::DQUOT) => ErrorKind::Full,
        Some(Errno::ROFS) => ErrorKind::ReadOnly,
        _ => ErrorKind::Io,
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.context),
            None => f.write_str(&self.context),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
