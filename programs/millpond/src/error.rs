//! What a command ends with when it cannot go on: one line that says what happened, one that says what to do.

use std::fmt;

/// Why a command ended, and what its caller can do about it.
#[derive(Debug)]
pub(crate) struct Error {
    /// Whose mistake it is; decides the exit code.
    pub(crate) kind: ErrorKind,
    /// What happened, in one sentence that names the key, file or address it is about.
    pub(crate) what: String,
    /// The next step to take, if there is one.
    pub(crate) hint: Option<String>,
}

/// Whose mistake an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// The command line, a variable or the configuration file says something that cannot be meant: exit code 2.
    Usage,
    /// Everything else: exit code 1.
    Failed,
}

/// What every command returns.
pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A mistake in what the caller asked for.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Error { kind: ErrorKind::Usage, what: what.into(), hint: None }
    }

    /// A request that was right and could not be carried out.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Error { kind: ErrorKind::Failed, what: what.into(), hint: None }
    }

    /// Adds the next step to take.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The process's exit code: 2 for usage, 1 otherwise.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.kind {
            ErrorKind::Usage => 2,
            ErrorKind::Failed => 1,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
