//! Songs in codings that are not decoded here: ffmpeg decodes them as they are asked for.

use std::fs::File;
use std::io::{self, Read};

use stems::{ErrorKind, Format, Raw, Sound};
use tokio::runtime::Handle;
use transform::{Decoding, Ffmpeg, FfmpegSettings};

/// The song in a file, if ffmpeg knows it. It is used where waiting is allowed, beside the runtime that watches the child.
///
/// # Errors
/// Why ffmpeg does not, and [`transform::ErrorKind::NoFfmpeg`] where there is none.
pub(super) fn open(file: &File, settings: FfmpegSettings, runtime: Handle) -> Result<Decoded, Unknown> {
    let decoding = runtime.block_on(async { Ffmpeg::find(settings).await?.decode(file).await })?;
    let format = Format::new(decoding.sample_rate_hz, usize::from(decoding.channels), decoding.samples)?;
    Ok(Decoded(Raw::new(Samples { decoding, runtime }, format)))
}

/// Why there is no song.
pub(super) enum Unknown {
    /// ffmpeg does not decode it.
    There(transform::Error),
    /// What it decodes is not taken apart.
    Here(stems::Error),
}

impl From<transform::Error> for Unknown {
    fn from(error: transform::Error) -> Self {
        Unknown::There(error)
    }
}

impl From<stems::Error> for Unknown {
    fn from(error: stems::Error) -> Self {
        Unknown::Here(error)
    }
}

/// A song on its way out of a child.
pub(super) struct Decoded(Raw<Samples>);

impl Sound for Decoded {
    fn format(&self) -> &Format {
        self.0.format()
    }

    fn next(&mut self, piece: &mut Vec<f32>) -> stems::Result<()> {
        self.0.next(piece).map_err(|e| match e.kind() {
            ErrorKind::Read => stems::Error::new(ErrorKind::Damaged, e.to_string()),
            _ => e,
        })
    }
}

struct Samples {
    decoding: Decoding,
    runtime: Handle,
}

impl Read for Samples {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.runtime.block_on(self.decoding.read(buffer)).map_err(|e| {
            let words = if e.words.is_empty() { String::new() } else { format!(": {}", e.words.trim()) };
            io::Error::other(format!("{e}{words}"))
        })
    }
}
