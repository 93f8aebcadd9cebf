use std::path::Path;

use image::{ImageFormat, Rgba, RgbaImage};
use store::{LibraryFolder, RelPath};

use super::*;

/// A file with these bytes and some before and behind them, and where they lie in it.
fn part(bytes: &[u8]) -> (tempfile::TempDir, Part) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("song"), [&b"before"[..], bytes, b"behind"].concat()).unwrap();
    let source = open(folder.path());
    (folder, Part { source, offset: 6, count: bytes.len() as u64 })
}

fn open(folder: &Path) -> Source {
    LibraryFolder::open(folder).unwrap().open_source(&RelPath::parse("song").unwrap()).unwrap()
}

/// A picture whose left half is red and whose right half shows what is behind it.
fn half_red(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let half = |x, _| if x < width / 2 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 0, 0, 0]) };
    let picture = DynamicImage::from(RgbaImage::from_fn(width, height, half));
    let picture = if format == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn shrunk(bytes: &[u8], edge: u64) -> Result<RgbImage, Error> {
    let (_folder, part) = part(bytes);
    let edge = Edge::new(edge).unwrap();
    let jpeg = shrink(&part, edge, need_bytes(&part, edge)?)?;
    assert_eq!(image::guess_format(&jpeg).unwrap(), ImageFormat::Jpeg);
    Ok(image::load_from_memory(&jpeg).unwrap().into_rgb8())
}

#[test]
fn every_format_is_shrunk_in_shape_and_never_made_larger() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif] {
        let check = |edge, expected| {
            let small = shrunk(&half_red(400, 200, format), edge).unwrap();
            assert_eq!(small.dimensions(), expected, "{format:?} to {edge}");
            let [r, g, b] = small.get_pixel(small.width() / 4, small.height() / 2).0;
            assert!(r > 200 && g < 60 && b < 60, "{format:?}: red stays red: {r} {g} {b}");
        };
        check(100, (100, 50));
        check(1_000, (400, 200));
    }
    let clear = shrunk(&half_red(400, 200, ImageFormat::Png), 100).unwrap();
    assert!(clear.get_pixel(80, 25).0.iter().all(|colour| *colour > 240), "what shows through is white");
}

#[test]
fn what_is_no_picture_is_refused_by_name() {
    let mut cut = half_red(300, 300, ImageFormat::Png);
    cut.truncate(100);
    // The head of a PNG of 60,000 × 60,000 pixels: its checksum is right, its pixels are not there.
    let mut vast = half_red(10, 10, ImageFormat::Png);
    vast[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc32(&vast[12..29]);
    vast[29..33].copy_from_slice(&sum.to_be_bytes());
    for (bytes, kind, word) in [
        (&b"a text that is long enough to be looked at"[..], ErrorKind::Unsupported, "JPEG"),
        (&[], ErrorKind::Unsupported, "JPEG"),
        (&cut, ErrorKind::Unsupported, "picture"),
        (&vast, ErrorKind::TooLarge, "60000 × 60000"),
    ] {
        let refused = shrunk(bytes, 100).unwrap_err();
        assert_eq!(refused.kind, kind, "{refused:?}");
        assert!(refused.context.contains(word), "{refused}");
    }
}

#[test]
fn decoding_takes_no_more_than_was_said() {
    let bytes = half_red(2_000, 1_000, ImageFormat::Png);
    let (_folder, part) = part(&bytes);
    let edge = Edge::new(100).unwrap();
    let need = need_bytes(&part, edge).unwrap();
    assert!((16_000_000..17_000_000).contains(&need), "{need}");
    let refused = shrink(&part, edge, need / 4).unwrap_err();
    assert_eq!(
        refused.kind,
        ErrorKind::TooLarge,
        "a picture that lies about its size is stopped: {refused:?}"
    );
}

#[test]
fn what_is_packed_into_the_head_is_unpacked_within_what_was_said() {
    use image::ImageEncoder;
    use image::codecs::png::PngEncoder;
    for (profile_bytes, expected) in [(1_000, true), (8_000_000, false)] {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(vec![0; profile_bytes]).unwrap();
        encoder.write_image(&[0; 12], 2, 2, image::ExtendedColorType::Rgb8).unwrap();
        assert!(bytes.len() < 20_000, "it is packed: {}", bytes.len());
        let (_folder, part) = part(&bytes);
        let need = need_bytes(&part, Edge::new(80).unwrap()).unwrap();
        assert!(need < 100_000, "{need}");
        let profile = part.decoder(need).unwrap().icc_profile().unwrap();
        assert_eq!(profile.is_some(), expected, "{profile_bytes}");
    }
}

#[test]
fn what_would_be_made_of_it_alone_is_shown_as_it_is() {
    let edge = Edge::new(300).unwrap();
    for (width, height, format, expected) in [
        (300, 200, ImageFormat::Jpeg, true),
        (301, 200, ImageFormat::Jpeg, false),
        (200, 301, ImageFormat::Jpeg, false),
        (300, 200, ImageFormat::Png, false),
        (300, 200, ImageFormat::WebP, false),
    ] {
        let (_folder, part) = part(&half_red(width, height, format));
        assert_eq!(part.is_small(edge), expected, "{format:?} of {width} × {height}");
    }
    assert!(!part(b"a text").1.is_small(edge));
}

/// A grey picture of three components whose coefficients come in several scans, of which only the first is there.
fn progressive(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = [&b"\xff\xd8\xff\xdb\x00\x43\x00"[..], &[1; 64], b"\xff\xc2\x00\x11\x08"].concat();
    bytes.extend(height.to_be_bytes().into_iter().chain(width.to_be_bytes()));
    bytes.extend(b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00");
    // One code, a single 0: nothing changes from block to block.
    bytes.extend([&b"\xff\xc4\x00\x14\x00\x01"[..], &[0; 16]].concat());
    bytes.extend(b"\xff\xda\x00\x0c\x03\x01\x00\x02\x00\x03\x00\x00\x00\x00");
    let blocks = usize::from(width.div_ceil(8)) * usize::from(height.div_ceil(8)) * 3;
    bytes.extend(vec![0; blocks.div_ceil(8)]);
    bytes.extend(b"\xff\xd9");
    bytes
}

#[test]
fn what_waits_for_the_last_scan_of_a_jpeg_is_counted() {
    let bytes = progressive(2_000, 1_000);
    let (_folder, part) = part(&bytes);
    let need = need_bytes(&part, Edge::new(100).unwrap()).unwrap();
    assert!((18_000_000..19_000_000).contains(&need), "{need}");
    let small = shrunk(&bytes, 100).unwrap();
    assert_eq!((small.dimensions(), small.get_pixel(50, 25).0), ((100, 50), [128; 3]));
    let baseline = half_red(2_000, 1_000, ImageFormat::Jpeg);
    let (_folder, part) = self::part(&baseline);
    let need = need_bytes(&part, Edge::new(100).unwrap()).unwrap();
    assert!((12_000_000..13_000_000).contains(&need), "{need}");
}

/// CRC-32 as PNG has it (ISO 15948, annex D), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 },
        )
    })
}
