//! The level that an H.264 stream has to claim, so that a player knows whether it can play it (ITU-T H.264 table A-1).

use crate::probe::Rate;

/// Level, macroblocks in a second, macroblocks in a frame, and kbit/s of the high profile.
const LEVELS: [(&str, u64, u64, u64); 10] = [
    ("3.0", 40_500, 1_620, 12_500),
    ("3.1", 108_000, 3_600, 17_500),
    ("3.2", 216_000, 5_120, 25_000),
    ("4.0", 245_760, 8_192, 25_000),
    ("4.1", 245_760, 8_192, 62_500),
    ("4.2", 522_240, 8_704, 62_500),
    ("5.0", 589_824, 22_080, 168_750),
    ("5.1", 983_040, 36_864, 300_000),
    ("5.2", 2_073_600, 36_864, 300_000),
    ("6.2", 16_711_680, 139_264, 1_000_000),
];

/// The least level for frames of this size, so many in a second, of so many bits.
pub(super) fn h264(width: u32, height: u32, fps: Rate, kbps: Option<u32>) -> Option<&'static str> {
    let (across, down) = (u64::from(width.div_ceil(16)), u64::from(height.div_ceil(16)));
    let blocks = across * down;
    // Rates are fractions: 1620 blocks at 25000/1001 are within 40,500 exactly.
    let within = |per_second: u64| blocks * u64::from(fps.frames()) <= per_second * u64::from(fps.seconds());
    LEVELS
        .iter()
        .find(|(_, per_second, per_frame, most_kbps)| {
            // An edge may have at most the root of eight times the frame's blocks.
            let edge = across.max(down);
            blocks <= *per_frame
                && edge * edge <= 8 * per_frame
                && within(*per_second)
                && kbps.is_none_or(|kbps| u64::from(kbps) <= *most_kbps)
        })
        .map(|(level, ..)| *level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_sizes_have_their_usual_levels() {
        let check = |width, height, fps, kbps, level| {
            assert_eq!(
                h264(width, height, Rate::new(fps, 1).unwrap(), kbps),
                level,
                "{width}x{height}@{fps}"
            );
        };
        check(640, 360, 30, None, Some("3.0"));
        check(720, 576, 25, None, Some("3.0"));
        check(854, 480, 30, None, Some("3.1"));
        check(1_280, 720, 30, None, Some("3.1"));
        check(1_280, 720, 60, None, Some("3.2"));
        check(1_920, 1_080, 30, None, Some("4.0"));
        check(1_920, 1_080, 60, None, Some("4.2"));
        check(3_840, 2_160, 30, None, Some("5.1"));
        check(3_840, 2_160, 60, None, Some("5.2"));
        check(640, 360, 30, Some(20_000), Some("3.2"));
        check(8_192, 8_192, 30, None, None);
        check(16_000, 16, 30, None, Some("6.2"));
    }
}
