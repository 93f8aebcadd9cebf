//! What the head of a JPEG tells about the memory that decoding it takes.
//!
//! The decoder takes in all bytes of a file before it tells anything, so that nobody could be asked for a permit before.
//! Here the segments in front of the pixels are walked through, as the decoder walks through them.

use std::io::{self, BufReader, Read, Seek};

use budget::limits::PICTURE_HEAD_STEPS_MAX;
use image::metadata::Orientation;

use super::bytes;

/// A frame (ITU-T T.81 section B.2.2), and how it is scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) width: u32,
    pub(super) height: u32,
    /// How often each component is sampled within a block, across and down.
    sampling: Vec<(u64, u64)>,
    /// Whether its coefficients come in several scans, and wait in memory for the last.
    is_gathered: bool,
    /// Whether it is to be turned or mirrored before it is seen.
    pub(super) is_turned: bool,
}

// format: ITU-T T.81 table B.1
const FRAMES: std::ops::RangeInclusive<u8> = 0xc0..=0xc2;
const PROGRESSIVE: u8 = 0xc2;
const END: u8 = 0xd9;
// format: Exif 2.32 section 4.5.4
const EXIF: u8 = 0xe1;
const SCAN: u8 = 0xda;
const COMPONENTS_MAX: u8 = 4;
/// The width and height of a block.
const BLOCK_PIXELS: u64 = 8;

impl Head {
    /// Reads it, from the first byte of the picture on; nothing where there is none that can be decoded.
    pub(super) fn read<R: Read + Seek>(reader: &mut BufReader<R>) -> io::Result<Option<Head>> {
        let ([_, _], mut head, mut last, mut is_turned) = (bytes(reader)?, None, 0, false);
        for _ in 0..PICTURE_HEAD_STEPS_MAX {
            let [byte] = bytes(reader)?;
            let is_marker = last == u8::MAX && ![0, u8::MAX].contains(&byte);
            last = byte;
            if !is_marker {
                continue;
            }
            let segment_bytes = i64::from(u16::from_be_bytes(bytes(reader)?)) - 2;
            match byte {
                SCAN => return head.map(|head: Head| Head { is_turned, ..head }.scanned(reader)).transpose(),
                END => break,
                _ if segment_bytes < 0 => break,
                _ if FRAMES.contains(&byte) => {
                    head = Head::frame(reader, byte == PROGRESSIVE)?;
                    if head.is_none() {
                        break;
                    }
                }
                EXIF => is_turned |= tells_to_turn(reader, segment_bytes)?,
                _ => reader.seek_relative(segment_bytes)?,
            }
        }
        Ok(None)
    }

    fn frame(reader: &mut impl Read, is_gathered: bool) -> io::Result<Option<Head>> {
        let [_precision, h1, h2, w1, w2, components] = bytes(reader)?;
        let mut sampling = Vec::new();
        for _ in 0..components.min(COMPONENTS_MAX) {
            let [_id, factors, _table] = bytes(reader)?;
            sampling.push((u64::from(factors >> 4), u64::from(factors & 0xf)));
        }
        let (width, height) = (u16::from_be_bytes([w1, w2]).into(), u16::from_be_bytes([h1, h2]).into());
        let is_usual = |(across, down): &(u64, u64)| (1..=4).contains(across) && (1..=4).contains(down);
        let is_whole = (1..=COMPONENTS_MAX).contains(&components) && sampling.iter().all(is_usual);
        Ok(is_whole.then_some(Head { width, height, sampling, is_gathered, is_turned: false }))
    }

    /// What its first scan says, whose marker was read.
    fn scanned(mut self, reader: &mut impl Read) -> io::Result<Head> {
        let [components] = bytes(reader)?;
        self.is_gathered |= usize::from(components) != self.sampling.len();
        Ok(self)
    }

    /// What is decoded of it: grey, or three colours.
    pub(super) fn decoded_bytes(&self) -> u64 {
        let colours = if self.sampling.len() == 1 { 1 } else { 3 };
        u64::from(self.width) * u64::from(self.height) * colours
    }

    /// What waits beside that for its last scan: two bytes for each coefficient, in whole blocks.
    pub(super) fn gathered_bytes(&self) -> u64 {
        if !self.is_gathered {
            return 0;
        }
        let most = |factor: fn(&(u64, u64)) -> u64| self.sampling.iter().map(factor).max().unwrap_or(1);
        let across = u64::from(self.width).div_ceil(BLOCK_PIXELS * most(|factors| factors.0));
        let down = u64::from(self.height).div_ceil(BLOCK_PIXELS * most(|factors| factors.1));
        let blocks: u64 = self.sampling.iter().map(|(x, y)| x * y).sum();
        across * down * blocks * BLOCK_PIXELS * BLOCK_PIXELS * 2
    }
}

/// Whether a segment, of 64 KiB at most, says that the picture lies otherwise than it is to be seen.
fn tells_to_turn(reader: &mut impl Read, segment_bytes: i64) -> io::Result<bool> {
    let mut segment = vec![0; usize::try_from(segment_bytes).unwrap_or(0)];
    reader.read_exact(&mut segment)?;
    let told = segment.strip_prefix(b"Exif\0\0").and_then(Orientation::from_exif_chunk);
    Ok(told.is_some_and(|told| told != Orientation::NoTransforms))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A picture's bytes up to its pixels, with a comment in front and filling between.
    fn head(frame: u8, (width, height): (u16, u16), sampling: &[u8], scanned: u8) -> Vec<u8> {
        let mut bytes = b"\xff\xd8\xff\xfe\x00\x06\xff\xc0\xff\xda\xff\xff".to_vec();
        bytes.extend([frame, 0, 8 + 3 * sampling.len() as u8, 8]);
        bytes.extend(height.to_be_bytes().into_iter().chain(width.to_be_bytes()));
        bytes.push(sampling.len() as u8);
        bytes.extend(sampling.iter().flat_map(|factors| [1, *factors, 0]));
        bytes.extend([0xff, SCAN, 0, 6 + 2 * scanned, scanned]);
        bytes
    }

    #[test]
    fn what_waits_for_the_last_scan_is_counted_by_its_blocks() {
        let check = |bytes: Vec<u8>, expected| {
            let head = Head::read(&mut BufReader::new(Cursor::new(&bytes))).unwrap();
            let found =
                head.map(|head| (head.width, head.height, head.decoded_bytes(), head.gathered_bytes()));
            assert_eq!(found, expected, "{bytes:x?}");
        };
        let size = (1_600, 800);
        let pixels: u64 = 1_600 * 800;
        let usual = |decoded: u64, gathered: u64| Some((1_600, 800, decoded * pixels, gathered * pixels));
        check(head(0xc0, size, &[0x22, 0x11, 0x11], 3), usual(3, 0));
        check(head(0xc0, size, &[0x22, 0x11, 0x11], 1), usual(3, 3));
        check(head(0xc2, size, &[0x22, 0x11, 0x11], 3), usual(3, 3));
        check(head(0xc2, size, &[0x11, 0x11, 0x11], 3), usual(3, 6));
        check(head(0xc2, size, &[0x11; 4], 4), usual(3, 8));
        check(head(0xc2, size, &[0x11], 1), usual(1, 2));
        // One pixel is a block of 32 by 32.
        check(head(0xc2, (1, 1), &[0x44], 1), Some((1, 1, 1, 32 * 32 * 2)));
        check(head(0xc2, size, &[0x11; 5], 5), None);
        check(head(0xc2, size, &[0x10], 1), None);
        check(head(0xc3, size, &[0x11], 1), None);
        check([b"\xff\xd8".as_slice(), &vec![0; PICTURE_HEAD_STEPS_MAX]].concat(), None);
    }

    #[test]
    fn a_picture_is_turned_where_its_exif_says_so() {
        let exif = |orientation| {
            let mut segment = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
            segment.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
            segment
        };
        let check = |segment: &[u8], expected| {
            let rest = head(0xc0, (8, 8), &[0x11], 1);
            let bytes = [&b"\xff\xd8"[..], segment, &rest[2..]].concat();
            let head = Head::read(&mut BufReader::new(Cursor::new(&bytes))).unwrap().expect("a head");
            assert_eq!(head.is_turned, expected, "{segment:x?}");
        };
        check(&exif(6), true);
        check(&exif(1), false);
        check(b"\xff\xe1\x00\x08Exif\0\0", false);
        check(b"\xff\xe1\x00\x08http:/", false);
        check(b"", false);
    }
}
