//! Pictures: what one is, and which of those in a file is its cover. A picture is never read: only the place of its
//! bytes is kept, and its first sixteen bytes are looked at.

use std::io;

use budget::limits::COVER_BYTES_MAX;

use super::window::{Bytes, Window};

/// How many bytes [`sniff`] wants to see.
// format: the longest beginning is that of WebP, 12 bytes; no picture has fewer than 16
pub(super) const SNIFF_BYTES: usize = 16;
/// The picture type that ID3 and FLAC call "front cover" (ID3v2.4 section 4.14, RFC 9639 section 8.8).
const FRONT: u32 = 3;

/// The media type of a picture by its first bytes; `None` is no picture that browsers show.
pub(super) fn sniff(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        _ => None,
    }
}

/// A picture's bytes within a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) offset: u64,
    pub(super) count: u64,
    pub(super) content_type: &'static str,
}

/// The best picture of a file so far: a front cover before any other, and the first of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Pictures {
    best: Option<Slice>,
    is_front: bool,
}

impl Pictures {
    /// Looks at a picture that the file says lies there. It counts when it lies wholly within the file, is not too
    /// large, and starts as pictures do.
    pub(super) fn offer<B: Bytes>(
        &mut self,
        window: &mut Window<B>,
        kind: u32,
        offset: u64,
        count: u64,
    ) -> io::Result<()> {
        let better = self.best.is_none() || (kind == FRONT && !self.is_front);
        let inside = offset.checked_add(count).is_some_and(|end| end <= window.length());
        if !better || !inside || !(SNIFF_BYTES as u64..=COVER_BYTES_MAX).contains(&count) {
            return Ok(());
        }
        if let Some(content_type) = sniff(&window.array_at::<SNIFF_BYTES>(offset)?) {
            self.best = Some(Slice { offset, count, content_type });
            self.is_front = kind == FRONT;
        }
        Ok(())
    }

    pub(super) fn best(&self) -> Option<Slice> {
        self.best
    }
}
