use super::*;
use crate::scan::fields::Field;

/// Pages of one stream, packets laced as RFC 3533 section 5 says, each packet on pages of its own.
fn pages(serial: u32, packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    for (time, packet) in packets {
        let mut lacing = vec![255; packet.len() / 255];
        lacing.push(u8::try_from(packet.len() % 255).unwrap());
        let mut bytes = &packet[..];
        for (number, segments) in lacing.chunks(255).enumerate() {
            let body: usize = segments.iter().map(|bytes| usize::from(*bytes)).sum();
            let is_last = (number + 1) * 255 >= lacing.len();
            let page_time = if is_last { *time } else { u64::MAX };
            file.extend(b"OggS\0\0");
            file.extend(page_time.to_le_bytes());
            file.extend(serial.to_le_bytes());
            file.extend([0; 8]);
            file.push(u8::try_from(segments.len()).unwrap());
            file.extend(segments);
            file.extend(&bytes[..body]);
            bytes = &bytes[body..];
        }
    }
    file
}

fn comments(values: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in ["vendor"].iter().chain(values) {
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value.as_bytes());
        if bytes.len() == 10 {
            bytes.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
        }
    }
    bytes
}

fn opus_head() -> Vec<u8> {
    b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0\0\0".to_vec()
}

fn opus(values: &[&str]) -> Vec<u8> {
    let tags = [b"OpusTags".to_vec(), comments(values)].concat();
    pages(7, &[(0, opus_head()), (0, tags), (96_000 + 312, vec![1; 600])])
}

fn read_bytes(file: &[u8]) -> io::Result<(Words, Sound)> {
    let mut window = Window::new(file);
    window.allow(1 << 20);
    let mut words = Words::default();
    read(&mut window, &mut words).map(|sound| (words, sound))
}

#[test]
fn opus_and_vorbis_are_read() {
    let (words, sound) =
        read_bytes(&opus(&["TITLE=a", "artist=b", "no equals sign", "ALBUMARTIST=c=d"])).unwrap();
    let values = [Field::Title, Field::Artist, Field::AlbumArtist].map(|field| words.first(field).unwrap());
    assert_eq!(values, ["a", "b", "c=d"]);
    assert_eq!((sound.duration_ms, sound.sample_rate_hz, sound.channels), (2_000, 48_000, 2));
    assert_eq!(sound.codec, Some(model::Codec::Opus));

    let head = [&b"\x01vorbis\0\0\0\0\x01"[..], &22_050_u32.to_le_bytes(), &[0; 14]].concat();
    let tags = [b"\x03vorbis".to_vec(), comments(&["title=v"])].concat();
    let (words, sound) = read_bytes(&pages(7, &[(0, head), (0, tags), (22_050, vec![1; 600])])).unwrap();
    assert_eq!(words.first(Field::Title).as_deref(), Some("v"));
    assert_eq!((sound.duration_ms, sound.sample_rate_hz, sound.channels), (1_000, 22_050, 1));
    assert_eq!(sound.codec, None, "Ogg stands for it");
}

#[test]
fn a_picture_over_many_pages_is_stepped_over() {
    let picture = format!("METADATA_BLOCK_PICTURE={}", "A".repeat(5_000_000));
    let (words, sound) = read_bytes(&opus(&["TITLE=a", &picture, "ALBUM=behind"])).unwrap();
    assert_eq!(words.first(Field::Album).as_deref(), Some("behind"));
    assert_eq!((sound.duration_ms, sound.bitrate_kbps), (2_000, 2));
}

#[test]
fn another_stream_between_the_pages_is_passed_over() {
    let own = pages(7, &[(0, opus_head())]);
    let other = pages(8, &[(0, vec![9; 300])]);
    let rest =
        pages(7, &[(0, [b"OpusTags".to_vec(), comments(&["TITLE=a"])].concat()), (48_312, vec![1; 20])]);
    let (words, sound) = read_bytes(&[own, other, rest].concat()).unwrap();
    assert_eq!((words.first(Field::Title).as_deref(), sound.duration_ms), (Some("a"), 1_000));
}

#[test]
fn a_comment_that_claims_gigabytes_ends_the_comments_and_not_the_track() {
    let mut tags = [b"OpusTags".to_vec(), comments(&["TITLE=a", "ALBUM=b"])].concat();
    let at = tags.windows(5).position(|bytes| bytes == b"ALBUM").unwrap();
    tags[at - 4..at].copy_from_slice(&[0xff; 4]);
    let (words, sound) =
        read_bytes(&pages(7, &[(0, opus_head()), (0, tags), (48_312, vec![1; 20])])).unwrap();
    assert_eq!((words.first(Field::Title).as_deref(), words.first(Field::Album)), (Some("a"), None));
    assert_eq!(sound.duration_ms, 1_000);
}

#[test]
fn what_is_neither_vorbis_nor_opus_is_refused_wherever_it_ends() {
    let video = pages(7, &[(0, b"\x80theora and more than nineteen bytes".to_vec())]);
    assert_eq!(read_bytes(&video).unwrap_err().kind(), io::ErrorKind::InvalidData);
    let whole = opus(&["TITLE=a"]);
    for end in 0..whole.len() {
        let _ = read_bytes(&whole[..end]);
    }
    // All segments full: a packet without an end.
    let endless = whole.iter().copied().take(27).chain([255; 255]).cycle().take(400_000).collect::<Vec<u8>>();
    assert!(read_bytes(&endless).is_err());
}
