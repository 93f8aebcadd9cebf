use super::*;

/// Layer III of version 1 at 128 kbit/s and 44.1 kHz: 417 bytes a frame.
fn mp3(frames: usize) -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(&[0xff, 0xfb, 0x90, 0x00]);
    frame.repeat(frames)
}

fn with(start: &[u8], bytes: usize) -> Vec<u8> {
    let mut head = start.to_vec();
    head.resize(bytes.max(start.len()), 0x55);
    head
}

fn ftyp(brands: &[&[u8; 4]]) -> Vec<u8> {
    let mut head = (8 + 4 * (brands.len() as u32 + 1)).to_be_bytes().to_vec();
    head.extend(b"ftyp");
    head.extend(brands[0]);
    head.extend([0; 4]);
    brands[1..].iter().for_each(|brand| head.extend(*brand));
    head.extend([0, 0, 0, 8, b'f', b'r', b'e', b'e']);
    head
}

fn ogg_page(packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0\x02".to_vec();
    page.extend([0; 20]);
    page.extend([1, packet.len() as u8]);
    page.extend(packet);
    page
}

#[test]
fn formats_are_told_by_content() {
    let check = |head: Vec<u8>, file: &str, expected: Format| {
        assert_eq!(sniff(&with(&head, SNIFF_BYTES), false, file), Sniffed::Format(expected), "{file}");
    };
    check(mp3(12), "named.txt", Format::Mp3);
    check([vec![0; 100], mp3(12)].concat(), "padded.mp3", Format::Mp3);
    check(b"ID3\x04\0\0\0\0\x20\0".to_vec(), "tagged.mp3", Format::Mp3);
    check([b"ID3\x04\0\0\0\0\0\x02..".to_vec(), b"fLaC".to_vec()].concat(), "x", Format::Flac);
    check(b"fLaC\0\0\0\x22".to_vec(), "x.mp3", Format::Flac);
    check(b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), "x", Format::Wav);
    check(b"RF64\xff\xff\xff\xffWAVEds64".to_vec(), "x", Format::Wav);
    check(b"FORM\0\0\0\0AIFCFVER".to_vec(), "x", Format::Aiff);
    check(ogg_page(b"\x01vorbis\0\0\0\0"), "x", Format::Ogg);
    check(ogg_page(b"OpusHead\x01\x02"), "x.ogg", Format::Opus);
    check(ftyp(&[b"M4A ", b"isom"]), "x.mp3", Format::M4a);
    check(ftyp(&[b"isom", b"M4A "]), "x", Format::M4a);
    check(ftyp(&[b"isom", b"mp42"]), "song.M4A", Format::M4a);
    check(ftyp(&[b"isom", b"mp42"]), "film.mp4", Format::Mp4);
    check(ftyp(&[b"qt  "]), "film", Format::Mov);
    check(b"\0\0\0\x08wide\0\0\0\0mdat".to_vec(), "film", Format::Mov);
    check(b"\x1a\x45\xdf\xa3....B\x82\x84webm....A_OPUS".to_vec(), "x", Format::WebmAudio);
    check(b"\x1a\x45\xdf\xa3....B\x82\x84webm..V_VP9..A_OPUS".to_vec(), "x", Format::Webm);
    check(b"\x1a\x45\xdf\xa3....B\x82\x88matroska".to_vec(), "x", Format::Mkv);
    check(b"\xff\xd8\xff\xe0\0\x10JFIF".to_vec(), "x", Format::Jpeg);
    check(b"\x89PNG\r\n\x1a\n".to_vec(), "x", Format::Png);
    check(b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), "x", Format::Webp);
    check(b"GIF89a".to_vec(), "x", Format::Gif);
}

#[test]
fn what_is_not_media_is_refused_by_what_it_looks_like() {
    let check = |head: &[u8], whole: bool, expected: Sniffed| {
        assert_eq!(sniff(head, whole, "song.mp3"), expected, "{:?}", String::from_utf8_lossy(head));
    };
    let lines = "A line of text, again and again.\n".repeat(200);
    check(lines.as_bytes(), false, Sniffed::Refused("it is a text"));
    check(&lines.as_bytes()[..100], false, Sniffed::Unknown);
    check(&lines.as_bytes()[..100], true, Sniffed::Refused("it is a text"));
    check("Zw\u{f6}lf".as_bytes(), true, Sniffed::Refused("it is a text"));
    check(b"<html>", true, Sniffed::Refused("it is a text with markup"));
    check(b"%PDF-1.7", true, Sniffed::Refused("it is a PDF document"));
    check(b"", true, Sniffed::Refused("it is empty"));
    check(b"", false, Sniffed::Unknown);
    check(&[7; 5_000], false, Sniffed::Refused("it begins like no format that is kept"));
    check(&mp3(1)[..300], false, Sniffed::Unknown);
    check(&[0xff; 5_000], false, Sniffed::Refused("it begins like no format that is kept"));
    check(
        &ogg_page(b"\x80theora...."),
        true,
        Sniffed::Refused("it is an Ogg file with neither Vorbis nor Opus in it"),
    );
    check(b"OggS\0", true, Sniffed::Refused("it begins like no format that is kept"));
    check(
        &ftyp(&[b"avif"]),
        true,
        Sniffed::Refused("it is a picture of a kind that is not kept; jpg, png, webp and gif are"),
    );
}

#[test]
fn one_short_frame_is_a_whole_file() {
    assert_eq!(sniff(&mp3(1), true, "x"), Sniffed::Format(Format::Mp3));
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_fail(head: Vec<u8>, whole: bool, start in 0_usize..8) {
        let starts: [&[u8]; 8] =
            [b"", b"ID3", b"OggS\0", b"\0\0\0\x20ftyp", b"\x1a\x45\xdf\xa3", b"RIFF", b"\xff\xfb\x90", b"FORM"];
        let head = [starts[start], &head].concat();
        if whole {
            proptest::prop_assert_ne!(sniff(&head, true, "x"), Sniffed::Unknown);
        } else {
            let _ = sniff(&head, false, "x");
        }
    }
}
