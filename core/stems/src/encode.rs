//! Stems as files: where samples go, and the two formats that are written here.

mod depth;
mod flac;
#[cfg(test)]
mod tests;
mod wav;

use crate::{Result, Stereo};
pub use depth::Depth;
pub use flac::Flac;
pub use wav::Wav;

/// Where one stem goes. Formats that are not written here are a sink of the caller's, which hands the samples on.
pub trait Sink {
    /// Takes the next samples, at 44.1 kHz.
    ///
    /// # Errors
    /// [`ErrorKind::Write`](crate::ErrorKind::Write), and [`ErrorKind::TooLong`](crate::ErrorKind::TooLong) where the format ends.
    fn write(&mut self, samples: &Stereo) -> Result<()>;

    /// The stem is whole. Nothing is written afterwards.
    ///
    /// # Errors
    /// [`ErrorKind::Write`](crate::ErrorKind::Write).
    fn finish(&mut self) -> Result<Written>;
}

/// What became of a stem.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Samples of one side.
    pub samples: u64,
    /// Bytes of the file, with its head.
    pub bytes: u64,
    /// Samples that were louder than full scale and are at full scale now. A stem can be louder than the mix was.
    pub clipped: u64,
}
