//! Frames of MPEG audio: what is a stream of them is told by where one leads to the next.
//!
//! ISO 11172-3 section 2.4.2.3, ISO 13818-3 section 2.4.2.3

/// The length of a frame of MPEG audio, in bytes, with this second and third byte in its header; `None` when they are no
/// such header, or one that does not say the length.
pub fn mpeg_frame_bytes(second: u8, third: u8) -> Option<usize> {
    const KBPS_1: [[u16; 14]; 3] = [
        [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    ];
    const KBPS_2: [[u16; 14]; 2] = [
        [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    // The version: 0 is 2.5, 1 is reserved, 2 is 2, 3 is 1. The layer: 3 is I, 2 is II, 1 is III, 0 is not MPEG audio.
    let (version, layer) = (second >> 3 & 3, usize::from(second >> 1 & 3));
    let (rate, padding) = (usize::from(third >> 2 & 3), usize::from(third >> 1 & 1));
    if version == 1 || layer == 0 || rate == 3 {
        return None;
    }
    let layer = 3 - layer; // 0 is layer I.
    let table = if version == 3 { KBPS_1[layer] } else { KBPS_2[layer.min(1)] };
    // 0 is "free" and 15 forbidden.
    let kbps = usize::from(third >> 4).checked_sub(1).and_then(|index| table.get(index))?;
    let halvings = match version {
        3 => 0,
        2 => 1,
        _ => 2,
    };
    let hertz = [44_100, 48_000, 32_000][rate] >> halvings;
    let bits = usize::from(*kbps) * 1_000;
    let length = match (layer, version) {
        (0, _) => (12 * bits / hertz + padding) * 4,
        (1, _) | (2, 3) => 144 * bits / hertz + padding,
        _ => 72 * bits / hertz + padding,
    };
    (length > 4).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::mpeg_frame_bytes;

    #[test]
    fn a_header_says_how_long_its_frame_is() {
        for (second, third, expected) in [
            // Layer III of version 1: 128 kbit/s at 44.1 kHz, with and without padding; 320 at 32 kHz.
            (0xfb, 0x90, Some(417)),
            (0xfb, 0x92, Some(418)),
            (0xfb, 0xe8, Some(1_440)),
            // Layers II and I; versions 2 and 2.5.
            (0xfd, 0xa4, Some(576)),
            (0xff, 0x94, Some(288)),
            (0xf3, 0x80, Some(208)),
            (0xe3, 0x80, Some(417)),
            // A reserved version, no layer, a reserved rate, no bitrate, a forbidden one.
            (0xeb, 0x90, None),
            (0xf9, 0x90, None),
            (0xfb, 0x9c, None),
            (0xfb, 0x00, None),
            (0xfb, 0xf0, None),
        ] {
            assert_eq!(mpeg_frame_bytes(second, third), expected, "{second:#x} {third:#x}");
        }
    }
}
