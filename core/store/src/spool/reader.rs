//! Bytes of an upload, read beside the one who writes it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::error::Error;
use crate::source::Source;

/// Reads the bytes that an upload had when this was made. Blocks while the disk works.
#[derive(Debug)]
pub struct SpoolReader {
    data: File,
    length: u64,
    name: String,
}

impl SpoolReader {
    pub(super) fn new(data: File, length: u64, name: String) -> Self {
        SpoolReader { data, length, name }
    }

    /// How many bytes there are to read.
    #[expect(
        clippy::len_without_is_empty,
        reason = "the length of a resource; nobody asks whether it is empty"
    )]
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Reads at `offset`. `Ok(0)` is the end, or an empty buffer.
    ///
    /// # Errors
    /// `UnexpectedEof` when the file is shorter than it was; otherwise what the system says.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            match self.data.read_at(&mut buffer[..wanted], offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// A source of the same bytes, for whoever reads tags.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub fn source(self) -> Result<Source, Error> {
        Source::of(self.data, &self.name)
    }
}
