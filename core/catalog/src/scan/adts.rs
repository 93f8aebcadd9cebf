//! AAC by itself: a row of frames, none of which says how many there are.
//!
//! ISO 13818-7 section 6.2

use std::io;

use budget::limits::TAG_PARTS_MAX;

use super::sound::Sound;
use super::window::{Bytes, Window};

// format: ISO 13818-7 section 6.2.1 (header), table 35 (rates), section 3.2 (samples of a block)
const HEADER_BYTES: u64 = 7;
const RATES_HZ: [u32; 13] =
    [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
const BLOCK_SAMPLES: u64 = 1_024;

struct Frame {
    bytes: u64,
    samples: u64,
    rate_hz: u32,
    channels: u32,
}

/// Whether this is how a frame begins. In its first two bytes only the layer, 0, tells it from one of MPEG audio.
pub(super) fn is_frame(start: &[u8]) -> bool {
    matches!(start, [0xff, second, ..] if second & 0xf6 == 0xf0)
}

fn frame(header: [u8; HEADER_BYTES as usize]) -> Option<Frame> {
    let [_, _, third, fourth, fifth, sixth, seventh] = header;
    let bytes = u64::from(fourth & 3) << 11 | u64::from(fifth) << 3 | u64::from(sixth >> 5);
    let rate_hz = *RATES_HZ.get(usize::from(third >> 2 & 0xf))?;
    let channels = match third << 2 & 4 | fourth >> 6 {
        7 => 8,
        number => u32::from(number),
    };
    let samples = BLOCK_SAMPLES * (u64::from(seventh & 3) + 1);
    (is_frame(&header) && bytes > HEADER_BYTES).then_some(Frame { bytes, samples, rate_hz, channels })
}

/// Reads the file whose first frame stands at `base`. It is as long as it would be if all of it were like its first frames.
pub(super) fn read<B: Bytes>(window: &mut Window<B>, base: u64) -> io::Result<Sound> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "no frame of AAC follows another in it");
    let first = frame(window.array_at(base)?).ok_or_else(invalid)?;
    let (mut at, mut samples, end) = (base, 0, window.length());
    for _ in 0..TAG_PARTS_MAX {
        if at + HEADER_BYTES > end {
            break;
        }
        let Some(next) = frame(window.array_at(at)?).filter(|next| next.rate_hz == first.rate_hz) else {
            break;
        };
        at += next.bytes;
        samples += next.samples;
    }
    if at == base + first.bytes && at < end {
        return Err(invalid());
    }
    let duration_ms = (samples * 1_000 / u64::from(first.rate_hz)).saturating_mul(end - base) / (at - base);
    let sound =
        Sound { duration_ms, sample_rate_hz: first.rate_hz, channels: first.channels, ..Sound::default() };
    Ok(sound.with_bitrate_of(end - base))
}
