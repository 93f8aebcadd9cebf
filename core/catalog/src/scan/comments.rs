//! Vorbis comments, as FLAC, Vorbis and Opus have them, read one by one: a comment as long as a picture is passed over.
//!
//! <https://xiph.org/vorbis/doc/v-comment.html>, RFC 9639 section 8.6, RFC 7845 section 5.2

use std::io;

use budget::limits::TAG_TEXT_BYTES_MAX;

use super::fields;
use super::lyrics::Lyrics;
use super::words::Words;

/// Something that is read from front to back.
pub(super) trait Stream {
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()>;
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

/// Reads the comments up to the last, or to where the stream ends.
pub(super) fn read(stream: &mut impl Stream, words: &mut Words) -> io::Result<()> {
    match read_all(stream, words) {
        // What was read before the comments broke off, or claimed too much, counts.
        Err(e) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::QuotaExceeded) => Ok(()),
        done => done,
    }
}

fn read_all(stream: &mut impl Stream, words: &mut Words) -> io::Result<()> {
    let vendor_bytes = length(stream)?;
    stream.skip(u64::from(vendor_bytes))?;
    let mut buffer = Vec::new();
    for _ in 0..length(stream)? {
        let bytes = u64::from(length(stream)?);
        let looked_at = bytes.min(TAG_TEXT_BYTES_MAX.max(words.lyrics_room()));
        buffer.resize(usize::try_from(looked_at).unwrap_or(0), 0);
        stream.read_exact(&mut buffer)?;
        stream.skip(bytes - looked_at)?;
        let text = String::from_utf8_lossy(&buffer);
        let (name, value) = text.split_once('=').unwrap_or_default();
        if let Some(field) = fields::named(name) {
            words.add(field, value);
        } else if words.lyrics_room() > 0 && fields::is_lyrics(name) {
            words.add_lyrics(Lyrics::of_text(value, None), value.len());
        }
    }
    Ok(())
}

fn length(stream: &mut impl Stream) -> io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
