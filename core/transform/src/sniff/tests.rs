use proptest::prelude::*;

use super::*;

fn check(head: &[u8], expected: Option<Demuxer>) {
    assert_eq!(Demuxer::of(head), expected, "{:02x?}", &head[..head.len().min(16)]);
}

#[test]
fn each_container_has_its_demuxer() {
    check(b"\0\0\0\x20ftypisom\0\0\x02\0", Some(Demuxer::Mov));
    check(b"\0\0\0\x14ftypqt  \0\0\x02\0", Some(Demuxer::Mov));
    check(b"\0\0\x10\0moov\0\0\0\x6cmvhd", Some(Demuxer::Mov));
    check(b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01", Some(Demuxer::Matroska));
    check(b"RIFF\0\0\0\0AVI LIST", Some(Demuxer::Avi));
    check(b"RIFF\0\0\0\0WAVEfmt ", Some(Demuxer::Wav));
    check(b"RF64\xff\xff\xff\xffWAVEds64", Some(Demuxer::Wav));
    check(b"FORM\0\0\0\0AIFCFVER", Some(Demuxer::Aiff));
    check(b"OggS\0\x02\0\0", Some(Demuxer::Ogg));
    check(b"fLaC\0\0\0\x22", Some(Demuxer::Flac));
    check(b"FLV\x01\x05", Some(Demuxer::Flv));
    check(b"GIF89a\x01\0", Some(Demuxer::Gif));
    check(b"\0\0\x01\xba\x44\0", Some(Demuxer::MpegPs));
    check(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", Some(Demuxer::Asf));
    check(b"wvpk\x20\x10\0\0", Some(Demuxer::WavPack));
}

#[test]
fn streams_without_a_container_are_known_by_two_frames() {
    let mp3 = [[0xff, 0xfb, 0x90, 0x64].as_slice(), &[0; 413], &[0xff, 0xfb, 0x90, 0x64], &[0; 9]].concat();
    check(&mp3, Some(Demuxer::Mp3));
    let aac = [0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc, 0, 0, 0xff, 0xf1, 0x50, 0x80, 0x01, 0x3f, 0xfc];
    check(&aac, Some(Demuxer::Aac));
    check(&[&mp3[..417], b"#EXTM3U".as_slice()].concat(), None);
    let packets = |first: usize, each: usize| {
        let mut head = vec![0; first + 3 * each];
        (0..3).for_each(|n| head[first + n * each] = 0x47);
        head
    };
    check(&packets(0, 188), Some(Demuxer::MpegTs));
    check(&packets(4, 192), Some(Demuxer::MpegTs));
    check(&packets(0, 188)[..300], None);
}

#[test]
fn what_follows_an_id3_tag_decides() {
    let tag = |size: u8| [b"ID3\x04\0\0\0\0\0".as_slice(), &[size], &vec![0; usize::from(size)]].concat();
    check(&[tag(20).as_slice(), b"fLaC\0\0"].concat(), Some(Demuxer::Flac));
    check(&[tag(20).as_slice(), &[0xff, 0xfb, 0x90, 0x64]].concat(), Some(Demuxer::Mp3));
    // A tag that is longer than what was read.
    check(&tag(100)[..50], Some(Demuxer::Mp3));
    check(b"ID3", None);
}

#[test]
fn a_text_is_never_given_to_a_demuxer() {
    for text in [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n",
        "ffconcat version 1.0\nfile /etc/passwd\n",
        "<?xml version=\"1.0\"?><MPD/>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        "[Script Info]\n",
        "WEBVTT\n\n",
        "",
    ] {
        check(text.as_bytes(), None);
    }
    // Pictures of one frame in tiles are not video, and a still may have any size.
    check(b"\0\0\0\x1cftypavif\0\0\0\0", None);
    check(b"\xff\xd8\xff\xe0\0\x10JFIF", None);
    check(b"\x89PNG\r\n\x1a\n", None);
}

proptest! {
    #[test]
    fn any_bytes_are_looked_at_without_a_fall(head in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Demuxer::of(&head);
        let tagged = [b"ID3".as_slice(), &head].concat();
        let _ = Demuxer::of(&tagged);
    }

    #[test]
    fn printable_text_has_no_demuxer(text in "[ -~\n\t]{0,80}") {
        // The one text that is a container by its first letters; its demuxer opens nothing else.
        let is_tag = ["ID3", "fLaC", "GIF8"].iter().any(|known| text.starts_with(known));
        let is_box = text.get(4..8) == Some("ftyp") || text.starts_with("RIFF") || text.starts_with("FORM");
        prop_assume!(!is_tag && !is_box);
        prop_assert_eq!(Demuxer::of(text.as_bytes()), None);
    }
}
