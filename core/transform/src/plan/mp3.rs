//! How long an MP3 is before it is made.
//!
//! A constant bitrate and a known number of samples are a known number of bytes, so that a player may jump about in what is
//! still being made. LAME puts a frame of silence in front (two of the short ones), fills the last one up, and pads frames
//! by a byte so that their average comes out; each number here was counted in what ffmpeg makes.

/// Bitrates of MPEG 1, which has the sample rates from 32 kHz on, in kbit/s (ISO 11172-3).
// format: of the codec
const LONG_KBPS: [u32; 14] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
/// Bitrates of MPEG 2 and 2.5, which have those below (ISO 13818-3).
// format: of the codec
const SHORT_KBPS: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/// What a frame holds.
struct Frame {
    samples: u64,
    in_front: u64,
    rates_kbps: &'static [u32],
}

impl Frame {
    fn at(rate_hz: u32) -> Frame {
        if rate_hz >= 32_000 {
            // format: of the codec
            Frame { samples: 1_152, in_front: 1, rates_kbps: &LONG_KBPS }
        } else {
            // format: of the codec
            Frame { samples: 576, in_front: 2, rates_kbps: &SHORT_KBPS }
        }
    }
}

/// The greatest bitrate that there is and that is not above this one; the least where all are.
pub(super) fn kbps_within(kbps: u32, rate_hz: u32) -> u32 {
    let rates = Frame::at(rate_hz).rates_kbps;
    let least = rates.first().copied().unwrap_or(kbps);
    rates.iter().rev().copied().find(|rate| *rate <= kbps).unwrap_or(least)
}

/// The bytes of so many samples, at a bitrate that there is.
pub(super) fn bytes(samples: u64, rate_hz: u32, kbps: u32) -> u64 {
    let Frame { samples: each, in_front, .. } = Frame::at(rate_hz);
    let frames = samples.div_ceil(each) + in_front;
    let (bits, hz) = (each / 8 * u64::from(kbps) * 1_000, u64::from(rate_hz));
    // A frame gets its byte when the ones before it fell behind by one, so the first never does.
    frames * (bits / hz) + ((frames - 1) * (bits % hz)).div_ceil(hz)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_that_ffmpeg_makes() {
        // Counted with ffmpeg 5.1 and LAME 3.100.
        for (samples, rate_hz, kbps, expected) in [
            (1, 44_100, 128, 835),
            (1_153, 44_100, 128, 1_253),
            (441_000, 44_100, 128, 160_496),
            (5_000, 44_100, 96, 1_881),
            (100_000, 44_100, 160, 45_976),
            (575, 22_050, 160, 1_567),
            (100_000, 22_050, 8, 4_598),
            (100_000, 24_000, 64, 33_792),
            (5_000, 11_025, 64, 4_597),
            (100_000, 8_000, 8, 12_672),
        ] {
            assert_eq!(
                bytes(samples, rate_hz, kbps),
                expected,
                "{samples} at {rate_hz} Hz and {kbps} kbit/s"
            );
        }
    }

    #[test]
    fn a_bitrate_is_one_that_there_is_and_never_more_than_was_asked() {
        let cases =
            [(100, 44_100, 96), (320, 48_000, 320), (9, 44_100, 32), (9, 22_050, 8), (400, 8_000, 160)];
        for (kbps, rate_hz, expected) in cases {
            assert_eq!(kbps_within(kbps, rate_hz), expected, "{kbps} at {rate_hz} Hz");
        }
    }
}
