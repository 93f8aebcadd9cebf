//! FLAC: the blocks before the sound (RFC 9639 section 8).

use std::io;

use budget::limits::TAG_PARTS_MAX;

use super::comments::{self, Stream};
use super::picture::Pictures;
use super::sound::Sound;
use super::window::{Bytes, Window};
use super::words::Words;

const STREAM_INFO: u8 = 0;
const COMMENTS: u8 = 4;
const PICTURE: u8 = 6;

/// Reads the file whose marker `fLaC` stands at `base`.
pub(super) fn read<B: Bytes>(
    window: &mut Window<B>,
    base: u64,
    words: &mut Words,
    pictures: &mut Pictures,
) -> io::Result<Sound> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut at = base + 4;
    let mut sound = None;
    for _ in 0..TAG_PARTS_MAX {
        let [kind, a, b, c] = window.array_at(at)?;
        let (start, bytes) = (at + 4, u64::from(u32::from_be_bytes([0, a, b, c])));
        let end = start + bytes;
        match kind & 0x7f {
            STREAM_INFO if sound.is_none() && bytes >= 18 => {
                let told = stream_info(window.array_at(start)?);
                let md5 = if bytes >= 34 { checksum(window.array_at(start + 18)?) } else { None };
                sound = Some(Sound { md5, ..told });
            }
            _ if sound.is_none() => return Err(invalid("its first block is not STREAMINFO")),
            COMMENTS => comments::read(&mut Block { window, at: start, end }, words)?,
            PICTURE => offer_picture(window, start, end, pictures)?,
            _ => {}
        }
        at = end;
        if kind & 0x80 != 0 || at >= window.length() {
            break;
        }
    }
    let sound = sound.ok_or_else(|| invalid("it has no STREAMINFO block"))?;
    let sound_bytes = window.length().checked_sub(at).ok_or_else(|| invalid("it ends within its blocks"))?;
    Ok(sound.with_bitrate_of(sound_bytes))
}

/// Rate, channels, depth and length of the stream (RFC 9639 section 8.2).
pub(super) fn stream_info(block: [u8; 18]) -> Sound {
    let packed = u64::from_be_bytes([
        block[10], block[11], block[12], block[13], block[14], block[15], block[16], block[17],
    ]);
    let rate = packed >> 44;
    let samples = packed & ((1 << 36) - 1);
    Sound {
        sample_rate_hz: u32::try_from(rate).unwrap_or(0),
        channels: 1 + u32::try_from(packed >> 41 & 0x7).unwrap_or(0),
        bit_depth: Some(1 + u32::try_from(packed >> 36 & 0x1f).unwrap_or(0)),
        duration_ms: (samples * 1_000).checked_div(rate).unwrap_or(0),
        ..Sound::default()
    }
}

/// The MD5 of all samples; an encoder that does not know it writes zeros (RFC 9639 section 8.2).
pub(super) fn checksum(md5: [u8; 16]) -> Option<[u8; 16]> {
    (md5 != [0; 16]).then_some(md5)
}

/// Finds the picture's bytes in its block (RFC 9639 section 8.8). The length of the block is believed only as far as
/// the file reaches, the length of the picture only as far as the block does.
fn offer_picture<B: Bytes>(
    window: &mut Window<B>,
    start: u64,
    end: u64,
    pictures: &mut Pictures,
) -> io::Result<()> {
    if end > window.length() || end - start < 32 {
        return Ok(());
    }
    let kind = window.u32_at(start)?;
    let mut at = start + 4;
    // Media type, description.
    for _ in 0..2 {
        if at + 4 > end {
            return Ok(());
        }
        at += 4 + u64::from(window.u32_at(at)?);
    }
    // Width, height, depth, colours: 65,535 of them are four bytes here, and nothing more.
    at += 16;
    if at + 4 > end {
        return Ok(());
    }
    let count = u64::from(window.u32_at(at)?);
    at += 4;
    if at + count <= end { pictures.offer(window, kind, at, count) } else { Ok(()) }
}

/// The bytes of one block.
struct Block<'w, B> {
    window: &'w mut Window<B>,
    at: u64,
    end: u64,
}

impl<B: Bytes> Stream for Block<'_, B> {
    fn read_exact(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if self.end.saturating_sub(self.at) < buffer.len() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.window.read_exact_at(buffer, self.at)?;
        self.at += buffer.len() as u64;
        Ok(())
    }

    fn skip(&mut self, count: u64) -> io::Result<()> {
        self.at = self.at.saturating_add(count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use budget::limits::TAG_BYTES_MAX;

    use super::*;

    /// What ffmpeg wrote of half a second of 440 Hz, with the sum of its samples at the end.
    const INFO: [u8; 34] = [
        0x12, 0x00, 0x12, 0x00, 0x00, 0x04, 0x07, 0x00, 0x05, 0x0a, 0x0a, 0xc4, 0x42, 0xf0, 0x00, 0x00, 0x56,
        0x22, 0x8e, 0xb4, 0xf3, 0x8c, 0x6d, 0x95, 0xc2, 0x0e, 0xfd, 0xc6, 0xbe, 0xee, 0x63, 0x2a, 0x27, 0x7b,
    ];
    /// What `md5sum` says of the same samples, 16 bits each.
    const SUM: [u8; 16] = 0x8eb4_f38c_6d95_c20e_fdc6_beee_632a_277b_u128.to_be_bytes();

    /// The sum that is read of a file whose only block claims so many bytes; none at all where the file cannot be read.
    fn sum_of(block: &[u8], claimed: u8) -> Option<Option<[u8; 16]>> {
        let file = [b"fLaC", &[0x80, 0, 0, claimed][..], block].concat();
        let mut window = Window::new(&file[..]);
        window.allow(TAG_BYTES_MAX);
        let sound = read(&mut window, 0, &mut Words::default(), &mut Pictures::default()).ok()?;
        assert_eq!((sound.sample_rate_hz, sound.channels, sound.duration_ms), (44_100, 2, 500));
        Some(sound.md5)
    }

    #[test]
    fn the_sum_of_the_samples_is_read_where_the_file_says_it() {
        let unknown = [&INFO[..18], &[0; 16]].concat();
        for (what, block, claimed, expected) in [
            ("a whole block", &INFO[..], 34, Some(Some(SUM))),
            ("zeros, which stand for not known", &unknown, 34, Some(None)),
            ("a block that ends before it", &INFO[..18], 18, Some(None)),
            ("a block with a part of it", &INFO[..33], 33, Some(None)),
            ("a file that ends within it", &INFO[..33], 34, None),
        ] {
            assert_eq!(sum_of(block, claimed), expected, "{what}");
        }
    }
}
