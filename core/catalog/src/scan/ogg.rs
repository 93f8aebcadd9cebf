//! Vorbis, Opus, FLAC and Speex in Ogg: the first two packets, and the time of the last page.
//!
//! Pictures in Ogg are base64 text within a comment, so no slice of the file is one: they are left out, and stepped
//! over whatever their size.
//!
//! RFC 3533 section 6 (pages), RFC 7845 (Opus), RFC 9639 section 10.1 (FLAC), <https://xiph.org/vorbis/doc/Vorbis_I_spec.html>,
//! <https://www.speex.org/docs/manual/speex-manual/node8.html>

use std::io;

use super::comments::{self, Stream};
use super::flac;
use super::sound::Sound;
use super::window::{Bytes, Window};
use super::words::Words;
use crate::model;

/// How far before the end of a file its last page is looked for.
// format: RFC 3533 section 6, a page has at most 65,307 bytes
const TAIL_BYTES: u64 = 68 * 1024;
/// Opus counts time in these, whatever the sound was made with (RFC 7845 section 4).
const OPUS_RATE_HZ: u32 = 48_000;

/// Reads a file that begins with `OggS`.
pub(super) fn read<B: Bytes>(window: &mut Window<B>, words: &mut Words) -> io::Result<Sound> {
    let mut packets = Packets::new(window)?;
    let codec = codec(&mut packets)?;
    packets.next_packet()?;
    let mut signature = [0; 8];
    let expected = codec.comments_signature;
    packets.read_exact(&mut signature[..expected.len()])?;
    if &signature[..expected.len()] == expected {
        packets.skip(codec.comments_skip)?;
        comments::read(&mut packets, words)?;
    }
    // A picture among the comments is no sound, however long it is.
    let sound_bytes = packets.window.length().saturating_sub(packets.at);
    let samples = last_time(window)?.unwrap_or(0).saturating_sub(codec.samples_before);
    let heard_ms = samples.saturating_mul(1_000).checked_div(u64::from(codec.sound.sample_rate_hz));
    let duration_ms = heard_ms.filter(|ms| *ms > 0).unwrap_or(codec.sound.duration_ms);
    Ok(Sound { duration_ms, ..codec.sound }.with_bitrate_of(sound_bytes))
}

struct Codec {
    sound: Sound,
    /// Samples of the stream that are never heard.
    samples_before: u64,
    /// What the second packet begins with, and how much more there is before the comments.
    comments_signature: &'static [u8],
    comments_skip: u64,
}

/// What the first packet says; all kinds have at least nineteen bytes.
fn codec<B: Bytes>(packets: &mut Packets<'_, B>) -> io::Result<Codec> {
    let mut start = [0; 52];
    packets.read_exact(&mut start[..19])?;
    let sound = |rate_hz, channels| Sound { sample_rate_hz: rate_hz, channels, ..Sound::default() };
    let number = |start: &[u8; 52], at: usize| u32::from_le_bytes(std::array::from_fn(|n| start[at + n]));
    Ok(if start.starts_with(b"OpusHead") {
        Codec {
            sound: Sound { codec: Some(model::Codec::Opus), ..sound(OPUS_RATE_HZ, u32::from(start[9])) },
            samples_before: u64::from(u16::from_le_bytes([start[10], start[11]])),
            comments_signature: b"OpusTags",
            comments_skip: 0,
        }
    } else if start.starts_with(b"\x01vorbis") {
        let sound = sound(number(&start, 12), u32::from(start[11]));
        Codec { sound, samples_before: 0, comments_signature: b"\x03vorbis", comments_skip: 0 }
    } else if start.starts_with(b"\x7fFLAC") && &start[9..13] == b"fLaC" {
        // Each block is a packet with the header that it has in a file of its own; comments come first.
        packets.read_exact(&mut start[19..51])?;
        let sound = flac::stream_info(std::array::from_fn(|n| start[17 + n]));
        let md5 = flac::checksum(std::array::from_fn(|n| start[35 + n]));
        let sound = Sound { md5, ..sound };
        Codec { sound, samples_before: 0, comments_signature: b"", comments_skip: 4 }
    } else if start.starts_with(b"Speex   ") {
        packets.read_exact(&mut start[19..])?;
        let sound = sound(number(&start, 36), number(&start, 48));
        let sound = Sound { codec: Some(model::Codec::Speex), ..sound };
        Codec { sound, samples_before: 0, comments_signature: b"", comments_skip: 0 }
    } else {
        return Err(invalid("it holds none of Vorbis, Opus, FLAC and Speex"));
    })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// The time of the last page that has one, in samples.
fn last_time<B: Bytes>(window: &mut Window<B>) -> io::Result<Option<u64>> {
    let mut block = [0; 4096];
    let mut end = window.length();
    let stop = end.saturating_sub(TAIL_BYTES);
    while end > stop {
        // Blocks overlap by a page's header, so that none is cut in two.
        let start = end.saturating_sub(block.len() as u64 - 14).max(stop);
        let room = usize::try_from(window.length() - start).unwrap_or(usize::MAX).min(block.len());
        window.read_exact_at(&mut block[..room], start)?;
        let headers = block[..room].windows(14).rev().filter(|header| header.starts_with(b"OggS\0"));
        for header in headers {
            let time: [u8; 8] = std::array::from_fn(|index| header[6 + index]);
            // All ones: no packet ends on this page (RFC 3533 section 6).
            if time != [0xff; 8] {
                return Ok(Some(u64::from_le_bytes(time)));
            }
        }
        end = start;
    }
    Ok(None)
}

/// The packets of the first stream, taken apart from its pages.
struct Packets<'w, B> {
    window: &'w mut Window<B>,
    serial: [u8; 4],
    /// Lengths of the page's segments and the next one.
    segments: [u8; 255],
    count: usize,
    next: usize,
    /// Where the current segment goes on, and how much of it is left.
    at: u64,
    left: u64,
    /// Whether the current segment is a packet's last: those are shorter than 255.
    is_last: bool,
    next_page: u64,
}

impl<'w, B: Bytes> Packets<'w, B> {
    fn new(window: &'w mut Window<B>) -> io::Result<Self> {
        let serial = window.array_at(14)?;
        Ok(Packets {
            window,
            serial,
            segments: [0; 255],
            count: 0,
            next: 0,
            at: 0,
            left: 0,
            is_last: false,
            next_page: 0,
        })
    }

    /// Goes to the next page of this stream.
    fn turn_page(&mut self) -> io::Result<()> {
        loop {
            let header: [u8; 27] = self.window.array_at(self.next_page)?;
            if !header.starts_with(b"OggS\0") {
                return Err(invalid("a page does not begin with OggS"));
            }
            let count = usize::from(header[26]);
            self.window.read_exact_at(&mut self.segments[..count], self.next_page + 27)?;
            let body = self.next_page + 27 + count as u64;
            self.next_page = body + self.segments[..count].iter().map(|bytes| u64::from(*bytes)).sum::<u64>();
            if header[14..18] == self.serial {
                (self.count, self.next, self.at) = (count, 0, body);
                return Ok(());
            }
        }
    }

    /// Makes some bytes of the current packet be left; `false` at its end.
    fn fill(&mut self) -> io::Result<bool> {
        while self.left == 0 {
            if self.is_last {
                return Ok(false);
            }
            if self.next == self.count {
                self.turn_page()?;
                continue;
            }
            let bytes = self.segments[self.next];
            self.next += 1;
            self.left = u64::from(bytes);
            self.is_last = bytes < 255;
        }
        Ok(true)
    }

    /// Leaves the current packet, if it is not at its end.
    fn next_packet(&mut self) -> io::Result<()> {
        while self.fill()? {
            self.at += self.left;
            self.left = 0;
        }
        self.is_last = false;
        Ok(())
    }
}

impl<B: Bytes> Stream for Packets<'_, B> {
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len() - filled);
            self.window.read_exact_at(&mut buffer[filled..filled + count], self.at)?;
            filled += count;
            self.at += count as u64;
            self.left -= count as u64;
        }
        Ok(())
    }

    fn skip(&mut self, mut count: u64) -> io::Result<()> {
        while count > 0 {
            if !self.fill()? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let step = self.left.min(count);
            self.at += step;
            self.left -= step;
            count -= step;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
