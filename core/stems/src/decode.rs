//! Files to samples, by decoders that run in this process.

mod edits;
mod media;
mod packets;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Error, ErrorKind, Result, Sound};
pub use media::Media;
use packets::Packets;

/// Finds out what kind of sound this is, and decodes its beginning.
///
/// MP3, FLAC, Vorbis, AAC-LC, ALAC, PCM and ADPCM are decoded, in whatever file they usually come. For the rest
/// ([`ErrorKind::Coding`]) another program decodes, and [`Raw`](crate::Raw) takes what it says. `extension` is a hint at most: the bytes
/// decide.
///
/// # Errors
/// Each way in which it can be no song has its own kind; see [`Error::is_the_songs`].
pub fn open(media: impl Media + 'static, extension: Option<&str>) -> Result<Box<dyn Sound>> {
    let packets = guarded(|| Packets::open(Box::new(media), extension))?;
    Ok(Box::new(Decoded { packets }))
}

struct Decoded {
    packets: Packets,
}

impl Sound for Decoded {
    fn format(&self) -> &crate::Format {
        self.packets.format()
    }

    fn next(&mut self, piece: &mut Vec<f32>) -> Result<()> {
        guarded(|| self.packets.next(piece))
    }
}

/// Bytes from strangers go through a lot of foreign arithmetic here, and sums are checked in what we ship: what stumbles
/// over its numbers has met a broken song, and is not asked again.
fn guarded<T>(decode: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(decode)).unwrap_or_else(|panic: Box<dyn Any + Send>| {
        drop(panic);
        Err(Error::new(ErrorKind::Damaged, "the song is broken: its decoder stumbled over it"))
    })
}
