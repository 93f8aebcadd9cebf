//! The text of playlists.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use budget::limits::PLAYLIST_PIECE_BYTES;
use bytes::Bytes;
use http_body::Frame;
use transform::{PLAYLIST_BEGINNING, Segments};

use super::here::Here;

/// The list of all segments, written while it is sent: that of a day has twenty thousand lines, and takes no more memory
/// than any other.
pub(super) struct Listed {
    of: &'static str,
    here: Here,
    segments: Segments,
    next: Option<u64>,
}

impl Listed {
    /// The segments of `video` or `audio` at a place.
    pub(super) fn new(of: &'static str, here: Here, segments: Segments) -> Listed {
        Listed { of, here, segments, next: None }
    }

    fn begin(&self, text: &mut String) {
        // Each length counts as a whole number of seconds, rounded (RFC 8216 section 4.3.3.1).
        let most_seconds = (self.segments.longest_us() + 500_000) / 1_000_000;
        let head = self.here.child(&format!("{}-init.mp4", self.of));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{PLAYLIST_BEGINNING}#EXT-X-TARGETDURATION:{}", most_seconds.max(1));
        let _ =
            writeln!(text, "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-MAP:URI=\"{head}\"");
    }

    fn segment(&self, text: &mut String, number: u64) {
        let us = self.segments.length_us(number);
        let address = self.here.child(&format!("{}-{number}.m4s", self.of));
        let _ = writeln!(text, "#EXTINF:{}.{:06},\n{address}", us / 1_000_000, us % 1_000_000);
    }

    /// The next lines; `None` when all were written.
    pub(super) fn more(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut next = self.next.unwrap_or_else(|| {
            self.begin(&mut text);
            0
        });
        let count = self.segments.count();
        if next > count {
            return None;
        }
        while next < count && text.len() < PLAYLIST_PIECE_BYTES {
            self.segment(&mut text, next);
            next += 1;
        }
        if next == count {
            text.push_str("#EXT-X-ENDLIST\n");
            next += 1;
        }
        self.next = Some(next);
        Some(text)
    }
}

impl http_body::Body for Listed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.more().map(|text| Ok(Frame::data(Bytes::from(text)))))
    }

    fn is_end_stream(&self) -> bool {
        self.next.is_some_and(|next| next > self.segments.count())
    }
}
