//! What can go wrong before a load runs. What goes wrong for one client is a figure of that client.

use std::fmt;
use std::io;

/// A failure of the harness, never of what it measures.
#[derive(Debug)]
pub struct Error {
    context: String,
    source: Option<io::Error>,
}

impl Error {
    pub(crate) fn new(context: impl Into<String>) -> Self {
        Self { context: context.into(), source: None }
    }

    pub(crate) fn io(context: impl Into<String>, source: io::Error) -> Self {
        Self { context: context.into(), source: Some(source) }
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
        self.source.as_ref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
