//! Stems as files: where samples go, and the two formats that are written here.

mod depth;
mod flac;
#[cfg(test)]
mod tests;
mod wav;

use std::io::{Seek, Write};

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

/// What the stems of a song are written as, in the formats that are written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// WAV.
    Wav(Depth),
    /// FLAC, which has no floats.
    Flac(Depth),
}

impl Encoding {
    /// Begins a stem at the beginning of `to`; `expected_samples` as in [`Wav::new`].
    ///
    /// # Errors
    /// [`ErrorKind::Write`](crate::ErrorKind::Write).
    pub fn sink(
        self,
        to: impl Write + Seek + 'static,
        expected_samples: Option<u64>,
    ) -> Result<Box<dyn Sink>> {
        Ok(match self {
            Encoding::Wav(depth) => Box::new(Wav::new(to, depth, expected_samples)?),
            Encoding::Flac(depth) => Box::new(Flac::new(to, depth)?),
        })
    }

    /// What names of such files end with.
    pub fn extension(self) -> &'static str {
        match self {
            Encoding::Wav(_) => "wav",
            Encoding::Flac(_) => "flac",
        }
    }
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
