//! Pictures, and what tells one from another.

use std::fmt;

use store::{Place, Stamp};

use super::Track;

/// Where a picture lies: a file or a blob of its own, or a slice of an audio file, exactly as it was embedded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cover {
    /// The picture itself, or the audio file that it is embedded in.
    pub place: Place,
    /// Where the picture's bytes start in it.
    pub offset: u64,
    /// How many bytes it has; `None` is to the end.
    pub count: Option<u64>,
    /// `image/jpeg`, `image/png`, `image/webp` or `image/gif`, by content.
    pub content_type: &'static str,
}

/// A number that is another one when something has another picture than before, and means nothing else. Who keeps pictures by
/// their names puts it into the name. It may change without the picture; it is shown as eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoverMark(pub u32);

impl CoverMark {
    /// That of a picture in a file that looks like this. As everywhere, the inode says nothing about the bytes.
    pub fn of(stamp: &Stamp) -> Self {
        let Stamp { length, modified_ns, changed_ns, inode: _ } = stamp;
        let numbers = [length.to_le_bytes(), modified_ns.to_le_bytes(), changed_ns.to_le_bytes()];
        // FNV-1a: it is kept, so it must be the same in every release.
        let step = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        CoverMark(numbers.as_flattened().iter().fold(0x811c_9dc5, step))
    }
}

impl fmt::Display for CoverMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl Track {
    /// The mark of the picture that it shows by itself, be it a frame, and not of its album's.
    pub fn own_cover_mark(&self) -> Option<CoverMark> {
        match &self.image {
            Some(image) => image.as_bytes().first_chunk().map(|start| CoverMark(u32::from_be_bytes(*start))),
            None => self.cover_mark,
        }
    }
}
